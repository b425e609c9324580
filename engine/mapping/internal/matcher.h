#pragma once
// Lays the segments of a message into the group tree of its structure. Lenient: what the standard
// calls optional, repeating or ordered is followed where the message does, and forgiven where not.
#include <cstddef>
#include <deque>
#include <vector>

#include "hl7/message.h"
#include "mapping/internal/model.h"

namespace carestream::mapping::internal {

constexpr std::size_t kNoSegment = static_cast<std::size_t>(-1);

// One repetition of a group; the root is the message.
struct Group {
    struct Entry {
        std::size_t child = 0;  // index in node->children
        std::size_t segment = kNoSegment;
        Group* group = nullptr;  // or a nested repetition
    };
    struct Name {
        const std::string* name;
        std::size_t resource;
    };
    const TreeNode* node = nullptr;
    Group* parent = nullptr;
    std::size_t cursor = 0;  // the child matched last
    std::vector<Entry> entries;
    std::vector<Name> names;  // of the resources made here (run)

    // The group whose names this one shares: the nearest that repeats, or the root.
    [[nodiscard]] Group* scope();
    // The entries in tree order.
    void Sort();
};

struct Matching {
    std::deque<Group> groups;  // [0] is the root
    std::vector<std::size_t> unplaced;
    std::vector<std::size_t> out_of_order;
    std::vector<Group*> group_of;  // per segment; nullptr if unplaced
};

[[nodiscard]] Matching Match(const TreeNode& root, const hl7::Message& message);

// The segment `code` that a path in a segment `from` of `group` means: the nearest in the same
// repetition of the group, before it rather than after it, then outwards. kNoSegment if there is
// none.
[[nodiscard]] std::size_t FindNear(const Matching& matching, const hl7::Message& message,
                                   const Group* group, SegmentCode code, std::size_t from);

}  // namespace carestream::mapping::internal
