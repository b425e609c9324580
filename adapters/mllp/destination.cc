#include "adapters/mllp/destination.h"

#include <boost/asio/post.hpp>

#include "adapters/mllp/internal/link.h"
#include "base/text.h"

namespace carestream::adapters::mllp {

namespace {

using config::Field;
using config::Type;

class Destination final : public channel::Destination {
public:
    Destination(DestinationOptions options, channel::DestinationParts parts)
        : options_(std::move(options)),
          parts_(std::move(parts)),
          context_(Fnv32(parts_.channel) % parts_.executor.size()),
          junk_bytes_(parts_.metrics.counter("carestream_mllp_answer_junk_bytes_total",
                                             "Bytes from peers that belong to no frame.",
                                             {{"channel", parts_.channel}})) {}
    ~Destination() override { Stop(); }

    void Start(channel::AnswerSink& sink) override {
        link_ =
            std::make_shared<Link>(parts_.executor.context(context_), options_, sink, junk_bytes_);
    }
    void Open(std::function<void(Result<void>)> done) override {
        Post([link = link_, done = std::move(done)]() mutable { link->Open(std::move(done)); });
    }
    bool IsOpen() const override { return link_->open(); }
    void Send(channel::Outgoing message, std::function<void(channel::Sending)> done) override {
        Post([link = link_, bytes = std::move(message.bytes), done = std::move(done)]() mutable {
            link->Send(std::move(bytes), std::move(done));
        });
    }
    void Stop() override {
        if (link_ == nullptr) return;
        parts_.executor.RunOn(context_, [this] { link_->Stop(); });
    }
    std::string Describe() const override { return options_.connect_to.ToString(); }

private:
    template <typename Task>
    void Post(Task task) {
        boost::asio::post(parts_.executor.context(context_), std::move(task));
    }

    const DestinationOptions options_;
    const channel::DestinationParts parts_;
    const std::size_t context_;
    telemetry::Counter& junk_bytes_;
    std::shared_ptr<Link> link_;
};

Field TimeField(const char* key, const char* description, const char* value, std::int64_t min) {
    return {.key = key,
            .type = Type::kDuration,
            .description = description,
            .default_text = value,
            .min = min,
            .max = 3'600'000};
}

Field TlsField() {
    return {.key = "tls",
            .type = Type::kObject,
            .description =
                "Encrypts the link. Files are read at start and at each reload that changes this "
                "destination; relative paths start at the channel file's folder.",
            .fields = {
                {.key = "use",
                 .type = Type::kBoolean,
                 .description = "Turns TLS on. The peer's certificate is always checked.",
                 .default_text = "false"},
                {.key = "ca",
                 .type = Type::kPath,
                 .description = "PEM file with the authorities that are trusted; absent = the "
                                "system's."},
                {.key = "certificate",
                 .type = Type::kPath,
                 .description = "PEM file with our certificate and its chain, for mutual TLS."},
                {.key = "key", .type = Type::kPath, .description = "PEM file with its key."},
                {.key = "server_name",
                 .description = "What the peer's certificate must name; absent = the host of "
                                "`connect_to`."},
                {.key = "version_min",
                 .type = Type::kChoice,
                 .description = "Oldest version of TLS.",
                 .default_text = "\"1.2\"",
                 .choices = {"1.2", "1.3"}},
            }};
}

Field MllpField() {
    return {
        .key = "mllp",
        .type = Type::kObject,
        .description = "HL7 v2 over MLLP.",
        .fields = {
            {.key = "connect_to",
             .type = Type::kAddress,
             .description = "Where the receiver listens.",
             .required = true,
             .example = "interface-engine.hospital.internal:2575"},
            {.key = "connect",
             .type = Type::kChoice,
             .description = "`keep`: the link stays for the next message. `per_message`: a link "
                            "for each.",
             .default_text = "keep",
             .choices = {"keep", "per_message"}},
            TimeField("connect_timeout", "For the connection, with its TLS handshake.", "10s", 100),
            TimeField("ack_timeout", "From the last byte of a message to its ACK.", "30s", 100),
            TimeField("user_timeout",
                      "Frees a link whose peer has vanished without a word (TCP_USER_TIMEOUT); "
                      "keep-alive probes go out at half of it.",
                      "60s", 2000),
            {.key = "answer_bytes_max",
             .type = Type::kBytes,
             .description = "Longest answer; at a longer one the link closes.",
             .default_text = "1MiB",
             .min = 1024,
             .max = 64 << 20},
            TlsField(),
        }};
}

Result<net::TlsContext> ReadTls(const config::Values& tls, const Position& position,
                                const std::filesystem::path& folder) {
    const bool named =
        tls.Has("ca") || tls.Has("certificate") || tls.Has("key") || tls.Has("server_name");
    if (!tls.Boolean("use")) {
        if (!named) return net::TlsContext();
        return FailAt(position, "'tls' has settings and is off; turn it on with 'use: true'");
    }
    if (tls.Has("certificate") != tls.Has("key")) {
        return FailAt(position, "'tls' needs 'certificate' and 'key' together");
    }
    net::TlsClientOptions client;
    if (tls.Has("ca")) client.ca_file = folder / tls.String("ca");
    if (tls.Has("certificate")) client.certificate_file = folder / tls.String("certificate");
    if (tls.Has("key")) client.key_file = folder / tls.String("key");
    client.version_min =
        tls.String("version_min") == "1.3" ? net::TlsVersion::k13 : net::TlsVersion::k12;
    auto context = net::MakeTlsContext(client);
    if (context) return context;
    Error error = std::move(context).error();
    error.position = position;
    return Fail(std::move(error));
}

}  // namespace

Result<DestinationOptions> ReadDestinationOptions(const config::Values& values,
                                                  const std::filesystem::path& folder) {
    DestinationOptions options;
    auto address = net::ParseAddress(values.String("connect_to"));
    if (!address || address->port == 0) {
        return FailAt(values.PositionOf("connect_to"),
                      address ? "'connect_to' needs a port" : address.error().message);
    }
    options.connect_to = std::move(*address);
    options.keep = values.String("connect") == "keep";
    options.connect_timeout_ms = static_cast<int>(values.Integer("connect_timeout"));
    options.ack_timeout_ms = static_cast<int>(values.Integer("ack_timeout"));
    options.user_timeout_ms = static_cast<int>(values.Integer("user_timeout"));
    options.answer_bytes_max = static_cast<std::size_t>(values.Integer("answer_bytes_max"));
    const config::Values& tls = values.Object("tls");
    CARESTREAM_ASSIGN(context, ReadTls(tls, values.PositionOf("tls"), folder));
    options.tls = std::move(context);
    options.server_name =
        tls.Has("server_name") ? tls.String("server_name") : options.connect_to.host;
    return options;
}

std::unique_ptr<channel::Destination> MakeDestination(DestinationOptions options,
                                                      channel::DestinationParts parts) {
    return std::make_unique<Destination>(std::move(options), std::move(parts));
}

channel::DestinationType DestinationType() {
    return {MllpField(),
            [](const config::Values& values, const channel::DestinationParts& parts)
                -> Result<std::unique_ptr<channel::Destination>> {
                CARESTREAM_ASSIGN(options, ReadDestinationOptions(values, parts.folder));
                return MakeDestination(std::move(options), parts);
            }};
}

}  // namespace carestream::adapters::mllp
