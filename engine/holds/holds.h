#pragma once
// Holds: results that wait before patients see them, by rules in YAML (mappings/holds/<name>.yaml).
// A held resource says so in meta.security; who released it, or that its time came, in meta.tag.
// Pure.
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "config/spec.h"
#include "fhir/definitions.h"
#include "fhir/node.h"
#include "search/query.h"

namespace carestream::holds {

// Of the label in meta.security and of the tag that replaces it.
inline constexpr std::string_view kSystem = "urn:carestream:hold";
inline constexpr std::string_view kHeld = "held";
inline constexpr std::string_view kReleased = "released";

struct Hold {
    std::string name;
    std::string title;
    std::string resource;  // type
    // Searches of the type; the resource meets one of them.
    std::vector<std::vector<search::Criterion>> where;
    Micros after = 0;  // then it is released; 0 = only by a person
};

// The declaration of a hold's file.
[[nodiscard]] config::Spec HoldSpec();

// Immutable; thread-safe.
class Holds {
public:
    struct Loaded;
    // As topics::Topics::Load.
    [[nodiscard]] static Loaded Load(const std::filesystem::path& folder,
                                     const std::string& display,
                                     std::shared_ptr<const fhir::Definitions> definitions);

    [[nodiscard]] const std::vector<Hold>& all() const { return holds_; }
    // Labels a resource that a rule holds and that was neither held nor released before; true if it
    // did. Of several rules the one that holds longest. One that was held (`before`; may be null)
    // stays so until it says that it was released.
    bool Label(const fhir::Node& before, fhir::Node& resource, Micros now) const;

private:
    std::shared_ptr<const fhir::Definitions> definitions_;
    std::vector<Hold> holds_;  // by name
};

struct Holds::Loaded {
    std::shared_ptr<const Holds> holds;  // null if there are errors
    std::vector<Error> errors;
};

[[nodiscard]] bool IsHeld(const fhir::Node& resource);
// When a held resource is released by itself; 0 = only by a person, or not held.
[[nodiscard]] Micros ReleaseAt(const fhir::Node& resource);
// Takes the label away; false: it was not held.
bool Release(fhir::Node& resource);

}  // namespace carestream::holds
