#pragma once
// What became of a report on its way to the hospital's system, as a Task that the patient reads.
// "Accepted" is never told as "seen". Pure. Source: FHIR R4 Task.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "fhir/node.h"
#include "store/types.h"

namespace carestream::reports {

// Coding of the Tasks that tell of a delivery: system and code.
inline constexpr std::string_view kTaskSystem = "urn:carestream:task";
inline constexpr std::string_view kDeliveryCode = "report-delivery";

enum class DeliveryState : std::uint8_t {
    kWaiting,     // in the line
    kSent,        // nothing was heard yet
    kReceived,    // taken in; the system's own answer is awaited
    kAccepted,    // AA
    kRejected,    // AE, AR, given up, or it could not be made
    kClarifying,  // sent and not answered: nobody knows
    kWithdrawn,   // a person decided that it is not sent
};

// A change of one message: what an outbound channel tells.
struct Delivery {
    std::int64_t change = 0;  // ascending
    store::Tenant tenant = 1;
    std::string channel;
    std::string type;        // of the resource that the message is about
    std::string id;          // its id
    std::int64_t event = 0;  // seq of the event that caused the message
    DeliveryState state = DeliveryState::kWaiting;
    std::string reason;  // of a rejection, without patients' values
};

// A response in one of its versions.
struct Report {
    std::string id;
    std::int32_t version = 1;
    const fhir::Node& response;
};

// "QuestionnaireResponse/<id>/_history/<version>", and the version of such a reference; 0 = none.
[[nodiscard]] std::string ReferenceTo(const Report& report);
[[nodiscard]] std::int32_t VersionIn(const fhir::Node& reference);

// The Task before anything was sent. `passed_on` false: nothing is going to be.
[[nodiscard]] fhir::Node DeliveryTask(const Report& report, std::string id, bool passed_on,
                                      Micros now);
// The version of the response that the Task is about; 0 = none.
[[nodiscard]] std::int32_t ReportedVersion(const fhir::Node& task);
// The Task after a change of the message about this version of its response; nullopt: nothing is
// different, or the Task is about a later version. Each channel has its own word; the Task says the
// least certain of them.
[[nodiscard]] std::optional<fhir::Node> WithDelivery(const fhir::Node& task, std::int32_t version,
                                                     const Delivery& delivery, Micros now);

}  // namespace carestream::reports
