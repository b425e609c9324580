#pragma once
// OperationOutcomes and what status goes with which error.
// Source: FHIR R4 3.1.0.1.6 (status codes), value set issue-type.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/validator.h"
#include "net/http.h"

namespace carestream::rest {

constexpr std::string_view kFhirJson = "application/fhir+json; charset=utf-8";

struct OutcomeIssue {
    std::string_view severity = "error";  // error, warning, information
    std::string_view code;                // issue-type: invalid, not-found, ...
    std::string text;                     // for people; without patients' values
    std::string expression = {};          // FHIRPath or the parameter's name
};

[[nodiscard]] std::string OutcomeJson(const std::vector<OutcomeIssue>& issues);

[[nodiscard]] net::Response OutcomeResponse(int status, const std::vector<OutcomeIssue>& issues);
[[nodiscard]] net::Response OutcomeResponse(int status, std::string_view code, std::string text,
                                            std::string expression = {});

// Where an error came up decides what a limit or something unsupported means to the client.
enum class ErrorOrigin { kSearch, kStore, kBody };

[[nodiscard]] net::Response OutcomeOf(const Error& error, ErrorOrigin origin);
// 422, one issue each.
[[nodiscard]] net::Response OutcomeOf(const std::vector<fhir::Issue>& issues);

// Answers of the HTTP server itself (408, 413, 503, ...): for HttpOptions::error_response.
[[nodiscard]] net::Response ServerErrorOutcome(int status, std::string_view text);

}  // namespace carestream::rest
