#pragma once
// The profiles of one implementation guide (schemas/fhir/us-core/6.1.0): which of them a resource
// is a case of, whether it meets them, and what stands for required elements without a value.
// Source: FHIR R4 5.1 (profiling), 5.1.0.14 (slicing); US Core 6.1.0 3.2.4 (missing data). What R4
// itself asks for is checked by Validate (validator.h); these are the rules on top.
// Immutable after Load; safe to share between threads. Views live as long as the Profiles.
#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fhir/definitions.h"
#include "fhir/node.h"
#include "fhir/validator.h"

namespace carestream::fhir {

struct Profile {
    std::string_view name;  // "us-core-patient"
    std::string_view url;   // its canonical, without version
    std::string_view type;  // "Patient"; "Extension" for the profile of an extension
    std::string_view base;  // name of the profile of this guide that it narrows, or ""
};

// Is the resource behind `reference` ("Patient/1") a case of `profile`? Asked where a profile wants
// it of what a reference points at.
using MeetsProfile = std::function<bool(std::string_view reference, const Profile& profile)>;

class Profiles {
public:
    // `folder` holds profiles.tsv, value_sets.tsv and code_systems.tsv. Errors: kNotFound (a table
    // is missing), kInvalid with file and line (a table is damaged).
    [[nodiscard]] static Result<std::shared_ptr<const Profiles>> Load(
        const std::filesystem::path& folder, std::shared_ptr<const Definitions> definitions);
    virtual ~Profiles() = default;

    // By name or url; nullptr if there is none.
    [[nodiscard]] virtual const Profile* Find(std::string_view name_or_url) const = 0;
    // By name, extensions included.
    [[nodiscard]] virtual std::vector<const Profile*> All() const = 0;

    // The profiles that the resource is a case of: those of its type whose category and code
    // patterns it has; of several the most specific ones. Says nothing of whether they are met.
    [[nodiscard]] virtual std::vector<const Profile*> Candidates(const Node& resource) const = 0;

    // Empty = met. `profile`: a name, a url, or the resource's type for all of its candidates; an
    // unknown one is an issue. Required bindings, not extensible ones. What a reference points at
    // is asked of `meets`; without it only its type is looked at. Contained resources are checked.
    [[nodiscard]] virtual std::vector<Issue> ValidateProfile(const Node& resource,
                                                             std::string_view profile,
                                                             const MeetsProfile& meets = {},
                                                             std::size_t issues_max = 50) const = 0;

    // Puts data-absent-reason `unknown` where the profile requires an element that has no value:
    // an extension, or a code for coded elements; of a required binding its own code `unknown`, and
    // nothing where it has none. Nothing either for slices, fixed values, backbones, identifiers.
    // Returns the elements of the resource itself that were given one.
    virtual std::vector<std::string> Complete(Node& resource, const Profile& profile) const = 0;

protected:
    Profiles() = default;
};

// The guides that are shipped, by the name that a channel gives: "us-core".
[[nodiscard]] std::span<const std::string_view> GuideNames();

// Guides by name, each loaded when it is first asked for. Single-threaded; what it gives is shared.
class Guides {
public:
    Guides(std::filesystem::path schemas_fhir, std::shared_ptr<const Definitions> definitions)
        : folder_(std::move(schemas_fhir)), definitions_(std::move(definitions)) {}

    // Errors: kNotFound for a name that no guide has, and those of Profiles::Load.
    [[nodiscard]] Result<std::shared_ptr<const Profiles>> Get(std::string_view name);

private:
    std::filesystem::path folder_;
    std::shared_ptr<const Definitions> definitions_;
    std::map<std::string, std::shared_ptr<const Profiles>, std::less<>> loaded_;
};

}  // namespace carestream::fhir
