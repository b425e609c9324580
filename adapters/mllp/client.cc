#include "adapters/mllp/client.h"

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>

#include "adapters/mllp/internal/transport.h"
#include "hl7/header.h"
#include "hl7/mllp.h"

namespace carestream::adapters::mllp {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t kReadBytes = 16u << 10;
constexpr auto kProgressEvery = milliseconds(200);

struct Item {
    std::size_t message = 0;  // index into the caller's list
    std::int64_t copy = 0;
    int attempts = 0;
};

std::string CodeOf(const std::string& ack) {
    for (std::size_t at = 0; at < ack.size();) {
        std::size_t end = ack.find_first_of("\r\n", at);
        if (end == std::string::npos) end = ack.size();
        const std::string_view segment(ack.data() + at, end - at);
        if (segment.size() > 4 && segment.starts_with("MSA")) {
            const std::string_view rest = segment.substr(4);
            return std::string(rest.substr(0, rest.find(segment[3])));
        }
        at = end + 1;
    }
    return {};
}

double Percentile(const std::vector<float>& sorted, double share) {
    if (sorted.empty()) return 0;
    const auto rank =
        static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
    return static_cast<double>(sorted[std::min(sorted.size() - 1, rank == 0 ? 0 : rank - 1)]);
}

// What the links share; all run on the caller's thread.
class Run {
public:
    Run(const std::vector<std::string>& messages_, const SendOptions& options_,
        net::TlsContext tls_)
        : messages(messages_), options(options_), tls(std::move(tls_)), began(Steady::now()) {}

    std::optional<Item> Take() {
        const auto total =
            static_cast<std::int64_t>(messages.size()) * std::max<std::int64_t>(1, options.repeat);
        if (options.seconds_max > 0 &&
            std::chrono::duration<double>(Steady::now() - began).count() >= options.seconds_max) {
            return std::nullopt;
        }
        if (next_ >= total) return std::nullopt;
        const std::int64_t number = next_++;
        return Item{static_cast<std::size_t>(number) % messages.size(),
                    number / static_cast<std::int64_t>(messages.size()) + 1, 0};
    }

    // When the item taken last may leave, by `rate`.
    Steady::time_point Due() const {
        if (options.rate <= 0) return began;
        return began + std::chrono::duration_cast<Steady::duration>(std::chrono::duration<double>(
                           static_cast<double>(next_ - 1) / options.rate));
    }

    std::string FrameOf(const Item& item) {
        const std::string& message = messages[item.message];
        ++report.sent;
        if (item.copy <= 1 || !options.fresh_control_ids) {
            report.bytes += static_cast<std::int64_t>(message.size());
            return hl7::FrameMllp(message);
        }
        const std::string copy = WithControlIdSuffix(message, "-" + std::to_string(item.copy));
        report.bytes += static_cast<std::int64_t>(copy.size());
        return hl7::FrameMllp(copy);
    }

    void Answered(const Item& item, const std::string& ack, Steady::duration waited) {
        ++report.answered;
        ++report.codes[CodeOf(ack)];
        latencies_ms.push_back(
            std::chrono::duration_cast<std::chrono::duration<float, std::milli>>(waited).count());
        if (options.on_ack) options.on_ack(item.message, ack);
        const auto now = Steady::now();
        if (options.on_progress && now >= next_progress_) {
            next_progress_ = now + kProgressEvery;
            options.on_progress(report.answered);
        }
    }

    void Failed(const std::string& what) { ++report.errors[what]; }

    const std::vector<std::string>& messages;
    const SendOptions& options;
    const net::TlsContext tls;
    const Steady::time_point began;
    asio::io_context io{1};
    std::vector<tcp::endpoint> endpoints;
    SendReport report;
    std::vector<float> latencies_ms;

private:
    std::int64_t next_ = 0;
    Steady::time_point next_progress_{};
};

// One connection and the message it has under way.
class Link : public std::enable_shared_from_this<Link> {
public:
    explicit Link(Run& run) : run_(run), timer_(run.io), decoder_({}) {}

    void Next() {
        if (!item_) {
            item_ = run_.Take();
            if (!item_) return Finish();
            const auto due = run_.Due();
            if (due > Steady::now()) {
                timer_.expires_at(due);
                timer_.async_wait([self = shared_from_this()](ErrorCode) { self->Send(); });
                return;
            }
        }
        Send();
    }

private:
    void Send() {
        if (transport_ == nullptr) return Connect();
        frame_ = run_.FrameOf(*item_);
        transport_->Write(asio::buffer(frame_),
                          [self = shared_from_this(), id = id_](ErrorCode error, std::size_t) {
                              if (id != self->id_) return;
                              // With TLS the peer may have refused us: its alert is there to read.
                              if (error && self->run_.tls != nullptr) return;
                              if (error) return self->Broken("send: " + error.message());
                              self->sent_at_ = Steady::now();
                          });
        Arm(run_.options.ack_timeout_ms, "no ACK in time");
        sent_at_ = Steady::now();
        Read();
    }

    void Connect() {
        ++id_;
        auto socket = std::make_shared<tcp::socket>(run_.io);
        Arm(run_.options.connect_timeout_ms, "connect: timeout", socket);
        asio::async_connect(
            *socket, run_.endpoints,
            [self = shared_from_this(), id = id_, socket](ErrorCode error, const tcp::endpoint&) {
                if (id != self->id_) return;
                if (error) return self->Broken("connect: " + error.message());
                self->Connected(std::move(*socket));
            });
    }

    void Connected(tcp::socket socket) {
        ErrorCode ignored;
        socket.set_option(tcp::no_delay(true), ignored);
        const auto& options = run_.options;
        const std::string& name = options.tls_options.server_name;
        transport_ = MakeTransport(std::move(socket), run_.tls, false,
                                   !options.tls_options.verify ? ""
                                   : name.empty()              ? options.to.host
                                                               : name);
        transport_->Handshake([self = shared_from_this(), id = id_](ErrorCode error) {
            if (id != self->id_) return;
            if (error) return self->Broken("TLS: " + error.message());
            self->timer_.cancel();
            self->Send();
        });
    }

    void Read() {
        transport_->Read(asio::buffer(buffer_),
                         [self = shared_from_this(), id = id_](ErrorCode error, std::size_t count) {
                             if (id == self->id_) self->OnRead(error, count);
                         });
    }

    void OnRead(ErrorCode error, std::size_t count) {
        // In TLS 1.3 the peer checks our certificate after our side of the handshake is done: what
        // it says then is all there is to learn.
        if (error.category() == asio::error::get_ssl_category()) {
            return Broken("TLS: " + error.message());
        }
        if (error) return Broken("the link closed before the ACK");
        const bool fed = decoder_.Feed({buffer_, count}).has_value();
        const auto ack = decoder_.Next();
        if (!fed) return Broken("an ACK is too long");
        if (!ack) return Read();
        ++id_;  // the timer's wait and a late write are over
        timer_.cancel();
        run_.Answered(*item_, *ack, Steady::now() - sent_at_);
        item_.reset();
        Next();
    }

    void Arm(int timeout_ms, const char* what, std::shared_ptr<tcp::socket> socket = nullptr) {
        timer_.expires_after(milliseconds(timeout_ms));
        timer_.async_wait([self = shared_from_this(), id = id_, what, socket](ErrorCode error) {
            if (error || id != self->id_) return;
            ErrorCode ignored;
            if (socket != nullptr && socket->is_open()) socket->close(ignored);
            self->Broken(what);
        });
    }

    void Broken(const std::string& what) {
        ++id_;
        timer_.cancel();
        if (transport_ != nullptr) transport_->Close();
        dead_ = std::move(transport_);  // its aborted operations still refer to it
        decoder_ = hl7::MllpDecoder({});
        run_.Failed(what);
        if (++item_->attempts > run_.options.retries) item_.reset();
        timer_.expires_after(milliseconds(item_ ? 100 : 0));
        timer_.async_wait([self = shared_from_this()](ErrorCode) { self->Next(); });
    }

    void Finish() {
        if (transport_ != nullptr) transport_->Close();
    }

    Run& run_;
    asio::steady_timer timer_;
    hl7::MllpDecoder decoder_;
    std::unique_ptr<Transport> transport_;
    std::unique_ptr<Transport> dead_;
    std::optional<Item> item_;
    std::string frame_;
    char buffer_[kReadBytes];
    Steady::time_point sent_at_;
    std::uint64_t id_ = 0;  // of the operation under way: what belongs to older ones is dropped
};

void Summarise(Run& run) {
    SendReport& report = run.report;
    report.seconds = std::chrono::duration<double>(Steady::now() - run.began).count();
    std::vector<float>& latencies = run.latencies_ms;
    std::sort(latencies.begin(), latencies.end());
    report.p50_ms = Percentile(latencies, 0.50);
    report.p99_ms = Percentile(latencies, 0.99);
    if (!latencies.empty()) report.max_ms = static_cast<double>(latencies.back());
}

}  // namespace

Result<SendReport> SendMessages(const std::vector<std::string>& messages,
                                const SendOptions& options) {
    if (messages.empty()) return Fail(Code::kInvalid, "there is no message to send");
    net::TlsContext tls;
    if (options.tls) {
        CARESTREAM_ASSIGN(made, net::MakeTlsContext(options.tls_options));
        tls = std::move(made);
    }
    Run run(messages, options, std::move(tls));
    ErrorCode error;
    tcp::resolver resolver(run.io);
    for (const auto& entry :
         resolver.resolve(options.to.host, std::to_string(options.to.port), error)) {
        run.endpoints.push_back(entry.endpoint());
    }
    if (error)
        return Fail(Code::kNotFound, "cannot find '" + options.to.host + "': " + error.message());
    std::vector<std::shared_ptr<Link>> links;
    for (int i = 0; i < std::max(1, options.connections); ++i) {
        links.push_back(std::make_shared<Link>(run));
        links.back()->Next();
    }
    run.io.run();
    Summarise(run);
    return run.report;
}

std::string WithControlIdSuffix(const std::string& message, const std::string& suffix) {
    const std::size_t start = message.find("MSH");
    if (start == std::string::npos || message.size() < start + 4) return message;
    const char field = message[start + 3];
    std::size_t at = start + 3;  // the delimiter before MSH-2
    for (int number = 2; number < 10; ++number) {
        at = message.find(field, at + 1);
        if (at == std::string::npos) return message;
    }
    const std::size_t segment_end = message.find_first_of("\r\n", start);
    if (at >= segment_end) return message;
    const std::size_t end = std::min(message.find(field, at + 1), segment_end);
    std::string copy = message;
    copy.insert(end == std::string::npos ? message.size() : end, suffix);
    return copy;
}

}  // namespace carestream::adapters::mllp
