#include "fhir/internal/profile_table.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "fhir/json.h"

namespace carestream::fhir::internal {

namespace {

// "Reference(us-core-patient,Group)"
AllowedType ParseType(std::string_view text) {
    AllowedType type;
    const std::size_t open = text.find('(');
    type.code = text.substr(0, open);
    if (open == std::string_view::npos) return type;
    type.targets = Split(text.substr(open + 1, text.size() - open - 2), ',');
    return type;
}

ProfileElement& Member(std::vector<ProfileElement>& list, std::string_view name, bool choice,
                       std::string_view slice) {
    const auto found = std::find_if(list.begin(), list.end(), [&](const ProfileElement& one) {
        return one.name == name && one.slice == slice;
    });
    if (found != list.end()) return *found;
    ProfileElement element;
    element.name = name;
    element.choice = choice;
    element.slice = slice;
    list.push_back(std::move(element));
    return list.back();
}

// The place of "category:VSCat.coding" in the tree, made where it is missing.
ProfileElement& Place(ProfileElement& root, std::string_view id) {
    if (id == ".") return root;
    ProfileElement* at = &root;
    for (const std::string_view part : Split(id, '.')) {
        const std::size_t colon = part.find(':');
        std::string_view name = part.substr(0, colon);
        const bool choice = name.ends_with("[x]");
        if (choice) name.remove_suffix(3);
        at = &Member(at->children, name, choice, {});
        if (colon != std::string_view::npos) {
            at = &Member(at->slices, name, choice, part.substr(colon + 1));
        }
    }
    return *at;
}

}  // namespace

const ProfileElement* ProfileElement::Child(std::string_view child) const {
    const auto found =
        std::find_if(children.begin(), children.end(),
                     [&](const ProfileElement& element) { return element.name == child; });
    return found == children.end() ? nullptr : &*found;
}

Result<void> ProfileTable::LoadProfiles(std::string_view text, std::string_view file) {
    TableReader line(text, file);
    while (line.Next()) CARESTREAM_TRY(AddLine(line));
    for (const ProfileEntry& entry : entries_) {
        by_name_[entry.profile.name] = &entry;
        by_name_[entry.profile.url] = &entry;
    }
    return {};
}

const ProfileEntry* ProfileTable::Find(std::string_view name_or_url) const {
    const auto found = by_name_.find(name_or_url);
    return found == by_name_.end() ? nullptr : found->second;
}

Result<void> ProfileTable::AddLine(const TableReader& line) {
    if (line[0] == "p") {
        ProfileEntry& entry = entries_.emplace_back();
        entry.profile = {line[1], line[2], line[3], line[4]};
        at_ = &entry.root;
        return {};
    }
    if (at_ == nullptr) return Fail(line.Damaged("no profile stands before"));
    if (line[0] == "e") return AddElement(line);
    if (line[0] == "f") return AddValue(line);
    if (line[0] == "d") return AddDiscriminator(line);
    if (line[0] == "i") return AddInvariant(line);
    if (line[0] != "w") return Fail(line.Damaged("unknown kind of line"));
    auto when = FhirPath::Compile(line[1]);
    if (!when) return Fail(line.Damaged(when.error().message));
    entries_.back().when = std::move(*when);
    return {};
}

Result<void> ProfileTable::AddElement(const TableReader& line) {
    ProfileElement& element = Place(entries_.back().root, line[1]);
    if (!ParseCount(line[2], element.min) || !ParseCount(line[3], element.max)) {
        return Fail(line.Damaged("not a cardinality"));
    }
    element.must_support = line[4] == "m";
    if (!line[5].empty()) {
        for (const std::string_view type : Split(line[5], '|')) {
            element.types.push_back(ParseType(type));
        }
    }
    if (line[6] == "required") element.strength = BindingStrength::kRequired;
    if (line[6] == "extensible") element.strength = BindingStrength::kExtensible;
    element.value_set = line[7];
    at_ = &element;
    return {};
}

Result<void> ProfileTable::AddValue(const TableReader& line) {
    auto value = ParseJson(line[2]);
    if (!value) return Fail(line.Damaged(value.error().message));
    (line[1] == "fixed" ? at_->fixed : at_->pattern) = std::move(*value);
    return {};
}

Result<void> ProfileTable::AddDiscriminator(const TableReader& line) {
    Discriminator discriminator;
    at_->closed = line[1] == "closed";
    if (line[2] == "type") discriminator.kind = Discriminator::Kind::kType;
    if (line[2] == "exists") discriminator.kind = Discriminator::Kind::kExists;
    if (line[3] != "$this") discriminator.path = Split(line[3], '.');
    at_->discriminators.push_back(std::move(discriminator));
    return {};
}

Result<void> ProfileTable::AddInvariant(const TableReader& line) {
    const Invariant*& known = known_invariants_[{line[1], line[2]}];
    if (known == nullptr) {
        auto path = FhirPath::Compile(line[2]);
        if (!path) return Fail(line.Damaged(path.error().message));
        known = &invariants_.emplace_back(Invariant{line[1], line[2], std::move(*path)});
    }
    at_->invariants.push_back(known);
    return {};
}

}  // namespace carestream::fhir::internal
