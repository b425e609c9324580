#include "rest/outcome.h"

#include "fhir/json.h"

namespace carestream::rest {
namespace {

struct StatusAndCode {
    int status;
    std::string_view code;
};

StatusAndCode Classify(const Error& error, ErrorOrigin origin) {
    switch (error.code) {
        case Code::kInvalid:
            return {400, origin == ErrorOrigin::kBody ? "structure" : "invalid"};
        case Code::kNotFound:
            return {404, "not-found"};
        case Code::kGone:
            return {410, "deleted"};
        case Code::kConflict:
            return {409, "conflict"};
        case Code::kPreconditionFailed:
            return {412, "conflict"};
        case Code::kLimit:
            if (origin == ErrorOrigin::kStore) return {503, "throttled"};
            return {400, origin == ErrorOrigin::kSearch ? "too-costly" : "too-long"};
        case Code::kUnsupported:
            return {origin == ErrorOrigin::kSearch ? 400 : 501, "not-supported"};
        case Code::kDenied:
            return {403, "forbidden"};
        case Code::kUnavailable:
            return {503, "transient"};
        case Code::kInternal:
            break;
    }
    return {500, "exception"};
}

std::string_view CodeOfStatus(int status) {
    switch (status) {
        case 408:
            return "timeout";
        case 413:
        case 414:
        case 431:
            return "too-long";
        case 415:
            return "not-supported";
        case 500:
            return "exception";
        case 503:
            return "throttled";
        default:
            return "invalid";
    }
}

}  // namespace

std::string OutcomeJson(const std::vector<OutcomeIssue>& issues) {
    std::string out = R"({"resourceType":"OperationOutcome","issue":[)";
    for (const auto& issue : issues) {
        if (out.back() == '}') out += ',';
        out += R"({"severity":")";
        out += issue.severity;
        out += R"(","code":")";
        out += issue.code;
        out += R"(","diagnostics":)";
        fhir::WriteJsonString(issue.text, out);
        if (!issue.expression.empty()) {
            out += R"(,"expression":[)";
            fhir::WriteJsonString(issue.expression, out);
            out += ']';
        }
        out += '}';
    }
    out += "]}";
    return out;
}

net::Response OutcomeResponse(int status, const std::vector<OutcomeIssue>& issues) {
    auto response = net::Response::Text(status, kFhirJson, OutcomeJson(issues));
    if (status == 503) response.headers.emplace_back("Retry-After", "1");
    return response;
}

net::Response OutcomeResponse(int status, std::string_view code, std::string text,
                              std::string expression) {
    return OutcomeResponse(status, {{"error", code, std::move(text), std::move(expression)}});
}

net::Response OutcomeOf(const Error& error, ErrorOrigin origin) {
    const auto [status, code] = Classify(error, origin);
    return OutcomeResponse(status, code, error.message, error.path);
}

net::Response OutcomeOf(const std::vector<fhir::Issue>& issues) {
    std::vector<OutcomeIssue> list;
    list.reserve(issues.size());
    for (const auto& issue : issues) {
        list.push_back({"error", issue.code, issue.message, issue.expression});
    }
    return OutcomeResponse(422, list);
}

net::Response ServerErrorOutcome(int status, std::string_view text) {
    auto response = net::Response::Text(
        status, kFhirJson, OutcomeJson({{"error", CodeOfStatus(status), std::string(text)}}));
    response.route = "refused";
    return response;
}

}  // namespace carestream::rest
