// Named operations that other modules brought.
#include <algorithm>

#include "fhir/json.h"
#include "rest/internal/access_note.h"
#include "rest/internal/authorize.h"
#include "rest/internal/exchange.h"

namespace carestream::rest {
namespace {

bool IsAt(const Operation& operation, const Route& route) {
    if (operation.name != route.operation) return false;
    if (route.type.empty()) return operation.system;
    const auto& types = operation.types;
    if (std::find(types.begin(), types.end(), route.type) == types.end()) return false;
    return route.id.empty() ? operation.type : operation.instance;
}

// An operation is asked for like what it does to its type, as a whole: granular scopes are not
// enough, and patients need an operation that confines itself.
bool IsDenied(Exchange& exchange, const Operation& operation) {
    auth::Access& access = *exchange.access;
    const std::string type = exchange.route.type.empty() ? "*" : exchange.route.type;
    const auto may = [&](auth::Action action) {
        const auth::Decision& decision = access.Of(type, action);
        return decision.verdict != auth::Verdict::kDenied && decision.rules.empty();
    };
    if (operation.any_login) return false;
    if (access.IsConfined() && !operation.confines) return true;
    if (operation.needs) {
        return !std::all_of(operation.needs->begin(), operation.needs->end(), may);
    }
    if (!may(auth::Action::kRead) || !may(auth::Action::kSearch)) return true;
    return operation.changes_state && (!may(auth::Action::kCreate) || !may(auth::Action::kUpdate));
}

const Operation* FindOperation(const Exchange& exchange) {
    const auto& operations = exchange.state->operations;
    const auto found = std::find_if(operations.begin(), operations.end(),
                                    [&](const auto& one) { return IsAt(one, exchange.route); });
    return found == operations.end() ? nullptr : &*found;
}

}  // namespace

bool IsForAnyLogin(const Exchange& exchange) {
    if (exchange.route.interaction != Interaction::kOperation) return false;
    const Operation* operation = FindOperation(exchange);
    return operation != nullptr && operation->any_login;
}

void HandleOperation(const ExchangePtr& exchange) {
    const Operation* found = FindOperation(*exchange);
    if (found == nullptr) {
        exchange->Refuse(404, "not-supported", "there is no such operation here");
        return;
    }
    const bool post = exchange->request.method == "POST";
    if (!post && found->changes_state) {
        exchange->route.allow = "POST, OPTIONS";
        exchange->Refuse(405, "not-supported", "this operation changes something: POST it");
        return;
    }
    if (IsDenied(*exchange, *found)) return SendInsufficientScope(*exchange);
    exchange->changes_state = found->changes_state;
    if (found->changes_state && RefuseUnaudited(*exchange)) return;
    OperationCall call;
    call.principal = exchange->access->principal();
    call.note_patient = [exchange](std::string id) {
        exchange->asked_patients.push_back(std::move(id));
    };
    if (exchange->access->IsConfined()) call.patient = exchange->access->principal().patient;
    call.access = exchange->access;
    call.type = exchange->route.type;
    call.id = exchange->route.id;
    call.parameters = exchange->parameters;
    call.base_url = exchange->base;
    call.idempotency_key = exchange->request.Header("Idempotency-Key");
    if (post && !exchange->request.body.empty()) {
        if (!IsJsonContent(exchange->request.Header("Content-Type"))) {
            exchange->Refuse(415, "not-supported", "Content-Type is to be application/fhir+json");
            return;
        }
        auto body = fhir::ParseJson(exchange->request.body);
        if (!body) {
            exchange->Refuse(body.error(), ErrorOrigin::kBody);
            return;
        }
        call.body = std::move(*body);
    }
    // Wraps the responder, so that operations answer like every other interaction.
    class Answer final : public net::Responder {
    public:
        explicit Answer(ExchangePtr exchange) : exchange_(std::move(exchange)) {}
        void Send(net::Response response) override { exchange_->Send(std::move(response)); }
        const std::shared_ptr<std::atomic<bool>>& cancelled() const override {
            return exchange_->responder->cancelled();
        }

    private:
        ExchangePtr exchange_;
    };
    found->run(std::move(call), std::make_shared<Answer>(exchange));
}

}  // namespace carestream::rest
