#pragma once
// One walk of a resource along the tree of a profile.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "fhir/definitions.h"
#include "fhir/internal/issue_place.h"
#include "fhir/internal/profile_table.h"
#include "fhir/profiles.h"

namespace carestream::fhir::internal {

// One value of an element: its JSON value, its "_" sibling, or both.
struct Occurrence {
    const Node* value = nullptr;
    const Node* sibling = nullptr;
    const TypeDefinition* type = nullptr;
    std::size_t index = kNoIndex;  // kNoIndex: the element does not repeat
};

// The values of an element of `object`, in order.
[[nodiscard]] std::vector<Occurrence> OccurrencesOf(const Definitions& definitions,
                                                    const Node& object, const TypeDefinition& type,
                                                    const ProfileElement& element);

// Does `value` hold all that `pattern` says? Every item of a list of it is some item of the other.
[[nodiscard]] bool Covers(const Node& value, const Node& pattern);

// The fixed value or pattern of the element itself; true when it has none. False for a value that
// is only an extension.
[[nodiscard]] bool HasItsValue(const ProfileElement& element, const Occurrence& occurrence);

// What of a profile can be decided on single values.
class ProfileReader {
public:
    ProfileReader(const ProfileTable& table, const Definitions& definitions)
        : table_(table), definitions_(definitions) {}

    [[nodiscard]] Definitions::Membership InValueSet(std::string_view value_set,
                                                     std::string_view system,
                                                     std::string_view code) const;
    // The best of the codes that a code, Coding, CodeableConcept or Quantity holds; kOut for none.
    [[nodiscard]] Definitions::Membership BestOf(std::string_view value_set,
                                                 const Occurrence& occurrence) const;
    // Is the value an entry of the slice?
    [[nodiscard]] bool IsOf(const ProfileElement& slice, const ProfileElement& sliced,
                            const Occurrence& occurrence) const;

    [[nodiscard]] const ProfileTable& table() const { return table_; }
    [[nodiscard]] const Definitions& definitions() const { return definitions_; }

private:
    [[nodiscard]] bool Discriminates(const Discriminator& discriminator,
                                     const ProfileElement& slice,
                                     const Occurrence& occurrence) const;
    [[nodiscard]] bool ValueAt(std::span<const std::string_view> path, const ProfileElement& spec,
                               const Occurrence& occurrence) const;
    [[nodiscard]] bool IsExtensionOf(const ProfileElement& slice,
                                     const Occurrence& occurrence) const;

    const ProfileTable& table_;
    const Definitions& definitions_;
};

class ProfileChecker {
public:
    // `meets` may be empty.
    ProfileChecker(const ProfileReader& reader, const Node& resource, const MeetsProfile& meets,
                   std::size_t issues_max)
        : reader_(reader), resource_(resource), meets_(meets), issues_max_(issues_max) {}

    void Check(const ProfileEntry& profile);
    std::vector<Issue> Take() { return std::move(issues_); }

private:
    [[nodiscard]] bool Full() const { return issues_.size() >= issues_max_; }
    void Report(const char* code, const Place& place, std::string message);
    void Children(const ProfileElement& element, const Node& object, const TypeDefinition& type,
                  const Place& place);
    void Member(const ProfileElement& element, const std::vector<Occurrence>& values,
                const Place& place);
    void Count(const ProfileElement& element, std::size_t count, const Place& place);
    void Slices(const ProfileElement& element, const std::vector<Occurrence>& values,
                const Place& place);
    void One(const ProfileElement& element, const Occurrence& value, const Place& place);
    void Types(const ProfileElement& element, const Occurrence& value, const Place& place);
    void Target(const AllowedType& type, const Node& reference, const Place& place);
    [[nodiscard]] bool Points(const AllowedType& type, std::string_view reference,
                              std::string_view target_type, const Node* contained) const;
    void ExtensionProfile(const AllowedType& type, const Occurrence& value, const Place& place);
    void Bound(const ProfileElement& element, const Occurrence& value, const Place& place);
    void Invariants(const ProfileElement& element, const Occurrence& value, const Place& place);

    const ProfileReader& reader_;
    const Node& resource_;
    const MeetsProfile& meets_;
    const std::size_t issues_max_;
    std::string_view profile_;  // its name
    std::vector<Issue> issues_;
};

}  // namespace carestream::fhir::internal
