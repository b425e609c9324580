#pragma once
// What a connector is to the channel runtime. A source turns its protocol into frames and carries
// the answers back; a destination carries messages out and gives back what comes of them. Neither
// knows anything of the journal, mappings or the store.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
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

// One message on its way out, as it is stored: repeated with the same bytes.
struct Outgoing {
    std::string control_id;  // MSH-10; of a resource a number of ours
    std::string bytes;       // HL7 v2, or a FHIR resource as JSON, which begins with '{'
};

struct Sending {
    enum class End : std::uint8_t {
        kAnswered,  // the sink took a message that came back as its answer
        kTaken,     // the destination has it for good; what came back is no message (a file, HTTP)
        kRefused,   // it did not take it and never will: `error` says why
        kUnsent,    // not taken now, because not a byte of it left or the destination said so
        kInDoubt,   // some of it left and no answer came: `error` says why
    };
    End end = End::kUnsent;
    Error error;
    std::string code = {};    // what was answered, short and without values: "429"; "" = nothing
    std::string answer = {};  // what came back, for people who look at the message; bounded
    Micros retry_after = 0;   // kUnsent: the destination wants to be left alone for so long
};

// Where a destination gives back what its peer says; called on a thread of the executor, one call
// at a time, and must not block.
class AnswerSink {
public:
    virtual ~AnswerSink() = default;
    // Any message that comes back: an acknowledgment, a late one, one of something else. True if it
    // answers what is being sent, which is over by that.
    virtual bool Answer(std::string message) = 0;
};

// Open and Send are asked one after the other, on a thread that may block: the next after the
// `done` of the one before. `done` is called once, within the call or on a thread of the executor.
class Destination {
public:
    virtual ~Destination() = default;  // Stop()
    // Connects nothing. `sink` outlives Stop.
    virtual void Start(AnswerSink& sink) = 0;
    // Ready to send; connects unless it is. Error: kUnavailable, not reachable now.
    virtual void Open(std::function<void(Result<void>)> done) = 0;
    // Now, without waiting? It may be over a moment later.
    [[nodiscard]] virtual bool IsOpen() const = 0;
    virtual void Send(Outgoing message, std::function<void(Sending)> done) = 0;
    // Ends what is under way (kUnsent, kInDoubt), closes. Idempotent; not from a thread of the
    // executor. No call to the sink after it returns.
    virtual void Stop() = 0;
    // "10.1.2.3:2575"
    [[nodiscard]] virtual std::string Describe() const = 0;
};

using DestinationParts = SourceParts;

// A kind of destination.
struct DestinationType {
    config::Field field;  // key = its name below `destination:`; kObject with its settings
    // Checks what needs more than the Spec and makes it, not started.
    std::function<Result<std::unique_ptr<Destination>>(const config::Values&,
                                                       const DestinationParts&)>
        make;
    bool takes_resources = false;  // FHIR as well as HL7 v2
    // What of that can be seen without other files: for lint. Empty: nothing.
    std::function<Result<void>(const config::Values&)> check = {};
};

}  // namespace carestream::channel
