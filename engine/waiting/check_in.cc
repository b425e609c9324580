#include "waiting/check_in.h"

#include <memory>
#include <utility>

#include "rest/outcome.h"

namespace carestream::waiting {

namespace {

net::Response ErrorResponse(const Error& error) {
    if (error.code == Code::kInvalid) {
        return rest::OutcomeResponse(422, "business-rule", error.message, error.path);
    }
    if (error.code == Code::kLimit) {
        return rest::OutcomeResponse(503, "throttled", error.message, error.path);
    }
    return rest::OutcomeOf(error, rest::ErrorOrigin::kStore);
}

// Nothing of the visit, not even whether it was there before.
net::Response WithoutVisit() {
    return rest::OutcomeResponse(
        200, {{"information", "informational",
               "checked in; the token does not cover the visit, so it is not shown"}});
}

Rooms::Answer AnswerTo(std::shared_ptr<net::Responder> responder, std::string base) {
    return [responder = std::move(responder), base = std::move(base)](Result<CheckedIn> done) {
        if (!done) return responder->Send(ErrorResponse(done.error()));
        if (done->body.empty()) return responder->Send(WithoutVisit());
        net::Response response =
            net::Response::Text(done->created ? 201 : 200, rest::kFhirJson, std::move(done->body));
        const std::string version = std::to_string(done->version);
        response.headers.emplace_back("ETag", "W/\"" + version + "\"");
        response.headers.emplace_back(
            "Location", base + "/Encounter/" + done->encounter + "/_history/" + version);
        responder->Send(std::move(response));
    };
}

}  // namespace

rest::Operation CheckInOperation(Rooms& rooms) {
    rest::Operation operation;
    operation.name = "check-in";
    operation.definition = "urn:carestream:operation:appointment-check-in";
    operation.types = {"Appointment"};
    operation.instance = true;
    operation.confines = true;
    operation.needs = {{auth::Action::kRead, auth::Action::kUpdate}};
    operation.run = [&rooms](const rest::OperationCall& call,
                             std::shared_ptr<net::Responder> responder) {
        rooms.CheckIn(call.id, call.access, AnswerTo(std::move(responder), call.base_url));
    };
    return operation;
}

}  // namespace carestream::waiting
