// Placing values in the resource tree: the steps of a target, named entries, who was there first.
#include <algorithm>
#include <utility>

#include "mapping/internal/run.h"

namespace carestream::mapping::internal {

namespace {

constexpr std::uint64_t kPathSeed = 14695981039346656037ull;
constexpr std::uint64_t kPrime = 1099511628211ull;

std::uint64_t Extend(std::uint64_t path, const Step& step) {
    return (path ^ step.key) * kPrime;
}

const Binding* FindBinding(const Element& element, std::uint64_t path) {
    for (const Binding& binding : *element.bindings) {
        if (binding.path == path) return &binding;
    }
    return nullptr;
}

// Does `rich` say everything that `poor` says?
bool Covers(const fhir::Node& rich, const fhir::Node& poor) {
    if (!rich.IsObject() || !poor.IsObject()) return rich == poor;
    return std::all_of(poor.members().begin(), poor.members().end(),
                       [&](const fhir::Member& member) {
                           const fhir::Node* there = rich.Find(member.name);
                           return there != nullptr && Covers(*there, member.value);
                       });
}

bool HoldsOtherChoice(const fhir::Node& node, const Step& step) {
    if (step.choice_base.empty()) return false;
    const std::string& base = step.choice_base;
    for (const fhir::Member& member : node.members()) {
        if (member.name.size() > base.size() && member.name.starts_with(base) &&
            member.name[base.size()] >= 'A' && member.name[base.size()] <= 'Z' &&
            member.name != step.member) {
            return true;
        }
    }
    return false;
}

}  // namespace

// A constant goes into a named entry only when a value of the message is there.
bool Run::EntryMissing(const Rule& rule, const Here& here) const {
    if (!rule.constant_only) return false;
    std::uint64_t path = kPathSeed;
    for (const Step& step : rule.target.steps) {
        path = Extend(path, step);
        if (step.named && FindBinding(here.element, path) == nullptr) return true;
        if (!step.through.empty()) return false;
    }
    return false;
}

bool Run::DescendThrough(const Step& step, Element& element, std::uint64_t path) {
    // The resource behind the reference has a binding of its own beside the entry's.
    const std::uint64_t behind = path ^ kPathSeed;
    if (const Binding* binding = FindBinding(element, behind); binding != nullptr) {
        Made& made = made_[binding->index];
        element = {&made.node, binding->index, &made.bindings, true};
        return true;
    }
    fhir::Node& reference = *element.node;
    if (reference.Find("reference") != nullptr) return false;  // refers to something else
    const std::size_t resource =
        NewResource(step.through, element.resource, Here{kNoSegment, 0, nullptr, nullptr, element});
    reference = ReferenceTo(resource);
    element.bindings->push_back({behind, resource});
    Made& made = made_[resource];
    element = {&made.node, resource, &made.bindings, true};
    return true;
}

// Goes from `element` into the object that `step` names, making it when absent.
bool Run::Descend(const Step& step, Element& element, std::uint64_t& path) {
    path = Extend(path, step);
    if (HoldsOtherChoice(*element.node, step)) return false;
    const Element owner = element;
    fhir::Node& member = element.node->At(step.member);
    if (!step.list) {
        if (member.IsNull()) member = fhir::Node::Object();
        if (!member.IsObject()) return false;
        element.node = &member;
    } else {
        const Binding* binding = FindBinding(element, path);
        if (binding == nullptr) {
            element.bindings->push_back({path, member.items().size()});
            element.node = &member.Append(fhir::Node::Object());
        } else {
            element.node = &member.items()[binding->index];
        }
    }
    element.root = false;
    if (step.through.empty()) return true;
    // Bindings of what lies behind are found from the owner's scope.
    Element at = element;
    at.bindings = owner.bindings;
    if (!DescendThrough(step, at, path)) return false;
    element = at;
    path = kPathSeed;
    return true;
}

Run::Put Run::Merge(fhir::Node& present, fhir::Node&& value, const std::optional<Join>& join) {
    if (present.IsNull()) {
        present = std::move(value);
        return Put::kNew;
    }
    // A second line of a text may say the same as the first.
    if (present.IsString() && value.IsString() && join) {
        present = fhir::Node::String(
            join->base64 ? AppendBase64(present.text(), join->separator, value.text())
                         : present.text() + join->separator + value.text());
        return Put::kNew;
    }
    if (present == value) return Put::kSame;
    bool added = false;
    if (present.IsArray() && value.IsArray()) {
        for (fhir::Node& item : value.items()) {
            auto& there = present.items();
            if (std::any_of(there.begin(), there.end(),
                            [&](const fhir::Node& one) { return Covers(one, item); })) {
                continue;
            }
            const auto poorer =
                std::find_if(there.begin(), there.end(),
                             [&](const fhir::Node& one) { return Covers(item, one); });
            if (poorer != there.end()) {
                *poorer = std::move(item);
            } else {
                present.Append(std::move(item));
            }
            added = true;
        }
        return added ? Put::kNew : Put::kSame;
    }
    if (!present.IsObject() || !value.IsObject()) return Put::kTaken;
    bool conflict = false;
    for (fhir::Member& member : value.members()) {
        fhir::Node* there = present.Find(member.name);
        if (there == nullptr) {
            present.Set(member.name, std::move(member.value));
            added = true;
            continue;
        }
        const Put put = Merge(*there, std::move(member.value), std::nullopt);
        added = added || put == Put::kNew;
        conflict = conflict || put == Put::kTaken;
    }
    if (added) return Put::kNew;
    return conflict ? Put::kTaken : Put::kSame;
}

Run::Put Run::PutLast(const Step& step, const std::optional<Join>& join, Element element,
                      std::uint64_t path, fhir::Node&& value) {
    if (HoldsOtherChoice(*element.node, step)) return Put::kTaken;
    fhir::Node& member = element.node->At(step.member);
    if (!step.list) return Merge(member, std::move(value), join);
    if (!step.named) {
        for (const fhir::Node& item : member.items()) {
            if (item == value) return Put::kSame;
        }
        member.Append(std::move(value));
        return Put::kNew;
    }
    path = Extend(path, step);
    const Binding* binding = FindBinding(element, path);
    if (binding != nullptr) return Merge(member.items()[binding->index], std::move(value), join);
    element.bindings->push_back({path, member.items().size()});
    member.Append(std::move(value));
    return Put::kNew;
}

Run::Put Run::PutExtension(const Target& target, const Element& element, fhir::Node&& value) {
    fhir::Node extension = fhir::Node::Object();
    extension.Set("url", fhir::Node::String(target.extension));
    if (target.extension_value.empty()) {
        for (fhir::Member& member : value.members()) {
            extension.Set(member.name, std::move(member.value));
        }
    } else {
        extension.Set(target.extension_value, std::move(value));
    }
    Element at = element;
    std::uint64_t path = kPathSeed;
    for (std::size_t i = 0; i < target.steps.size(); ++i) {
        const Step& step = target.steps[i];
        if (target.on_primitive && i + 1 == target.steps.size()) {
            fhir::Node& beside = at.node->At("_" + step.member);
            if (beside.IsNull()) beside = fhir::Node::Object();
            at.node = &beside;
        } else if (!Descend(step, at, path)) {
            return Put::kTaken;
        }
    }
    fhir::Node& list = at.node->At("extension");
    for (const fhir::Node& item : list.items()) {
        if (item == extension) return Put::kSame;
    }
    list.Append(std::move(extension));
    return Put::kNew;
}

Run::Put Run::PutNode(const Target& target, const std::optional<Join>& join, const Element& element,
                      fhir::Node&& value) {
    if (!target.extension.empty()) return PutExtension(target, element, std::move(value));
    if (target.steps.empty()) return Merge(*element.node, std::move(value), join);
    Element at = element;
    std::uint64_t path = kPathSeed;
    for (std::size_t i = 0; i + 1 < target.steps.size(); ++i) {
        if (!Descend(target.steps[i], at, path)) return Put::kTaken;
    }
    return PutLast(target.steps.back(), join, at, path, std::move(value));
}

}  // namespace carestream::mapping::internal
