#pragma once
// profiles.tsv and the value sets beside it in memory: each profile as a tree of constraints.
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "fhir/definitions.h"
#include "fhir/fhirpath.h"
#include "fhir/internal/code_table.h"
#include "fhir/internal/table.h"
#include "fhir/profiles.h"

namespace carestream::fhir::internal {

struct Invariant {
    std::string_view key;
    std::string_view expression;
    FhirPath path;
};

// `value` and `pattern` are both told by the fixed values, patterns and required bindings of a
// slice.
struct Discriminator {
    enum class Kind : std::uint8_t { kValue, kType, kExists };
    Kind kind = Kind::kValue;
    std::vector<std::string_view> path;  // members; empty: the entry itself
};

struct AllowedType {
    std::string_view code;
    std::vector<std::string_view> targets;  // names of profiles or types; of Extension its profile
};

struct ProfileElement {
    std::string_view name;   // "value" of value[x]; "" of the resource itself
    std::string_view slice;  // "" = not a slice
    bool choice = false;
    bool must_support = false;
    bool closed = false;  // entries of no slice are not allowed
    std::uint16_t min = 0;
    std::uint16_t max = kUnbounded;
    std::vector<AllowedType> types;  // empty: as R4 says
    std::optional<Node> fixed;
    std::optional<Node> pattern;
    BindingStrength strength = BindingStrength::kNone;
    std::string_view value_set;
    std::vector<Discriminator> discriminators;  // of its slices
    std::vector<const Invariant*> invariants;
    std::vector<ProfileElement> children;
    std::vector<ProfileElement> slices;

    [[nodiscard]] const ProfileElement* Child(std::string_view child) const;
    [[nodiscard]] bool HasValue() const { return fixed || pattern; }
};

struct ProfileEntry {
    Profile profile;
    ProfileElement root;
    std::optional<FhirPath> when;  // of a profile for some resources of its type only
};

class ProfileTable {
public:
    // The texts must outlive the table. Code systems first. Error: kInvalid with file and line.
    Result<void> LoadProfiles(std::string_view text, std::string_view file);
    CodeTable& codes() { return codes_; }
    [[nodiscard]] const CodeTable& codes() const { return codes_; }

    // By name or url.
    [[nodiscard]] const ProfileEntry* Find(std::string_view name_or_url) const;
    [[nodiscard]] const std::deque<ProfileEntry>& entries() const { return entries_; }

private:
    Result<void> AddLine(const TableReader& line);
    Result<void> AddElement(const TableReader& line);
    Result<void> AddValue(const TableReader& line);
    Result<void> AddDiscriminator(const TableReader& line);
    Result<void> AddInvariant(const TableReader& line);

    std::deque<ProfileEntry> entries_;
    std::map<std::string_view, const ProfileEntry*> by_name_;  // and by url
    std::deque<Invariant> invariants_;
    // By key and expression.
    std::map<std::pair<std::string_view, std::string_view>, const Invariant*> known_invariants_;
    CodeTable codes_;
    ProfileElement* at_ = nullptr;  // while loading: what the next lines are about
};

}  // namespace carestream::fhir::internal
