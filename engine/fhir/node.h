#pragma once
// A FHIR resource, or a piece of one, as a JSON value: members keep their order and numbers keep
// their source text, because FHIR gives meaning to both 1.5 and 1.50.
// Source: FHIR R4, 2.6.2 JSON representation.
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carestream::fhir {

struct Member;

namespace internal {
class JsonReader;
}

enum class Kind : std::uint8_t { kNull, kBoolean, kNumber, kString, kArray, kObject };

// A value type: copying copies the tree. Not thread-safe while written; const access is.
class Node {
public:
    Node() noexcept;  // null
    [[nodiscard]] static Node String(std::string text);
    [[nodiscard]] static Node Number(std::string text);  // `text` is a JSON number, unchecked
    [[nodiscard]] static Node Boolean(bool value);
    [[nodiscard]] static Node Array();
    [[nodiscard]] static Node Object();

    [[nodiscard]] Kind kind() const { return kind_; }
    [[nodiscard]] bool IsNull() const { return kind_ == Kind::kNull; }
    [[nodiscard]] bool IsObject() const { return kind_ == Kind::kObject; }
    [[nodiscard]] bool IsArray() const { return kind_ == Kind::kArray; }
    [[nodiscard]] bool IsString() const { return kind_ == Kind::kString; }
    // Null, "", {} and []: what FHIR forbids in a resource.
    [[nodiscard]] bool IsEmpty() const;

    // The text of a string or number; "true" or "false" for a boolean; "" otherwise.
    [[nodiscard]] const std::string& text() const { return text_; }
    [[nodiscard]] bool boolean() const { return kind_ == Kind::kBoolean && text_ == "true"; }

    // Members of an object, in order; empty for other kinds.
    [[nodiscard]] const std::vector<Member>& members() const { return members_; }
    [[nodiscard]] std::vector<Member>& members() { return members_; }
    // Items of an array; empty for other kinds.
    [[nodiscard]] const std::vector<Node>& items() const { return items_; }
    [[nodiscard]] std::vector<Node>& items() { return items_; }

    // The member's value, or nullptr. Linear: FHIR objects are small.
    [[nodiscard]] const Node* Find(std::string_view name) const;
    [[nodiscard]] Node* Find(std::string_view name);
    // The text of a string member, or "".
    [[nodiscard]] std::string_view TextOf(std::string_view name) const;
    // Replaces or appends; a null node becomes an object first. Returns the stored value.
    Node& Set(std::string_view name, Node value);
    // The member, made as null when absent.
    Node& At(std::string_view name);
    bool Remove(std::string_view name);
    // A null node becomes an array first. Returns the stored item; invalidated by the next Append.
    Node& Append(Node item);

    friend bool operator==(const Node& a, const Node& b);  // member order does not matter

private:
    friend class internal::JsonReader;  // builds in place: a tree is read more often than all else
    Node(Kind kind, std::string text);

    Kind kind_ = Kind::kNull;
    std::string text_;
    std::vector<Member> members_;
    std::vector<Node> items_;
};

struct Member {
    Member() noexcept;
    Member(std::string the_name, Node the_value)
        : name(std::move(the_name)), value(std::move(the_value)) {}

    std::string name;
    Node value;
};

// Not defaulted where they are declared: `Node()` and `Member()` would zero all bytes first.
inline Node::Node() noexcept = default;
inline Member::Member() noexcept = default;

}  // namespace carestream::fhir
