#pragma once
// Messages out by HTTP: one POST each, to a URL that the operator names.
// Source: RFC 9110, RFC 6750 (bearer). Media type of HL7 v2: "application/hl7-v2"
// (HL7 v2.9 registration), of resources: FHIR R4 3.1.0.
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "adapters/http/answer.h"
#include "channel/spi.h"
#include "net/http_sender.h"
#include "net/url.h"

namespace carestream::adapters::http {

struct DestinationOptions {
    net::Url url;
    std::vector<std::pair<std::string, std::string>> headers;  // with Authorization
    Acknowledgment acknowledgment = Acknowledgment::kOptional;
    std::vector<int> retry_on;  // of 4xx
    net::SenderOptions sender;  // time-outs, TLS, longest answer
};

// `http:` below a channel's `destination:`.
[[nodiscard]] channel::DestinationType DestinationType();

// The options that the settings say; relative paths start at `folder`.
[[nodiscard]] Result<DestinationOptions> ReadDestinationOptions(
    const config::Values& values, const std::filesystem::path& folder);

// Connects with the first message and keeps one connection for the next. A redirect is followed by
// nobody. Errors: the files of `tls`.
[[nodiscard]] Result<std::unique_ptr<channel::Destination>> MakeDestination(
    DestinationOptions options, channel::DestinationParts parts);

}  // namespace carestream::adapters::http
