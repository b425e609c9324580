#pragma once
// What a connector is to the channel runtime. A source turns its protocol into frames and carries
// the answers back; it knows nothing of the journal, mappings or the store.
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/spec.h"
#include "net/executor.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace carestream::channel {

// One frame and its way back to the peer. The source hands it out with the frame; it is answered
// once, from any thread. Answers leave in the order in which the frames came, whatever the order of
// the calls. Dropping it unanswered counts as Answer("").
class Exchange {
public:
    virtual ~Exchange() = default;
    // False once the peer has gone: the frame need not be accepted any more.
    [[nodiscard]] virtual bool Open() const = 0;
    // `ack` is the unframed acknowledgment; "" = nothing is to be sent.
    virtual void Answer(std::string ack) = 0;
    // A second message for this frame (enhanced mode's application acknowledgment), after Answer.
    virtual void Follow(std::string ack) = 0;
    // Ends the link once what was answered before has been sent. `why` goes to the log.
    virtual void Close(std::string_view why) = 0;
};

// Where a source delivers; thread-safe, never blocks. Frames of one peer come in their order.
class Sink {
public:
    virtual ~Sink() = default;
    virtual void Receive(std::string payload, std::shared_ptr<Exchange> exchange) = 0;
    // A frame that passes the source's limit; `head` is its beginning. The sink answers and closes.
    virtual void Oversized(std::string_view head, std::shared_ptr<Exchange> exchange) = 0;
};

class Source {
public:
    virtual ~Source() = default;  // Stop()
    // Accepts peers when it returns. `sink` outlives Stop. Errors: kUnavailable (taken port: who
    // has it and what moves it). May be called again after Stop.
    [[nodiscard]] virtual Result<void> Start(Sink& sink) = 0;
    // Takes no more frames, lets the answers of those under way leave for a bounded time, closes.
    // Idempotent; not from a thread of the executor. No call to the sink after it returns.
    virtual void Stop() = 0;
    // "127.0.0.1:2575", with the port that was really bound.
    [[nodiscard]] virtual std::string Describe() const = 0;
    [[nodiscard]] virtual int connections() const = 0;
};

// What every source gets. All outlive it.
struct SourceParts {
    std::string channel;
    net::Executor& executor;
    telemetry::Log& log;
    telemetry::Metrics& metrics;
    std::filesystem::path folder = {};  // of the channel's file: relative paths start there
};

// A kind of source, listed explicitly by who wires the program.
struct SourceType {
    config::Field field;  // key = its name below `source:`; kObject with its settings
    // Checks what needs more than the Spec (certificates, ...) and makes it, not started.
    std::function<Result<std::unique_ptr<Source>>(const config::Values&, const SourceParts&)> make;
};

}  // namespace carestream::channel
