#include "mapping/internal/matcher.h"

#include <algorithm>

namespace carestream::mapping::internal {

namespace {

bool Below(const TreeNode& node, SegmentCode code) {
    return std::binary_search(node.below.begin(), node.below.end(), code);
}

class Matcher {
public:
    explicit Matcher(Matching& matching) : matching_(matching) {}

    // False: nowhere to put it.
    bool Place(SegmentCode code, std::size_t segment) {
        // Forward first, from the innermost open group outwards.
        for (Group* group = open_; group != nullptr; group = group->parent) {
            if (!Below(*group->node, code)) continue;
            if (Forward(*group, group->cursor, code, segment,
                        group == open_ ? Way::kInside : Way::kAround)) {
                return true;
            }
            if (Repeats(*group, code)) {
                Group* next = Open(*group->parent, IndexIn(*group));
                if (Forward(*next, 0, code, segment, Way::kInside)) return true;
            }
        }
        // Then behind the cursor: the sender's order is not the standard's.
        for (Group* group = open_; group != nullptr; group = group->parent) {
            if (!Below(*group->node, code)) continue;
            Group* const open = open_;
            const std::size_t cursor = group->cursor;
            if (!Forward(*group, 0, code, segment, Way::kBack)) continue;
            group->cursor = std::max(cursor, group->cursor);
            if (open_->parent == group || open_ == group) open_ = open;
            matching_.out_of_order.push_back(segment);
            return true;
        }
        return false;
    }

    void Start(Group* root) { open_ = root; }

private:
    enum class Way { kInside, kAround, kBack };

    static std::size_t IndexIn(const Group& group) {
        return static_cast<std::size_t>(group.node - group.parent->node->children.data());
    }
    static bool Has(const Group& group, std::size_t child) {
        return std::any_of(group.entries.begin(), group.entries.end(),
                           [child](const Group::Entry& entry) { return entry.child == child; });
    }
    Group* Open(Group& parent, std::size_t child) {
        matching_.groups.emplace_back();
        Group& group = matching_.groups.back();
        group.node = &parent.node->children[child];
        group.parent = &parent;
        parent.entries.push_back({child, kNoSegment, &group});
        parent.cursor = child;
        return &group;
    }
    // A new repetition of `group` starts with its first segment, with the one that makes its main
    // resource, or with one of its own that this repetition has when it began without the earlier
    // ones. Anything else (a second PV1) must not tear what follows from its patient.
    static bool Repeats(const Group& group, SegmentCode code) {
        if (group.parent == nullptr || !group.node->repeats) return false;
        if (group.node->first == code || group.node->anchor == code) return true;
        for (std::size_t i = 0; i < group.node->children.size(); ++i) {
            if (group.node->children[i].segment == code) return Has(group, i);
            if (Has(group, i)) return false;
        }
        return false;
    }

    bool Forward(Group& group, std::size_t from, SegmentCode code, std::size_t segment, Way way) {
        const std::vector<TreeNode>& children = group.node->children;
        for (std::size_t i = from; i < children.size(); ++i) {
            const TreeNode& child = children[i];
            if (child.segment == code) {
                if (!child.repeats && Has(group, i)) continue;
                group.entries.push_back({i, segment, nullptr});
                group.cursor = i;
                open_ = &group;
                matching_.group_of[segment] = &group;
                return true;
            }
            if (child.segment != 0 || !Below(child, code)) continue;
            // A group that is open was asked before; one that is there is not opened again behind
            // the cursor, nor when it does not repeat.
            if (Has(group, i) && (way == Way::kBack || !child.repeats)) {
                if (way == Way::kAround && i == group.cursor) continue;
                if (Forward(*Last(group, i), 0, code, segment, way)) return true;
                continue;
            }
            if (way == Way::kAround && i == group.cursor && Has(group, i) && child.first != code) {
                continue;
            }
            Group* next = Open(group, i);
            if (Forward(*next, 0, code, segment, way)) return true;
            group.entries.pop_back();
        }
        return false;
    }
    static Group* Last(const Group& group, std::size_t child) {
        Group* last = nullptr;
        for (const Group::Entry& entry : group.entries) {
            if (entry.child == child && entry.group != nullptr) last = entry.group;
        }
        return last;
    }

    Matching& matching_;
    Group* open_ = nullptr;
};

// The nearest segment `code` in `group` and its groups that do not repeat. Entries are sorted.
void Nearest(const Group& group, SegmentCode code, std::size_t from, std::size_t& before,
             std::size_t& after) {
    const std::vector<TreeNode>& children = group.node->children;
    for (std::size_t i = 0; i < children.size(); ++i) {
        const TreeNode& child = children[i];
        const bool nested = child.segment == 0 && !child.repeats && Below(child, code);
        if (!nested && child.segment != code) continue;
        auto entry = std::lower_bound(
            group.entries.begin(), group.entries.end(), i,
            [](const Group::Entry& one, std::size_t index) { return one.child < index; });
        for (; entry != group.entries.end() && entry->child == i; ++entry) {
            if (nested) {
                Nearest(*entry->group, code, from, before, after);
            } else if (entry->segment <= from) {
                if (before == kNoSegment || entry->segment > before) before = entry->segment;
            } else if (after == kNoSegment || entry->segment < after) {
                after = entry->segment;
            }
        }
    }
}

}  // namespace

Group* Group::scope() {
    Group* group = this;
    while (group->parent != nullptr && !group->node->repeats) group = group->parent;
    return group;
}

void Group::Sort() {
    std::stable_sort(entries.begin(), entries.end(),
                     [](const Entry& a, const Entry& b) { return a.child < b.child; });
}

Matching Match(const TreeNode& root, const hl7::Message& message) {
    Matching matching;
    const std::size_t count = message.segment_count();
    matching.group_of.assign(count, nullptr);
    matching.groups.emplace_back();
    matching.groups.front().node = &root;
    Matcher matcher(matching);
    matcher.Start(&matching.groups.front());
    for (std::size_t segment = 0; segment < count; ++segment) {
        const SegmentCode code = PackSegment(message.SegmentId(segment));
        if (!Below(root, code) || !matcher.Place(code, segment)) {
            matching.unplaced.push_back(segment);
        }
    }
    for (Group& group : matching.groups) group.Sort();
    return matching;
}

std::size_t FindNear(const Matching& matching, const hl7::Message& message, const Group* group,
                     SegmentCode code, std::size_t from) {
    for (; group != nullptr; group = group->parent) {
        if (!Below(*group->node, code)) continue;
        std::size_t before = kNoSegment;
        std::size_t after = kNoSegment;
        Nearest(*group, code, from, before, after);
        if (before != kNoSegment) return before;
        if (after != kNoSegment) return after;
    }
    for (const std::size_t segment : matching.unplaced) {
        if (PackSegment(message.SegmentId(segment)) == code) return segment;
    }
    return kNoSegment;
}

}  // namespace carestream::mapping::internal
