#pragma once
// What the backport guide asks of notifications in R4, beyond R4 itself: cardinalities, fixed
// values and types of backport-subscription-notification-r4 and backport-subscription-status-r4,
// and that the parts agree with each other.
// Source: Subscriptions R5 Backport IG STU 1.1, profiles for R4.
#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "fhir/node.h"
#include "fhir/validator.h"

namespace carestream::test {

struct ParameterRule {
    std::string_view name;
    std::string_view value;  // its type; "" = parts
    int min = 0;
    int max = 1;  // 0 = any number
};

inline constexpr ParameterRule kStatusRules[] = {
    {"subscription", "valueReference", 1},
    {"topic", "valueCanonical"},
    {"status", "valueCode", 1},
    {"type", "valueCode", 1},
    {"events-since-subscription-start", "valueString"},
    {"notification-event", "", 0, 0},
    {"error", "valueCodeableConcept", 0, 0},
};
inline constexpr ParameterRule kEventRules[] = {
    {"event-number", "valueString", 1},
    {"timestamp", "valueInstant"},
    {"focus", "valueReference"},
    {"additional-context", "valueReference", 0, 0},
};
inline constexpr std::string_view kStatusCodes[] = {"requested", "active", "error", "off"};
inline constexpr std::string_view kNotificationCodes[] = {
    "handshake", "heartbeat", "event-notification", "query-status", "query-event"};

// Slices of a list of parameters (or parts): known names, each as often and with the value that the
// profile says.
template <std::size_t Count>
void CheckParameters(const fhir::Node* list, const ParameterRule (&rules)[Count],
                     std::vector<std::string>& issues) {
    std::map<std::string_view, int> counts;
    for (const fhir::Node& parameter :
         list == nullptr ? std::vector<fhir::Node>() : list->items()) {
        const std::string name(parameter.TextOf("name"));
        const auto rule = std::find_if(std::begin(rules), std::end(rules),
                                       [&](const auto& one) { return one.name == name; });
        if (rule == std::end(rules)) {
            issues.push_back("no parameter of the profile: " + name);
            continue;
        }
        ++counts[rule->name];
        const std::string member(rule->value.empty() ? "part" : rule->value);
        if (parameter.Find(member) == nullptr || parameter.members().size() != 2) {
            issues.push_back(name + " has no " + member + ", or more than that");
        }
    }
    for (const ParameterRule& rule : rules) {
        const int count = counts[rule.name];
        if (count < rule.min || (rule.max != 0 && count > rule.max)) {
            issues.push_back(std::string(rule.name) + " is there " + std::to_string(count) +
                             " times");
        }
    }
}

// The values of the parameters (or parts) of that name, as text; of a reference what it names.
inline std::vector<std::string> ValuesOf(const fhir::Node* list, std::string_view name) {
    std::vector<std::string> values;
    for (const fhir::Node& parameter :
         list == nullptr ? std::vector<fhir::Node>() : list->items()) {
        if (parameter.TextOf("name") != name) continue;
        for (const fhir::Member& member : parameter.members()) {
            if (!member.name.starts_with("value")) continue;
            values.push_back(member.value.IsString()
                                 ? member.value.text()
                                 : std::string(member.value.TextOf("reference")));
        }
    }
    return values;
}

inline void CheckStatus(const fhir::Node& status, std::vector<std::string>& issues) {
    const fhir::Node* list = status.Find("parameter");
    CheckParameters(list, kStatusRules, issues);
    const auto coded = [&](std::string_view name, const auto& codes) {
        for (const std::string& code : ValuesOf(list, name)) {
            if (std::find(std::begin(codes), std::end(codes), code) == std::end(codes)) {
                issues.push_back(std::string(name) + " is " + code);
            }
        }
    };
    coded("status", kStatusCodes);
    coded("type", kNotificationCodes);
    const auto since = ValuesOf(list, "events-since-subscription-start");
    long long last = 0;
    for (const fhir::Node& parameter : list->items()) {
        if (parameter.TextOf("name") != "notification-event") continue;
        const fhir::Node* parts = parameter.Find("part");
        CheckParameters(parts, kEventRules, issues);
        for (const std::string& text : ValuesOf(parts, "event-number")) {
            const long long number = std::stoll(text);
            if (number <= last) issues.push_back("event " + text + " is out of order");
            last = number;
        }
    }
    if (!since.empty() && std::stoll(since[0]) < last) issues.push_back("an event is not counted");
}

// Everything that is wrong with a notification, for people; empty = nothing.
inline std::vector<std::string> NotificationIssues(const fhir::Definitions& definitions,
                                                   const fhir::Node& bundle) {
    std::vector<std::string> issues;
    for (const auto& issue : fhir::Validate(definitions, bundle)) {
        issues.push_back(issue.expression + ": " + issue.message);
    }
    if (bundle.TextOf("resourceType") != "Bundle" || bundle.TextOf("type") != "history") {
        issues.emplace_back("no history Bundle");
    }
    const fhir::Node* entries = bundle.Find("entry");
    if (entries == nullptr || entries->items().empty()) return {"no entry"};
    const fhir::Node* status = entries->items()[0].Find("resource");
    if (status == nullptr || status->TextOf("resourceType") != "Parameters") {
        return {"the first entry is no SubscriptionStatus"};
    }
    CheckStatus(*status, issues);
    const auto subscription = ValuesOf(status->Find("parameter"), "subscription");
    std::vector<std::string> focus;
    for (const fhir::Node& parameter : status->Find("parameter")->items()) {
        for (std::string& url : ValuesOf(parameter.Find("part"), "focus")) {
            if (std::find(focus.begin(), focus.end(), url) == focus.end()) focus.push_back(url);
        }
    }
    for (const fhir::Node& entry : entries->items()) {
        // bdl-3 and bdl-4 of R4.
        const fhir::Node* request = entry.Find("request");
        if (request == nullptr || entry.Find("response") == nullptr ||
            request->TextOf("url").empty()) {
            issues.emplace_back("an entry without request or response");
        } else if (&entry == &entries->items()[0]) {
            if (subscription.empty() || request->TextOf("method") != "GET" ||
                request->TextOf("url") != subscription[0] + "/$status") {
                issues.emplace_back("the status is not requested by $status");
            }
        } else if (std::find(focus.begin(), focus.end(), entry.TextOf("fullUrl")) == focus.end()) {
            issues.emplace_back("an entry that is the focus of no event");
        }
    }
    return issues;
}

}  // namespace carestream::test
