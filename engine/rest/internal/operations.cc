// Named operations that other modules brought.
#include <algorithm>

#include "fhir/json.h"
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

}  // namespace

void HandleOperation(const ExchangePtr& exchange) {
    const auto& operations = exchange->state->operations;
    const auto found =
        std::find_if(operations.begin(), operations.end(),
                     [&](const Operation& one) { return IsAt(one, exchange->route); });
    if (found == operations.end()) {
        exchange->Refuse(404, "not-supported", "there is no such operation here");
        return;
    }
    const bool post = exchange->request.method == "POST";
    if (!post && found->changes_state) {
        exchange->route.allow = "POST, OPTIONS";
        exchange->Refuse(405, "not-supported", "this operation changes something: POST it");
        return;
    }
    OperationCall call;
    call.type = exchange->route.type;
    call.id = exchange->route.id;
    call.parameters = exchange->parameters;
    call.base_url = exchange->base;
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
