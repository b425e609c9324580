#pragma once
// Mappings compiled to a checked program, and its run over one message. The language is described
// in mappings/README.md. Pure: no I/O after Compile, no clock, no log.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/keys.h"
#include "fhir/change_set.h"
#include "fhir/definitions.h"
#include "fhir/profiles.h"
#include "hl7/message.h"
#include "hl7/tables.h"
#include "mapping/render.h"

namespace carestream::mapping {

enum class OrderBy : std::uint8_t { kArrival, kMsh7, kMsh13, kEvn2 };

// A local time without offset that occurs twice (clocks go back) or never (they go forward).
enum class Dst : std::uint8_t {
    kEarlier,  // the first of the two; for one that never was, the offset before the change
    kLater,    // the second; the offset behind the change
    kReject,   // the value is left out and named in the loss report
};

// What the channel says about its sender. Lives longer than the call.
struct MapContext {
    std::string tenant = "main";
    std::string channel;
    std::string time_zone = "UTC";  // IANA; for stamps without an offset
    Dst dst = Dst::kEarlier;
    std::string assigning_authority;         // for identifiers that name none
    std::vector<std::string> authority_for;  // resource types this feed may update
    OrderBy order_by = OrderBy::kArrival;
    bool correction_snapshot = false;  // a corrected report lists all that it has
    bool drop_invalid = true;          // false: an invalid element makes the message unusable
    Micros received = 0;
    // Guides whose profiles resources claim in meta.profile where they meet them.
    std::vector<std::shared_ptr<const fhir::Profiles>> profiles = {};
    crypto::IdKey ids = crypto::IdKey::Public();
};

struct Unmapped {
    std::string path;    // "PV2-3.1"
    std::string reason;  // "no rule", "code not in table 0001", "not a date (month out of range)"
};

// `mapped` and `unmapped` together are every valued leaf of the message, MSH-1/2 excluded.
struct LossReport {
    std::string control_id;
    std::string event;  // "ADT^A01"
    std::size_t leaves = 0;
    std::vector<std::string> mapped;
    std::vector<Unmapped> unmapped;
    std::vector<std::string> notes;  // repairs of the parser, superseded choices, ...
};

// One line:
// {"control_id":..,"event":..,"leaves":N,"mapped":[..],"unmapped":[{"path":..,"reason":..}]}
[[nodiscard]] std::string ToJson(const LossReport& report);

// The report of a message that nothing is made of: every leaf is unmapped, all for one reason.
[[nodiscard]] LossReport ReportUnread(const hl7::Message& message, std::string_view reason);

// Which rules put a leaf of the message where.
struct Trace {
    struct Use {
        std::string resource;         // "Patient/1a2b"; "" where it only decided something
        std::string element;          // "identifier.value", as the rules name it; "" the same
        std::vector<Position> rules;  // from the segment's rule inwards
    };
    struct Leaf {
        std::string path;
        std::string reason;  // "" = mapped, else why not, as in the loss report
        std::vector<Use> uses;
    };
    std::vector<Leaf> leaves;  // in the order of the message
};
[[nodiscard]] Trace TraceUnread(const LossReport& report);  // of ReportUnread

enum class MapStatus : std::uint8_t {
    kMapped,
    kNoMap,     // no message file covers the event
    kUnusable,  // a dead letter: `path` and `reason` say why
};

struct Mapped {
    MapStatus status = MapStatus::kMapped;
    std::string path;
    std::string reason;
    fhir::ChangeSet changes;
    Micros sent = 0;  // MSH-7; 0 = absent or unreadable
    LossReport report;
    std::string map_name;     // "ADT_A01"
    std::string map_version;  // hash of the effective content, 12 hex digits
};

// Immutable after Compile; safe to share between threads.
class Program {
public:
    // Reads messages/, segments/, datatypes/, tables/, identity/ below `mappings`, then the
    // overlays in order. All mistakes are collected; each names file:line:column and, where one is
    // near, the right name. `program` is null if there is any.
    struct Compiled;
    [[nodiscard]] static Compiled Compile(const std::filesystem::path& mappings,
                                          std::shared_ptr<const fhir::Definitions> definitions,
                                          std::shared_ptr<const hl7::Dictionary> dictionary,
                                          const std::vector<std::string>& overlays = {});
    virtual ~Program() = default;
    [[nodiscard]] Mapped Map(const hl7::Message& message, const MapContext& context) const {
        return MapTraced(message, context, nullptr);
    }
    // The same, and how it came about unless `trace` is null; slower.
    [[nodiscard]] virtual Mapped MapTraced(const hl7::Message& message, const MapContext& context,
                                           Trace* trace) const = 0;
    [[nodiscard]] virtual bool Covers(std::string_view code, std::string_view event) const = 0;
    [[nodiscard]] virtual std::vector<std::string> Events() const = 0;  // "ADT^A01", ...

    // Errors: kUnsupported when no outbound message is about this type of resource and event,
    // kInvalid when the resource lacks what a rule calls required (`path` names it). The
    // destination must have passed CheckDestination.
    [[nodiscard]] virtual Result<Rendered> Render(const RenderRequest& request,
                                                  const Destination& destination) const = 0;
    // The events that can be rendered for a resource type, or for any if it is empty: "SIU^S12".
    [[nodiscard]] virtual std::vector<std::string> OutboundEvents(
        std::string_view resource_type) const = 0;
};

struct Program::Compiled {
    std::shared_ptr<const Program> program;
    std::vector<Error> errors;  // in file order
};

// Is this a name of the IANA time zone database, as `MapContext::time_zone` needs it?
[[nodiscard]] bool IsTimeZone(std::string_view name);

// As a statement's `mode` names it: "upsert", "find", "update", "delete".
[[nodiscard]] std::string_view ModeName(fhir::ChangeMode mode);

// A transaction Bundle whose entries refer to each other as urn:uuid, for people and pipes.
[[nodiscard]] fhir::Node ToBundle(const fhir::ChangeSet& changes);

}  // namespace carestream::mapping
