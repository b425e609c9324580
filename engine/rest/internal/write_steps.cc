#include "rest/internal/write_steps.h"

#include <algorithm>
#include <utility>

#include "rest/internal/access_note.h"
#include "rest/internal/authorize.h"

namespace carestream::rest {
namespace {

// Somebody has to make space first.
constexpr const char* kDiskRetryAfter = "30";

// Conditions that FHIR knows and this server does not evaluate are refused, never ignored.
std::string_view UnknownCondition(const Exchange& exchange) {
    const auto& request = exchange.request;
    const bool create = exchange.route.interaction == Interaction::kCreate;
    if (!request.Header("If-None-Match").empty()) return "If-None-Match";
    if (!request.Header("If-Unmodified-Since").empty()) return "If-Unmodified-Since";
    if (create && !request.Header("If-Match").empty()) return "If-Match";
    if (!create && !request.Header("If-None-Exist").empty()) return "If-None-Exist";
    return {};
}

void SendRuleError(Exchange& exchange, const Error& error) {
    const bool busy = error.code == Code::kLimit || error.code == Code::kUnavailable;
    exchange.Refuse(busy ? 503 : 422,
                    busy                               ? "throttled"
                    : error.code == Code::kUnsupported ? "not-supported"
                                                       : "invalid",
                    error.message, error.path);
}

// The same mark at which messages are no longer acknowledged: PostgreSQL must not run full.
void SendDiskLow(Exchange& exchange) {
    auto response =
        OutcomeResponse(503, "no-store",
                        "the server's disk has less free space than its configuration asks for "
                        "(store.disk_free_min); writes are possible again once there is space");
    for (auto& [name, value] : response.headers) {
        if (name == "Retry-After") value = kDiskRetryAfter;
    }
    exchange.Send(std::move(response));
}

}  // namespace

bool RefuseWrite(Exchange& exchange) {
    const auto& disk_low = exchange.state->parts.disk_low;
    if (disk_low && disk_low()) {
        SendDiskLow(exchange);
        return true;
    }
    if (RefuseUnaudited(exchange)) return true;
    if (exchange.RefuseParameters()) return true;
    if (const auto name = UnknownCondition(exchange); !name.empty()) {
        exchange.Refuse(501, "not-supported", "this condition is not offered here",
                        std::string(name));
        return true;
    }
    return false;
}

Result<void> ReadIfMatch(const Exchange& exchange, std::optional<std::int32_t>& if_match) {
    const std::string_view text = exchange.request.Header("If-Match");
    if (text.empty() || IsAnyTag(text)) return {};
    CARESTREAM_ASSIGN(version, ParseETag(text));
    if_match = version;
    return {};
}

void MakeReferencesRelative(std::string_view base, fhir::Node& node) {
    for (fhir::Node& item : node.items()) MakeReferencesRelative(base, item);
    for (fhir::Member& member : node.members()) {
        const std::string& text = member.value.text();
        // A response may name its questionnaire by the url at which this server shows it.
        const bool names = member.name == "reference" || member.name == "questionnaire";
        const bool own = names && member.value.IsString() && text.size() > base.size() + 1 &&
                         text.starts_with(base) && text[base.size()] == '/';
        if (own) {
            member.value = fhir::Node::String(text.substr(base.size() + 1));
        } else {
            MakeReferencesRelative(base, member.value);
        }
    }
}

bool FollowsRules(Exchange& exchange, fhir::Node* resource) {
    for (const WriteRule& rule : exchange.state->parts.write_rules) {
        if (rule.type != exchange.route.type) continue;
        if (resource == nullptr && !rule.check_delete) continue;
        if (resource != nullptr && rule.validate) {
            if (const auto issues = rule.validate(*resource); !issues.empty()) {
                exchange.Send(OutcomeOf(issues));
                return false;
            }
        }
        const auth::Principal& who = exchange.access->principal();
        const Result<void> checked = resource == nullptr ? rule.check_delete(who, exchange.route.id)
                                                         : rule.check(who, *resource);
        if (checked) continue;
        SendRuleError(exchange, checked.error());
        return false;
    }
    return true;
}

bool FollowsChangeRules(Exchange& exchange, const fhir::Node& before, fhir::Node* resource) {
    for (const WriteRule& rule : exchange.state->parts.write_rules) {
        if (rule.type != exchange.route.type || !rule.check_change) continue;
        const Result<void> checked =
            rule.check_change(exchange.access->principal(), before, resource);
        if (checked) continue;
        SendRuleError(exchange, checked.error());
        return false;
    }
    return true;
}

bool HasChangeRule(const Exchange& exchange) {
    const auto& rules = exchange.state->parts.write_rules;
    return std::any_of(rules.begin(), rules.end(), [&](const WriteRule& rule) {
        return rule.type == exchange.route.type && rule.check_change;
    });
}

void SendNotOfToken(Exchange& exchange) {
    exchange.Refuse(403, "forbidden",
                    "the resource is not one that the token may write: it is to be of the token's "
                    "patient alone, or of its clinics, and within its scopes");
}

void SendOvertaken(Exchange& exchange) {
    exchange.Refuse(412, "conflict", "the current version is not the one that If-Match names",
                    exchange.route.type);
}

void SendWritten(Exchange& exchange, Result<store::RestResult> written) {
    if (!written) {
        exchange.Refuse(written.error(), ErrorOrigin::kStore);
        return;
    }
    // The match of a condition was not written by this client.
    const bool own = exchange.route.interaction != Interaction::kCreate || written->created ||
                     IsVisible(exchange, written->version, auth::Action::kRead);
    if (own) exchange.Show(written->version);
    if (!own) exchange.preferences.returning = ReturnPreference::kMinimal;
    net::Response response;
    response.status = written->created ? 201 : 200;
    AddVersionHeaders(exchange, written->version, true, response);
    switch (exchange.preferences.returning) {
        case ReturnPreference::kMinimal:
            break;
        case ReturnPreference::kRepresentation:
            response.headers.emplace_back("Content-Type", kFhirJson);
            response.body.push_back(std::move(written->version.body));
            break;
        case ReturnPreference::kOutcome: {
            const std::string_view text =
                written->created ? "created"
                                 : (written->unchanged ? "nothing had to be changed" : "updated");
            response.headers.emplace_back("Content-Type", kFhirJson);
            response.body.push_back(
                OutcomeJson({{"information", "informational", std::string(text)}}));
        }
    }
    exchange.Send(std::move(response));
}

}  // namespace carestream::rest
