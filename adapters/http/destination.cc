#include "adapters/http/destination.h"

#include <string>
#include <utility>

#include "base/text.h"
#include "net/address.h"
#include "net/http_date.h"

namespace carestream::adapters::http {

namespace {

using channel::Sending;
using config::Field;
using config::Type;

constexpr int kIdleMs = 10'000;  // shorter than servers usually keep connections
constexpr int kRedirect = 300;

Error Said(int status, const std::string& what) {
    return Error{Code::kUnavailable,
                 what + " (HTTP status " + std::to_string(status) + ")",
                 {},
                 {},
                 0,
                 true};
}

// Without a message that answers it.
Sending ByStatus(const net::ClientResponse& response, const DestinationOptions& options,
                 bool message, Micros now) {
    Sending sending;
    const int status = response.status;
    sending.code = std::to_string(status);
    sending.answer = response.body;
    switch (Judge(status, options.retry_on)) {
        case Verdict::kTaken:
            sending.end = Sending::End::kTaken;
            if (message && options.acknowledgment == Acknowledgment::kRequired) {
                sending.end = Sending::End::kInDoubt;
                sending.error = Said(status, "the answer holds no acknowledgment of the message");
            }
            break;
        case Verdict::kRefused:
            sending.end = Sending::End::kRefused;
            sending.error = Said(status, "the receiver refuses it");
            break;
        case Verdict::kNotNow:
            sending.end = Sending::End::kUnsent;
            sending.error =
                Said(status,
                     status >= kRedirect && status < 400
                         ? "the receiver has moved, and redirects are not followed: correct 'url'"
                         : "the receiver does not take it now");
            sending.retry_after = net::ParseRetryAfter(response.Header("Retry-After"), now);
            break;
        case Verdict::kInDoubt:
            sending.end = Sending::End::kInDoubt;
            sending.error = Said(status, "a gateway passed it on and got no answer");
            break;
    }
    return sending;
}

class Destination final : public channel::Destination {
public:
    Destination(DestinationOptions options, std::unique_ptr<net::HttpSender> sender)
        : options_(std::move(options)), sender_(std::move(sender)) {}
    ~Destination() override { Stop(); }

    void Start(channel::AnswerSink& sink) override { sink_ = &sink; }
    // There is no link to open: the first message finds out.
    void Open(std::function<void(Result<void>)> done) override { done({}); }
    bool IsOpen() const override { return true; }
    void Send(channel::Outgoing message, std::function<void(Sending)> done) override {
        const bool is_message = !message.bytes.starts_with('{');
        net::OutboundRequest request;
        request.url = options_.url;
        request.headers = options_.headers;
        request.headers.emplace_back("Content-Type", ContentTypeOf(message.bytes));
        request.headers.emplace_back("X-Request-Id", RequestIdOf(message.control_id));
        request.body = std::move(message.bytes);
        sender_->Send(std::move(request), [this, is_message, done = std::move(done)](
                                              Result<net::ClientResponse> answer, bool sent) {
            done(EndOf(std::move(answer), sent, is_message));
        });
    }
    void Stop() override { sender_->Stop(); }
    std::string Describe() const override { return options_.url.Origin(); }

private:
    Sending EndOf(Result<net::ClientResponse> answer, bool sent, bool is_message) {
        if (!answer) {
            return {sent ? Sending::End::kInDoubt : Sending::End::kUnsent,
                    std::move(answer).error()};
        }
        const bool read = is_message && options_.acknowledgment != Acknowledgment::kNone &&
                          IsMessage(answer->body);
        if (read) {
            if (sink_->Answer(std::string(Trim(answer->body))))
                return {Sending::End::kAnswered, {}};
            // It may be a refusal all the same: what it means is for people to find out.
            return {Sending::End::kInDoubt,
                    Said(answer->status,
                         "the message in the answer does not acknowledge ours "
                         "(MSA-1, MSA-2)"),
                    std::to_string(answer->status), std::move(answer->body)};
        }
        return ByStatus(*answer, options_, is_message, clock_.Now());
    }

    const DestinationOptions options_;
    const SystemClock clock_;
    channel::AnswerSink* sink_ = nullptr;
    const std::unique_ptr<net::HttpSender> sender_;  // ends first: its callbacks use the others
};

Field TimeField(const char* key, const char* description, const char* value) {
    return {.key = key,
            .type = Type::kDuration,
            .description = description,
            .default_text = value,
            .min = 100,
            .max = 3'600'000};
}

Field TlsField() {
    return {.key = "tls",
            .type = Type::kObject,
            .description =
                "Of an https URL. Files are read at start and at each reload that "
                "changes this destination; relative paths start at the channel file's "
                "folder.",
            .fields = {
                {.key = "ca",
                 .type = Type::kPath,
                 .description = "PEM file with the authorities that are trusted; absent = the "
                                "system's. The certificate must name the host of `url`."},
                {.key = "certificate",
                 .type = Type::kPath,
                 .description = "PEM file with our certificate and its chain, for mutual TLS."},
                {.key = "key", .type = Type::kPath, .description = "PEM file with its key."},
                {.key = "version_min",
                 .type = Type::kChoice,
                 .description = "Oldest version of TLS.",
                 .default_text = "\"1.2\"",
                 .choices = {"1.2", "1.3"}},
            }};
}

Field HttpField() {
    return {
        .key = "http",
        .type = Type::kObject,
        .description =
            "A POST for each message: HL7 v2 as `application/hl7-v2`, with the charset of MSH-18, "
            "or "
            "a resource as `application/fhir+json`. 2xx is taken; 4xx is refused (a dead letter) "
            "but for `retry_on`; 5xx and a receiver that is not there are tried again, with "
            "Retry-After; no answer after the request left, and 504, are ambiguous. Redirects are "
            "not followed.",
        .fields = {
            {.key = "url",
             .description = "Where messages go: https, or http with `plain`.",
             .required = true,
             .example = "https://interface-engine.hospital.internal/hl7"},
            {.key = "plain",
             .type = Type::kBoolean,
             .description = "Allows an http URL of another machine: whoever is on the way reads "
                            "the messages.",
             .default_text = "false"},
            {.key = "bearer",
             .type = Type::kSecret,
             .description = "Sent as `Authorization: Bearer ...`.",
             .example = "${file:/etc/carestream/ehr.token}"},
            {.key = "headers",
             .type = Type::kSecret,
             .description = "More headers, by name.",
             .map = true,
             .example = "{X-Api-Key: \"${file:/etc/carestream/ehr.key}\"}"},
            {.key = "acknowledgment",
             .type = Type::kChoice,
             .description =
                 "An HL7 v2 acknowledgment in the answer's body. `optional`: where there is one "
                 "its "
                 "MSA-1 decides (`on_ack`), else the status. `required`: 2xx without one is "
                 "ambiguous. `none`: it is not looked at.",
             .default_text = "optional",
             .choices = {"none", "optional", "required"}},
            {.key = "retry_on",
             .type = Type::kInteger,
             .description = "4xx that say nothing against the message: it is tried again.",
             .list = true,
             .default_text = "[401, 403, 408, 425, 429]",
             .example = "408, 429",
             .min = 400,
             .max = 499},
            TimeField("connect_timeout", "For the connection.", "10s"),
            TimeField("answer_timeout", "For all of a message, up to its answer.", "60s"),
            {.key = "answer_bytes_max",
             .type = Type::kBytes,
             .description = "Of an answer's body; the rest is not read.",
             .default_text = "256KiB",
             .min = 1024,
             .max = 64 << 20},
            TlsField(),
        }};
}

Result<net::Url> ReadUrl(const config::Values& values) {
    const Position& position = values.PositionOf("url");
    auto url = net::ParseUrl(values.String("url"));
    if (!url) return FailAt(position, "'url': " + url.error().message);
    net::Address address;
    address.host = url->host;
    if (!url->tls && !values.Boolean("plain") && !address.IsLocal()) {
        return FailAt(position,
                      "an http URL shows messages to whoever is on the way; use https, or say "
                      "'plain: true'");
    }
    return url;
}

Result<net::TlsClientOptions> ReadTls(const config::Values& tls, const Position& position,
                                      const std::filesystem::path& folder) {
    if (tls.Has("certificate") != tls.Has("key")) {
        return FailAt(position, "'tls' needs 'certificate' and 'key' together");
    }
    net::TlsClientOptions client;
    if (tls.Has("ca")) client.ca_file = folder / tls.String("ca");
    if (tls.Has("certificate")) client.certificate_file = folder / tls.String("certificate");
    if (tls.Has("key")) client.key_file = folder / tls.String("key");
    client.version_min =
        tls.String("version_min") == "1.3" ? net::TlsVersion::k13 : net::TlsVersion::k12;
    return client;
}

Result<void> CheckHeaders(const DestinationOptions& options, const Position& position) {
    constexpr const char* kOurs[] = {"content-type", "x-request-id"};
    int authorizations = 0;
    for (const auto& [name, value] : options.headers) {
        const std::string lower = ToLowerAscii(name);
        if (lower == "authorization") ++authorizations;
        for (const char* ours : kOurs) {
            if (lower != ours) continue;
            return FailAt(position, "'headers': '" + name + "' is set by this destination");
        }
    }
    if (authorizations > 1) {
        return FailAt(position, "'headers' and 'bearer' both set Authorization; one of them goes");
    }
    auto checked = net::CheckHeaders(options.headers);
    if (!checked) return FailAt(position, "'headers': " + checked.error().message);
    return {};
}

}  // namespace

Result<DestinationOptions> ReadDestinationOptions(const config::Values& values,
                                                  const std::filesystem::path& folder) {
    DestinationOptions options;
    CARESTREAM_ASSIGN(url, ReadUrl(values));
    options.url = std::move(url);
    for (const auto& [name, value] : values.Map("headers")) {
        options.headers.emplace_back(name, Trim(value));  // files usually end with a line
    }
    if (const std::string& bearer = values.String("bearer"); !bearer.empty()) {
        options.headers.emplace_back("Authorization", "Bearer " + std::string(Trim(bearer)));
    }
    CARESTREAM_TRY(CheckHeaders(
        options, values.PositionOf(values.Map("headers").empty() ? "bearer" : "headers")));
    const std::string& acknowledgment = values.String("acknowledgment");
    options.acknowledgment = acknowledgment == "none"       ? Acknowledgment::kNone
                             : acknowledgment == "required" ? Acknowledgment::kRequired
                                                            : Acknowledgment::kOptional;
    for (const std::string& status : values.Strings("retry_on")) {
        options.retry_on.push_back(std::stoi(status));
    }
    if (!options.url.tls && (values.Object("tls").Has("ca") || values.Object("tls").Has("key"))) {
        return FailAt(values.PositionOf("tls"), "'tls' has settings and 'url' is no https URL");
    }
    CARESTREAM_ASSIGN(tls, ReadTls(values.Object("tls"), values.PositionOf("tls"), folder));
    options.sender.tls = std::move(tls);
    // Who wrote the URL may also reach what is private.
    options.sender.policy.allow_private = true;
    options.sender.connections_max = 1;
    options.sender.idle_max = 1;
    options.sender.idle_timeout_ms = kIdleMs;
    options.sender.connect_timeout_ms = static_cast<int>(values.Integer("connect_timeout"));
    options.sender.tls_timeout_ms = options.sender.connect_timeout_ms;
    options.sender.exchange_timeout_ms = static_cast<int>(values.Integer("answer_timeout"));
    options.sender.body_bytes_max = static_cast<std::size_t>(values.Integer("answer_bytes_max"));
    return options;
}

Result<std::unique_ptr<channel::Destination>> MakeDestination(DestinationOptions options,
                                                              channel::DestinationParts parts) {
    CARESTREAM_ASSIGN(sender, net::HttpSender::Create(parts.executor, options.sender));
    return std::make_unique<Destination>(std::move(options), std::move(sender));
}

channel::DestinationType DestinationType() {
    return {HttpField(),
            [](const config::Values& values, const channel::DestinationParts& parts)
                -> Result<std::unique_ptr<channel::Destination>> {
                CARESTREAM_ASSIGN(options, ReadDestinationOptions(values, parts.folder));
                auto made = MakeDestination(std::move(options), parts);
                if (made) return made;
                Error error = std::move(made).error();
                error.position = values.PositionOf("tls");
                return Fail(std::move(error));
            },
            true,
            [](const config::Values& values) -> Result<void> {
                CARESTREAM_TRY(ReadDestinationOptions(values, {}));
                return {};
            }};
}

}  // namespace carestream::adapters::http
