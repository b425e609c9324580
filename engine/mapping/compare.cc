#include "mapping/compare.h"

#include <algorithm>
#include <utility>

#include "fhir/json.h"

namespace carestream::mapping {

namespace {

using fhir::Node;

std::string Verdict(const Mapped& mapped) {
    if (mapped.status == MapStatus::kMapped) return "mapped";
    return mapped.path + ": " + mapped.reason;
}

class Comparison {
public:
    std::vector<Difference> Take() { return std::move(differences_); }

    void Add(std::string path, const Node* before, const Node* after) {
        differences_.push_back({std::move(path), before == nullptr ? "" : fhir::ToJson(*before),
                                after == nullptr ? "" : fhir::ToJson(*after)});
    }

    void Texts(std::string path, std::string before, std::string after) {
        if (before != after)
            differences_.push_back({std::move(path), std::move(before), std::move(after)});
    }

    void Nodes(const std::string& path, const Node& before, const Node& after) {
        if (before == after) return;
        if (before.IsObject() && after.IsObject()) return Members(path, before, after);
        if (before.IsArray() && after.IsArray()) return Items(path, before, after);
        Add(path, &before, &after);
    }

private:
    void Members(const std::string& path, const Node& before, const Node& after) {
        for (const fhir::Member& member : before.members()) {
            const Node* other = after.Find(member.name);
            const std::string inner = path + "." + std::string(member.name);
            if (other == nullptr) {
                Add(inner, &member.value, nullptr);
            } else {
                Nodes(inner, member.value, *other);
            }
        }
        for (const fhir::Member& member : after.members()) {
            if (before.Find(member.name) == nullptr)
                Add(path + "." + std::string(member.name), nullptr, &member.value);
        }
    }

    void Items(const std::string& path, const Node& before, const Node& after) {
        const std::size_t size = std::max(before.items().size(), after.items().size());
        for (std::size_t i = 0; i < size; ++i) {
            const std::string inner = path + "[" + std::to_string(i) + "]";
            if (i >= after.items().size()) {
                Add(inner, &before.items()[i], nullptr);
            } else if (i >= before.items().size()) {
                Add(inner, nullptr, &after.items()[i]);
            } else {
                Nodes(inner, before.items()[i], after.items()[i]);
            }
        }
    }

    std::vector<Difference> differences_;
};

std::string Joined(const std::vector<std::string>& list) {
    std::string text;
    for (const std::string& one : list) text += (text.empty() ? "" : ", ") + one;
    return text;
}

const fhir::Change* FindSame(const fhir::ChangeSet& set, const fhir::Change& change) {
    const auto found =
        std::find_if(set.changes.begin(), set.changes.end(), [&](const fhir::Change& other) {
            return other.type == change.type && other.provisional_id == change.provisional_id;
        });
    return found == set.changes.end() ? nullptr : &*found;
}

}  // namespace

std::vector<Difference> Compare(const Mapped& before, const Mapped& after) {
    const bool both = before.status == MapStatus::kMapped && after.status == MapStatus::kMapped;
    if (!both) {
        const std::string first = Verdict(before), second = Verdict(after);
        if (first == second) return {};
        return {{"", first, second}};
    }
    Comparison comparison;
    const auto name = [](const fhir::Change& change) {
        return change.type + "/" + change.provisional_id;
    };
    for (const fhir::Change& change : before.changes.changes) {
        const fhir::Change* other = FindSame(after.changes, change);
        if (other == nullptr) {
            comparison.Add(name(change), &change.resource, nullptr);
        } else {
            comparison.Nodes(name(change), change.resource, other->resource);
            comparison.Texts(name(change) + " mode", std::string(ModeName(change.mode)),
                             std::string(ModeName(other->mode)));
            comparison.Texts(name(change) + " cleared", Joined(change.cleared),
                             Joined(other->cleared));
        }
    }
    for (const fhir::Change& change : after.changes.changes) {
        if (FindSame(before.changes, change) == nullptr)
            comparison.Add(name(change), nullptr, &change.resource);
    }
    return comparison.Take();
}

}  // namespace carestream::mapping
