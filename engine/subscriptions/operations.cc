#include "subscriptions/operations.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "auth/owner.h"
#include "rest/outcome.h"

namespace carestream::subscriptions {

namespace {

constexpr std::string_view kDefinitions =
    "http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition/backport-subscription-";
constexpr std::size_t kIdsMax = 256;

// Of the query string and of a Parameters body, in that order.
std::vector<std::string> ValuesOf(const rest::OperationCall& call, std::string_view name) {
    std::vector<std::string> values;
    for (const auto& [key, value] : call.parameters) {
        if (key == name) values.push_back(value);
    }
    const fhir::Node* list = call.body.Find("parameter");
    if (list == nullptr) return values;
    for (const fhir::Node& parameter : list->items()) {
        if (parameter.TextOf("name") != name) continue;
        for (const fhir::Member& member : parameter.members()) {
            if (member.name.starts_with("value")) values.push_back(member.value.text());
        }
    }
    return values;
}

// The name of a parameter that the operation does not have, or "".
std::string Unknown(const rest::OperationCall& call,
                    std::initializer_list<std::string_view> known) {
    const auto is_known = [&](std::string_view name) {
        return std::find(known.begin(), known.end(), name) != known.end();
    };
    for (const auto& [key, value] : call.parameters) {
        if (!is_known(key)) return key;
    }
    const fhir::Node* list = call.body.Find("parameter");
    if (list == nullptr) return {};
    for (const fhir::Node& parameter : list->items()) {
        const std::string name(parameter.TextOf("name"));
        if (!is_known(name)) return name;
    }
    return {};
}

using ResponderPtr = std::shared_ptr<net::Responder>;

void Refuse(const ResponderPtr& responder, std::string text, std::string name) {
    responder->Send(rest::OutcomeResponse(400, "invalid", std::move(text), std::move(name)));
}

Engine::Answer AnswerTo(ResponderPtr responder) {
    return [responder = std::move(responder)](Result<std::string> result) {
        if (result) {
            responder->Send(net::Response::Text(200, rest::kFhirJson, std::move(*result)));
        } else {
            responder->Send(rest::OutcomeOf(result.error(), result.error().code == Code::kInvalid
                                                                ? rest::ErrorOrigin::kSearch
                                                                : rest::ErrorOrigin::kStore));
        }
    };
}

// Whole and positive; 0 for absent; nullopt for anything else.
std::optional<std::int64_t> NumberOf(const rest::OperationCall& call, std::string_view name) {
    const auto values = ValuesOf(call, name);
    if (values.empty()) return 0;
    std::int64_t number = 0;
    const std::string& text = values.front();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < 1) return std::nullopt;
    return number;
}

rest::Operation Named(std::string name, std::string_view definition) {
    rest::Operation operation;
    operation.name = std::move(name);
    operation.definition = std::string(kDefinitions) + std::string(definition);
    operation.types = {"Subscription"};
    operation.instance = true;
    operation.changes_state = false;
    operation.confines = true;
    return operation;
}

rest::Operation StatusOperation(Engine& engine, store::Tenant tenant) {
    rest::Operation operation = Named("status", "status");
    operation.type = true;
    operation.run = [&engine, tenant](rest::OperationCall call, ResponderPtr responder) {
        if (const auto name = Unknown(call, {"id", "status"}); !name.empty()) {
            return Refuse(responder, "$status has no such parameter", name);
        }
        std::vector<std::string> ids, statuses;
        if (call.id.empty()) {
            ids = ValuesOf(call, "id");
            statuses = ValuesOf(call, "status");
        } else {
            ids = {call.id};
        }
        if (ids.size() > kIdsMax) return Refuse(responder, "too many ids", "id");
        engine.Status(tenant, std::move(ids), std::move(statuses), call.access, call.base_url,
                      AnswerTo(std::move(responder)));
    };
    return operation;
}

rest::Operation EventsOperation(Engine& engine, store::Tenant tenant) {
    rest::Operation operation = Named("events", "events");
    operation.run = [&engine, tenant](rest::OperationCall call, ResponderPtr responder) {
        constexpr std::string_view kFrom = "eventsSinceNumber";
        constexpr std::string_view kTo = "eventsUntilNumber";
        if (const auto name = Unknown(call, {kFrom, kTo, "content"}); !name.empty()) {
            return Refuse(responder, "$events has no such parameter", name);
        }
        const auto from = NumberOf(call, kFrom);
        const auto to = NumberOf(call, kTo);
        if (!from || !to) {
            return Refuse(responder, "a whole number from 1 is expected",
                          std::string(from ? kTo : kFrom));
        }
        EventsQuery query;
        query.tenant = tenant;
        query.id = call.id;
        query.from = std::max<std::int64_t>(*from, 1);
        query.to = *to;
        const auto content = ValuesOf(call, "content");
        if (!content.empty()) query.content = content.front();
        query.base_url = call.base_url;
        query.note_patient = call.note_patient;
        engine.EventsOf(std::move(query), call.access, AnswerTo(std::move(responder)));
    };
    return operation;
}

rest::Operation TokenOperation(Engine& engine, store::Tenant tenant, std::string path) {
    rest::Operation operation = Named("get-ws-binding-token", "get-ws-binding-token");
    operation.type = true;
    operation.run = [&engine, tenant, path = std::move(path)](rest::OperationCall call,
                                                              ResponderPtr responder) {
        if (const auto name = Unknown(call, {"id"}); !name.empty()) {
            return Refuse(responder, "$get-ws-binding-token has no such parameter", name);
        }
        std::vector<std::string> ids =
            call.id.empty() ? ValuesOf(call, "id") : std::vector<std::string>{call.id};
        if (ids.empty() || ids.size() > kIdsMax) {
            return Refuse(responder, "one id or more is needed, at most 256", "id");
        }
        // "https://host/fhir/r4" -> "wss://host" and the path.
        const std::size_t root = call.base_url.find('/', call.base_url.find("://") + 3);
        const std::string url = "ws" + call.base_url.substr(4, root - 4) + path;
        engine.BindingToken(tenant, std::move(ids), call.access, url,
                            AnswerTo(std::move(responder)));
    };
    return operation;
}

// Whose it is goes by who made it: its endpoint, and what it hears of, are his. Others may turn it
// off and on.
Result<void> KeepOwner(const auth::Principal& who, const fhir::Node& before,
                       fhir::Node& resource) {
    const auto owner = auth::OwnerOf(before);
    if (!owner || auth::IsSameOwner(*owner, who)) return {};
    auth::SetOwner(resource, *owner);
    for (const char* name : {"criteria", "_criteria", "channel", "extension"}) {
        const fhir::Node* was = before.Find(name);
        const fhir::Node* is = resource.Find(name);
        const bool same = was == nullptr || is == nullptr ? was == is : *was == *is;
        if (same) continue;
        return Fail(Code::kUnsupported,
                    "only who made it says what it hears of and where that goes: turn it off "
                    "(status off) or delete it, and make another one",
                    std::string("Subscription.") + (*name == '_' ? name + 1 : name));
    }
    return {};
}

}  // namespace

std::vector<rest::Operation> Operations(Engine& engine, store::Tenant tenant,
                                        std::string websocket_path) {
    return {StatusOperation(engine, tenant), EventsOperation(engine, tenant),
            TokenOperation(engine, tenant, std::move(websocket_path))};
}

std::vector<std::string> UrlsOf(const topics::Topics& topics) {
    std::vector<std::string> urls;
    for (const topics::Topic& topic : topics.all()) urls.push_back(topic.url);
    return urls;
}

rest::WriteRule SubscriptionRule(const Engine& engine) {
    rest::WriteRule rule;
    rule.type = "Subscription";
    rule.check = [&engine](const auth::Principal& who, fhir::Node& resource) {
        return engine.Check(who, resource);
    };
    rule.check_change = [](const auth::Principal& who, const fhir::Node& before,
                           fhir::Node* resource) {
        return resource == nullptr ? Result<void>() : KeepOwner(who, before, *resource);
    };
    return rule;
}

}  // namespace carestream::subscriptions
