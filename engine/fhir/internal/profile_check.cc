#include "fhir/internal/profile_check.h"

#include <algorithm>
#include <span>
#include <utility>

namespace carestream::fhir::internal {

using std::string_view;
using Membership = Definitions::Membership;

namespace {

constexpr std::size_t kExpressionShownMax = 240;

void Append(std::vector<Occurrence>& out, const Node* value, const Node* sibling,
            const TypeDefinition* type) {
    const auto item = [](const Node* list, std::size_t i) -> const Node* {
        if (list == nullptr || i >= list->items().size() || list->items()[i].IsNull()) {
            return nullptr;
        }
        return &list->items()[i];
    };
    const Node* any = value != nullptr ? value : sibling;
    if (any == nullptr) return;
    if (!any->IsArray()) {
        out.push_back({value, sibling, type, kNoIndex});
        return;
    }
    for (std::size_t i = 0; i < any->items().size(); ++i) {
        out.push_back({item(value, i), item(sibling, i), type, i});
    }
}

Place PlaceOf(const Place& parent, const ProfileElement& element, const Occurrence& value) {
    return {&parent, element.name, element.choice ? value.type->name : string_view(), value.index};
}

// "Patient" of "http://example.org/fhir/Patient/1/_history/2"; "" if no type can be seen.
string_view TypeOfReference(string_view reference) {
    const string_view base = reference.substr(0, reference.find("/_history/"));
    const std::size_t id = base.rfind('/');
    if (id == string_view::npos) return {};
    const string_view front = base.substr(0, id);
    const std::size_t before = front.rfind('/');
    return before == string_view::npos ? front : front.substr(before + 1);
}

const Node* FindContained(const Node& resource, string_view id) {
    const Node* contained = resource.Find("contained");
    if (contained == nullptr) return nullptr;
    for (const Node& one : contained->items()) {
        if (one.TextOf("id") == id) return &one;
    }
    return nullptr;
}

}  // namespace

std::vector<Occurrence> OccurrencesOf(const Definitions& definitions, const Node& object,
                                      const TypeDefinition& type, const ProfileElement& element) {
    std::vector<Occurrence> values;
    if (!element.choice) {
        const ResolvedElement resolved = definitions.Resolve(type, element.name);
        if (resolved.element == nullptr) return values;
        Append(values, object.Find(element.name), object.Find("_" + std::string(element.name)),
               resolved.definition);
        return values;
    }
    for (const Member& member : object.members()) {
        const bool beside = member.name.starts_with('_');
        const string_view name = string_view(member.name).substr(beside ? 1 : 0);
        const ResolvedElement resolved = definitions.Resolve(type, name);
        if (resolved.element == nullptr || resolved.element->name != element.name) continue;
        if (!beside) {
            Append(values, &member.value, object.Find("_" + member.name), resolved.definition);
        } else if (object.Find(name) == nullptr) {
            Append(values, nullptr, &member.value, resolved.definition);
        }
    }
    return values;
}

bool Covers(const Node& value, const Node& pattern) {
    if (pattern.IsArray()) {
        return std::all_of(pattern.items().begin(), pattern.items().end(), [&](const Node& want) {
            return std::any_of(value.items().begin(), value.items().end(),
                               [&](const Node& item) { return Covers(item, want); });
        });
    }
    if (!pattern.IsObject()) return value == pattern;
    return std::all_of(pattern.members().begin(), pattern.members().end(),
                       [&](const Member& member) {
                           const Node* there = value.Find(member.name);
                           return there != nullptr && Covers(*there, member.value);
                       });
}

bool HasItsValue(const ProfileElement& element, const Occurrence& occurrence) {
    if (!element.HasValue()) return true;
    if (occurrence.value == nullptr) return false;
    if (element.fixed) return *occurrence.value == *element.fixed;
    return Covers(*occurrence.value, *element.pattern);
}

// ---- ProfileReader -----------------------------------------------------------------------------

Membership ProfileReader::InValueSet(string_view value_set, string_view system,
                                     string_view code) const {
    const Membership own = table_.codes().InValueSet(value_set, system, code);
    return own != Membership::kUnknown ? own : definitions_.InValueSet(value_set, system, code);
}

Membership ProfileReader::BestOf(string_view value_set, const Occurrence& occurrence) const {
    const Node* value = occurrence.value;
    if (value == nullptr) return Membership::kOut;
    if (!value->IsObject()) return InValueSet(value_set, {}, value->text());
    const auto coding = [&](const Node& node) {
        const string_view system = node.TextOf("system");
        const string_view code = node.TextOf("code");
        if (code.empty() || system.empty()) return Membership::kOut;
        return InValueSet(value_set, system, code);
    };
    const Node* codings = value->Find("coding");
    if (codings == nullptr) return coding(*value);
    Membership best = Membership::kOut;
    for (const Node& one : codings->items()) {
        const Membership found = coding(one);
        if (found == Membership::kIn) return found;
        if (found == Membership::kUnknown) best = found;
    }
    return best;
}

bool ProfileReader::IsOf(const ProfileElement& slice, const ProfileElement& sliced,
                         const Occurrence& occurrence) const {
    if (sliced.discriminators.empty()) return false;
    return std::all_of(
        sliced.discriminators.begin(), sliced.discriminators.end(),
        [&](const Discriminator& one) { return Discriminates(one, slice, occurrence); });
}

bool ProfileReader::Discriminates(const Discriminator& discriminator, const ProfileElement& slice,
                                  const Occurrence& occurrence) const {
    if (discriminator.kind == Discriminator::Kind::kType) {
        return std::any_of(slice.types.begin(), slice.types.end(), [&](const AllowedType& type) {
            return type.code == occurrence.type->name;
        });
    }
    if (discriminator.kind == Discriminator::Kind::kExists) {
        const ProfileElement* part =
            discriminator.path.empty() ? nullptr : slice.Child(discriminator.path.front());
        if (part == nullptr || occurrence.value == nullptr) return false;
        const bool there =
            !OccurrencesOf(definitions_, *occurrence.value, *occurrence.type, *part).empty();
        return part->max == 0 ? !there : there;
    }
    if (IsExtensionOf(slice, occurrence)) return true;
    return ValueAt(discriminator.path, slice, occurrence);
}

bool ProfileReader::IsExtensionOf(const ProfileElement& slice, const Occurrence& occurrence) const {
    if (slice.types.size() != 1 || slice.types[0].code != "Extension" ||
        slice.types[0].targets.empty() || occurrence.value == nullptr) {
        return false;
    }
    const ProfileEntry* profile = table_.Find(slice.types[0].targets.front());
    return profile != nullptr && occurrence.value->TextOf("url") == profile->profile.url;
}

// Along the path: a value there that is what the slice says. A pattern above holds for all below.
bool ProfileReader::ValueAt(std::span<const string_view> path, const ProfileElement& spec,
                            const Occurrence& occurrence) const {
    if (spec.HasValue()) return HasItsValue(spec, occurrence);
    if (path.empty()) {
        return spec.strength == BindingStrength::kRequired &&
               BestOf(spec.value_set, occurrence) == Membership::kIn;
    }
    const ProfileElement* part = spec.Child(path.front());
    if (part == nullptr || occurrence.value == nullptr) return false;
    const auto values = OccurrencesOf(definitions_, *occurrence.value, *occurrence.type, *part);
    return std::any_of(values.begin(), values.end(), [&](const Occurrence& value) {
        return ValueAt(path.subspan(1), *part, value);
    });
}

// ---- ProfileChecker ----------------------------------------------------------------------------

void ProfileChecker::Report(const char* code, const Place& place, std::string message) {
    if (!Full()) issues_.push_back(MakeIssue(code, place, std::move(message)));
}

void ProfileChecker::Check(const ProfileEntry& profile) {
    profile_ = profile.profile.name;
    const TypeDefinition* type = reader_.definitions().FindType(profile.profile.type);
    const Place place{nullptr, profile.profile.type, {}, kNoIndex};
    if (type == nullptr || (type->kind == TypeKind::kResource &&
                            resource_.TextOf("resourceType") != profile.profile.type)) {
        return Report("structure", place, "is the type that " + std::string(profile_) + " is for");
    }
    One(profile.root, {&resource_, nullptr, type, kNoIndex}, place);
}

void ProfileChecker::Children(const ProfileElement& element, const Node& object,
                              const TypeDefinition& type, const Place& place) {
    for (const ProfileElement& child : element.children) {
        if (Full()) return;
        Member(child, OccurrencesOf(reader_.definitions(), object, type, child), place);
    }
}

void ProfileChecker::Member(const ProfileElement& element, const std::vector<Occurrence>& values,
                            const Place& place) {
    Count(element, values.size(), place);
    for (const Occurrence& value : values) One(element, value, PlaceOf(place, element, value));
    if (!element.slices.empty()) Slices(element, values, place);
}

void ProfileChecker::Count(const ProfileElement& element, std::size_t count, const Place& place) {
    const Place here{&place, element.name, {}, kNoIndex};
    const std::string slice =
        element.slice.empty() ? "" : " of the slice " + std::string(element.slice);
    if (count < element.min) {
        Report(
            "required", here,
            count == 0 && element.min == 1
                ? (slice.empty() ? "is required" : "an entry" + slice + " is required")
                : "at least " + std::to_string(element.min) + " entries" + slice + " are required");
    } else if (element.max != kUnbounded && count > element.max) {
        Report("structure", here,
               element.max == 0 ? "must not be there"
                                : "at most " + std::to_string(element.max) + " entries" + slice +
                                      " may be given");
    }
}

void ProfileChecker::Slices(const ProfileElement& element, const std::vector<Occurrence>& values,
                            const Place& place) {
    std::vector<bool> taken(values.size(), false);
    for (const ProfileElement& slice : element.slices) {
        std::size_t count = 0;
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (!reader_.IsOf(slice, element, values[i])) continue;
            taken[i] = true;
            ++count;
            One(slice, values[i], PlaceOf(place, element, values[i]));
        }
        Count(slice, count, place);
    }
    if (!element.closed) return;
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (taken[i]) continue;
        Report("structure", PlaceOf(place, element, values[i]), "is of none of the allowed slices");
    }
}

void ProfileChecker::One(const ProfileElement& element, const Occurrence& value,
                         const Place& place) {
    if (!HasItsValue(element, value)) {
        Report("value", place,
               element.fixed ? "must have the one value that the profile allows"
                             : "must have what the profile's pattern says");
    }
    Types(element, value, place);
    if (element.strength == BindingStrength::kRequired) Bound(element, value, place);
    Invariants(element, value, place);
    if (element.children.empty()) return;
    const Node* object = value.value != nullptr && value.value->IsObject() ? value.value : nullptr;
    if (object == nullptr) object = value.sibling;
    if (object != nullptr) Children(element, *object, *value.type, place);
}

void ProfileChecker::Types(const ProfileElement& element, const Occurrence& value,
                           const Place& place) {
    if (element.types.empty()) return;
    const auto type =
        std::find_if(element.types.begin(), element.types.end(),
                     [&](const AllowedType& one) { return one.code == value.type->name; });
    if (type == element.types.end()) {
        std::string allowed;
        for (const AllowedType& one : element.types) {
            allowed += (allowed.empty() ? "" : ", ") + std::string(one.code);
        }
        return Report("structure", place, "must be of type " + allowed);
    }
    if (type->targets.empty() || value.value == nullptr) return;
    if (type->code == "Reference") Target(*type, *value.value, place);
    if (type->code == "Extension") ExtensionProfile(*type, value, place);
}

// Only what the reference itself shows; of contained resources what they are.
void ProfileChecker::Target(const AllowedType& type, const Node& reference, const Place& place) {
    const string_view text = reference.TextOf("reference");
    if (text.empty()) return;
    const Node* contained =
        text.starts_with('#') ? FindContained(resource_, text.substr(1)) : nullptr;
    string_view target_type =
        contained != nullptr ? contained->TextOf("resourceType") : TypeOfReference(text);
    if (reader_.definitions().ResourceTypeNumber(target_type) == 0) {
        target_type = reference.TextOf("type");
    }
    if (target_type.empty() || Points(type, text, target_type, contained)) return;
    std::string allowed;
    for (const string_view target : type.targets) {
        allowed += (allowed.empty() ? "" : ", ") + std::string(target);
    }
    Report("value", place, "must refer to " + allowed);
}

bool ProfileChecker::Points(const AllowedType& type, string_view reference, string_view target_type,
                            const Node* contained) const {
    return std::any_of(type.targets.begin(), type.targets.end(), [&](string_view target) {
        const ProfileEntry* profile = reader_.table().Find(target);
        if (profile == nullptr) return target == target_type;
        if (profile->profile.type != target_type) return false;
        if (contained == nullptr) return !meets_ || meets_(reference, profile->profile);
        ProfileChecker inner(reader_, *contained, meets_, 1);
        inner.Check(*profile);
        return inner.Take().empty();
    });
}

void ProfileChecker::ExtensionProfile(const AllowedType& type, const Occurrence& value,
                                      const Place& place) {
    const ProfileEntry* profile = reader_.table().Find(type.targets.front());
    if (profile != nullptr) One(profile->root, value, place);
}

void ProfileChecker::Bound(const ProfileElement& element, const Occurrence& value,
                           const Place& place) {
    // Which of the types of a choice are coded.
    const string_view type = value.type->name;
    const bool coded = type == "CodeableConcept" || type == "Coding" || type == "code" ||
                       type == "Quantity" || type == "string" || type == "uri";
    if (!coded || reader_.BestOf(element.value_set, value) != Membership::kOut) return;
    Report("code-invalid", place,
           "must have a code of the value set " + std::string(element.value_set));
}

void ProfileChecker::Invariants(const ProfileElement& element, const Occurrence& value,
                                const Place& place) {
    if (value.value == nullptr) return;
    for (const Invariant* invariant : element.invariants) {
        const auto found = invariant->path.EvaluateAt(
            reader_.definitions(), resource_, resource_.TextOf("resourceType"),
            {value.value, value.sibling, value.type->name});
        const bool holds =
            found && found->items.size() == 1 && found->items.front().node->boolean();
        if (holds) continue;
        std::string message = "must fulfil " + std::string(invariant->key);
        if (invariant->expression.size() <= kExpressionShownMax) {
            message += ": " + std::string(invariant->expression);
        }
        Report("invariant", place, std::move(message));
    }
}

}  // namespace carestream::fhir::internal
