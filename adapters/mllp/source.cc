#include "adapters/mllp/source.h"

#include <algorithm>

#include "config/references.h"

namespace carestream::adapters::mllp {

namespace {

using config::Field;
using config::Type;

Field TlsField() {
    return {
        .key = "tls",
        .type = Type::kObject,
        .description =
            "Encrypts the link. Files are read at start and at each reload that "
            "changes this source; relative paths start at the channel file's folder.",
        .fields = {
            {.key = "certificate",
             .type = Type::kPath,
             .description = "PEM file with the certificate and its chain; turns TLS on.",
             .example = "/etc/carestream/tls/mllp.crt"},
            {.key = "key", .type = Type::kPath, .description = "PEM file with its private key."},
            {.key = "client_ca",
             .type = Type::kPath,
             .description = "PEM file with the authorities whose clients may connect: turns on "
                            "mutual TLS."},
            {.key = "version_min",
             .type = Type::kChoice,
             .description = "Oldest version of TLS.",
             .default_text = "\"1.2\"",
             .choices = {"1.2", "1.3"}},
            {.key = "handshake_timeout",
             .type = Type::kDuration,
             .description = "Time for the TLS handshake.",
             .default_text = "10s",
             .min = 100},
        }};
}

Field SizeField(const char* key, const char* description, const char* value, std::int64_t min) {
    return {.key = key,
            .type = Type::kBytes,
            .description = description,
            .default_text = value,
            .min = min,
            .max = 16ll << 30};
}

Field TimeField(const char* key, const char* description, const char* value, std::int64_t min) {
    return {.key = key,
            .type = Type::kDuration,
            .description = description,
            .default_text = value,
            .min = min,
            .max = 86'400'000};
}

Field MllpField() {
    return {
        .key = "mllp",
        .type = Type::kObject,
        .description = "HL7 v2 over MLLP.",
        .fields = {
            {.key = "listen",
             .type = Type::kAddress,
             .description = "Where to listen. Every channel has its own port.",
             .required = true,
             .example = "127.0.0.1:2575"},
            {.key = "allow",
             .type = Type::kNetwork,
             .description = "Who may connect; empty = everyone who can reach the port.",
             .list = true,
             .default_text = "[]",
             .example = "10.20.0.0/16"},
            {.key = "connections_max",
             .type = Type::kInteger,
             .description = "The next connection is closed at once, logged and counted.",
             .default_text = "1024",
             .min = 1,
             .max = 100'000},
            SizeField("frame_bytes_max",
                      "Largest message; a longer one gets AR, then the link closes.", "64MiB", 64),
            TimeField("frame_timeout", "From the first to the last byte of a message.", "120s",
                      100),
            TimeField("idle_timeout",
                      "Closes a link without traffic; `none`: quiet nights are normal.", "none", 0),
            TimeField("write_timeout", "Closes a link whose peer does not read its ACKs.", "60s",
                      100),
            TimeField("user_timeout",
                      "Frees a link whose peer has vanished without a word (TCP_USER_TIMEOUT); "
                      "keep-alive probes go out at half of it.",
                      "60s", 2000),
            {.key = "in_flight_max",
             .type = Type::kInteger,
             .description = "Messages of one link that wait for their ACK; above it the link is "
                            "not read.",
             .default_text = "256",
             .min = 1,
             .max = 65'536},
            SizeField("in_flight_bytes_max", "The same in bytes; one message always fits.", "8MiB",
                      1),
            SizeField(
                "buffered_bytes_max",
                "Bytes of all links together that are not yet answered; above it no link is read.",
                "256MiB", 1 << 16),
            SizeField("ack_buffer_bytes_max",
                      "Answers that one peer has not taken yet; above it its link is not read.",
                      "256KiB", 1024),
            TlsField(),
        }};
}

}  // namespace

Result<ListenerOptions> ReadOptions(const config::Values& values,
                                    const std::filesystem::path& folder) {
    ListenerOptions options;
    CARESTREAM_ASSIGN(address, net::ParseAddress(values.String("listen")));
    options.listen = std::move(address);
    options.listen_variable = config::VariableIn(values.Written("listen"));
    for (const std::string& text : values.Strings("allow")) {
        CARESTREAM_ASSIGN(network, config::Network::Parse(text));
        options.allow.push_back(network);
    }
    const auto number = [&values](const char* key) {
        return static_cast<int>(values.Integer(key));
    };
    const auto bytes = [&values](const char* key) {
        return static_cast<std::size_t>(values.Integer(key));
    };
    options.connections_max = number("connections_max");
    options.frame_bytes_max = bytes("frame_bytes_max");
    options.frame_timeout_ms = number("frame_timeout");
    options.idle_timeout_ms = number("idle_timeout");
    options.write_timeout_ms = number("write_timeout");
    options.user_timeout_ms = number("user_timeout");
    options.in_flight_max = bytes("in_flight_max");
    options.in_flight_bytes_max = bytes("in_flight_bytes_max");
    options.buffered_bytes_max = bytes("buffered_bytes_max");
    options.ack_buffer_bytes_max = bytes("ack_buffer_bytes_max");
    const config::Values& tls = values.Object("tls");
    options.handshake_timeout_ms = static_cast<int>(tls.Integer("handshake_timeout"));
    const bool wants_tls = tls.Has("certificate") || tls.Has("key") || tls.Has("client_ca");
    if (!wants_tls) return options;
    if (!tls.Has("certificate") || !tls.Has("key")) {
        return FailAt(values.PositionOf("tls"), "'tls' needs both 'certificate' and 'key'");
    }
    net::TlsServerOptions server;
    server.certificate_file = folder / tls.String("certificate");
    server.key_file = folder / tls.String("key");
    // Empty stays empty: no mutual TLS.
    if (tls.Has("client_ca")) server.client_ca_file = folder / tls.String("client_ca");
    server.version_min =
        tls.String("version_min") == "1.3" ? net::TlsVersion::k13 : net::TlsVersion::k12;
    auto context = net::MakeTlsContext(server);
    if (!context) {
        Error error = std::move(context).error();
        error.position = values.PositionOf("tls");
        return Fail(std::move(error));
    }
    options.tls = std::move(*context);
    return options;
}

channel::SourceType SourceType() {
    return {MllpField(),
            [](const config::Values& values,
               const channel::SourceParts& parts) -> Result<std::unique_ptr<channel::Source>> {
                CARESTREAM_ASSIGN(options, ReadOptions(values, parts.folder));
                return MakeListener(std::move(options), parts);
            }};
}

}  // namespace carestream::adapters::mllp
