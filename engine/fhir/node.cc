#include "fhir/node.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace carestream::fhir {

Node::Node(Kind kind, std::string text) : kind_(kind), text_(std::move(text)) {}

Node Node::String(std::string text) {
    return {Kind::kString, std::move(text)};
}

Node Node::Number(std::string text) {
    return {Kind::kNumber, std::move(text)};
}

Node Node::Boolean(bool value) {
    return {Kind::kBoolean, value ? "true" : "false"};
}

Node Node::Array() {
    return {Kind::kArray, {}};
}

Node Node::Object() {
    return {Kind::kObject, {}};
}

bool Node::IsEmpty() const {
    switch (kind_) {
        case Kind::kNull:
            return true;
        case Kind::kString:
            return text_.empty();
        case Kind::kArray:
            return items_.empty();
        case Kind::kObject:
            return members_.empty();
        case Kind::kBoolean:
        case Kind::kNumber:
            return false;
    }
    return true;
}

const Node* Node::Find(std::string_view name) const {
    for (const Member& member : members_) {
        if (member.name == name) return &member.value;
    }
    return nullptr;
}

Node* Node::Find(std::string_view name) {
    return const_cast<Node*>(std::as_const(*this).Find(name));
}

std::string_view Node::TextOf(std::string_view name) const {
    const Node* value = Find(name);
    return value != nullptr && value->IsString() ? std::string_view(value->text_)
                                                 : std::string_view();
}

Node& Node::At(std::string_view name) {
    if (kind_ == Kind::kNull) kind_ = Kind::kObject;
    CARESTREAM_ASSERT(kind_ == Kind::kObject);
    if (Node* present = Find(name)) return *present;
    // Few objects stay with one member, and growing moves all of them.
    if (members_.empty()) members_.reserve(4);
    Member& member = members_.emplace_back();
    member.name = std::string(name);
    return member.value;
}

Node& Node::Set(std::string_view name, Node value) {
    Node& place = At(name);
    place = std::move(value);
    return place;
}

bool Node::Remove(std::string_view name) {
    const auto it = std::find_if(members_.begin(), members_.end(),
                                 [&](const Member& member) { return member.name == name; });
    if (it == members_.end()) return false;
    members_.erase(it);
    return true;
}

Node& Node::Append(Node item) {
    if (kind_ == Kind::kNull) kind_ = Kind::kArray;
    CARESTREAM_ASSERT(kind_ == Kind::kArray);
    items_.push_back(std::move(item));
    return items_.back();
}

bool operator==(const Node& a, const Node& b) {
    if (a.kind_ != b.kind_ || a.text_ != b.text_ || a.items_ != b.items_ ||
        a.members_.size() != b.members_.size()) {
        return false;
    }
    return std::all_of(a.members_.begin(), a.members_.end(), [&](const Member& member) {
        const Node* other = b.Find(member.name);
        return other != nullptr && *other == member.value;
    });
}

}  // namespace carestream::fhir
