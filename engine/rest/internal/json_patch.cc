#include "rest/internal/json_patch.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "base/text.h"
#include "fhir/decimal.h"
#include "fhir/json.h"

namespace carestream::rest {
namespace {

using fhir::Kind;
using fhir::Node;
using Tokens = std::span<const std::string>;

constexpr std::array<std::string_view, 6> kVerbs = {"add",  "remove", "replace",
                                                    "move", "copy",   "test"};
// Among which a misspelt one is looked for.
constexpr std::size_t kNamesMax = 100;
constexpr std::size_t kNameBytesMax = 64;

std::string PlaceOf(std::size_t operation, std::string_view member = {}) {
    std::string place = "[" + std::to_string(operation) + "]";
    if (!member.empty()) place += "." + std::string(member);
    return place;
}

Result<std::string> Unescape(std::string_view token) {
    std::string text;
    for (std::size_t i = 0; i < token.size(); ++i) {
        if (token[i] != '~') {
            text += token[i];
            continue;
        }
        const char next = i + 1 < token.size() ? token[++i] : '\0';
        if (next != '0' && next != '1') {
            return Fail(Code::kInvalid, "in a JSON Pointer '~' stands before 0 or 1 only");
        }
        text += next == '0' ? '~' : '/';
    }
    return text;
}

Result<JsonPointer> ParsePointer(std::string_view text, std::size_t depth_max) {
    JsonPointer pointer;
    if (text.empty()) return pointer;
    if (text.front() != '/') {
        return Fail(Code::kInvalid, "a JSON Pointer begins with '/': \"/name/0/family\"");
    }
    for (const std::string_view token : Split(text.substr(1), '/')) {
        if (pointer.size() == depth_max) {
            return Fail(Code::kLimit, "at most " + std::to_string(depth_max) + " levels");
        }
        CARESTREAM_ASSIGN(unescaped, Unescape(token));
        pointer.push_back(std::move(unescaped));
    }
    return pointer;
}

Result<PatchVerb> VerbOf(const Node& operation) {
    const std::string_view text = operation.TextOf("op");
    const auto* found = std::find(kVerbs.begin(), kVerbs.end(), text);
    if (found != kVerbs.end()) return static_cast<PatchVerb>(found - kVerbs.begin());
    return Fail(Code::kInvalid,
                "is to be add, remove, replace, move, copy or test" + DidYouMean(text, kVerbs));
}

Result<JsonPointer> PointerIn(const Node& operation, std::string_view member,
                              const JsonPatchLimits& limits) {
    const Node* value = operation.Find(member);
    if (value == nullptr || !value->IsString()) {
        return Fail(Code::kInvalid, "the operation needs it: a JSON Pointer");
    }
    return ParsePointer(value->text(), limits.depth_max);
}

bool HasFrom(PatchVerb verb) {
    return verb == PatchVerb::kMove || verb == PatchVerb::kCopy;
}
bool HasValue(PatchVerb verb) {
    return verb == PatchVerb::kAdd || verb == PatchVerb::kReplace || verb == PatchVerb::kTest;
}

tl::unexpected<Error> At(Error error, std::string place) {
    error.path = std::move(place);
    error.offset_bytes = 0;
    return tl::make_unexpected(std::move(error));
}

Result<PatchOperation> ReadOperation(Node& node, std::size_t number,
                                     const JsonPatchLimits& limits) {
    if (!node.IsObject()) {
        return Fail(Code::kInvalid, "an operation is a JSON object", PlaceOf(number));
    }
    PatchOperation operation;
    const auto verb = VerbOf(node);
    if (!verb) return At(verb.error(), PlaceOf(number, "op"));
    operation.verb = *verb;
    auto path = PointerIn(node, "path", limits);
    if (!path) return At(path.error(), PlaceOf(number, "path"));
    operation.path = std::move(*path);
    if (HasFrom(operation.verb)) {
        auto from = PointerIn(node, "from", limits);
        if (!from) return At(from.error(), PlaceOf(number, "from"));
        operation.from = std::move(*from);
    }
    if (HasValue(operation.verb)) {
        Node* value = node.Find("value");
        if (value == nullptr) {
            return Fail(Code::kInvalid, "the operation needs it", PlaceOf(number, "value"));
        }
        operation.value = std::move(*value);
    }
    return operation;
}

std::optional<std::size_t> IndexOf(std::string_view token) {
    if (!IsDigits(token) || token.size() > 9 || (token.size() > 1 && token[0] == '0')) return {};
    std::size_t index = 0;
    for (const char digit : token) index = index * 10 + static_cast<std::size_t>(digit - '0');
    return index;
}

Node* ChildOf(Node& node, const std::string& token) {
    if (node.IsObject()) return node.Find(token);
    const auto index = node.IsArray() ? IndexOf(token) : std::nullopt;
    return index && *index < node.items().size() ? &node.items()[*index] : nullptr;
}

// Says how far the path leads; what stands in the document may be named, what the client made up
// is not repeated.
tl::unexpected<Error> NothingAt(const Node& last, Tokens there, const std::string& token) {
    std::string text = "the resource has nothing there: the path ends at \"";
    for (const std::string& one : there) text += "/" + one;
    text += "\"";
    if (last.IsArray()) text += ", which has " + std::to_string(last.items().size()) + " items";
    std::vector<std::string_view> names;
    for (const fhir::Member& member : last.members()) {
        if (names.size() == kNamesMax) break;
        if (member.name.size() <= kNameBytesMax) names.push_back(member.name);
    }
    return Fail(Code::kInvalid,
                token.size() > kNameBytesMax ? text : text + DidYouMean(token, names));
}

Result<Node*> FindAt(Node& document, Tokens tokens) {
    Node* node = &document;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        Node* child = ChildOf(*node, tokens[i]);
        if (child == nullptr) return NothingAt(*node, tokens.first(i), tokens[i]);
        node = child;
    }
    return node;
}

// Numbers by value, members in any order. No member is looked for: a client chooses how many.
bool IsSame(const Node& a, const Node& b) {
    if (a.kind() != b.kind() || a.items().size() != b.items().size() ||
        a.members().size() != b.members().size()) {
        return false;
    }
    if (a.kind() == Kind::kNumber) {
        const auto left = fhir::Decimal::Parse(a.text());
        const auto right = fhir::Decimal::Parse(b.text());
        if (left && right) return fhir::Decimal::Compare(*left, *right) == 0;
    }
    if (a.text() != b.text()) return false;
    for (std::size_t i = 0; i < a.items().size(); ++i) {
        if (!IsSame(a.items()[i], b.items()[i])) return false;
    }
    const auto sorted = [](const Node& node) {
        std::vector<const fhir::Member*> list;
        for (const fhir::Member& member : node.members()) list.push_back(&member);
        std::sort(list.begin(), list.end(),
                  [](const auto* left, const auto* right) { return left->name < right->name; });
        return list;
    };
    const auto left = sorted(a);
    const auto right = sorted(b);
    return std::equal(left.begin(), left.end(), right.begin(), [](const auto* x, const auto* y) {
        return x->name == y->name && IsSame(x->value, y->value);
    });
}

class Patcher {
public:
    Patcher(Node document, const JsonPatchLimits& limits)
        : document_(std::move(document)), limits_(limits) {}

    // Which member of the operation an error is about.
    std::string_view blamed() const { return blamed_; }
    Node Take() { return std::move(document_); }

    Result<void> Apply(const PatchOperation& operation) {
        blamed_ = HasFrom(operation.verb) ? "from" : "path";
        switch (operation.verb) {
            case PatchVerb::kAdd:
                return Add(operation.path, operation.value);
            case PatchVerb::kRemove: {
                CARESTREAM_TRY(Remove(operation.path));
                return {};
            }
            case PatchVerb::kReplace:
                return Replace(operation.path, operation.value);
            case PatchVerb::kMove:
                return Move(operation);
            case PatchVerb::kCopy: {
                CARESTREAM_ASSIGN(source, FindAt(document_, operation.from));
                CARESTREAM_TRY(Charge(operation.path, *source));
                blamed_ = "path";
                return Put(operation.path, *source);
            }
            case PatchVerb::kTest:
                break;
        }
        return Test(operation);
    }

private:
    // Depth of `node` itself (1 for a scalar); its memory counts.
    std::size_t Measure(const Node& node) {
        placed_bytes_ += sizeof(Node) + node.text().size();
        std::size_t deepest = 0;
        for (const Node& item : node.items()) deepest = std::max(deepest, Measure(item));
        for (const fhir::Member& member : node.members()) {
            placed_bytes_ += sizeof(std::string) + member.name.size();
            deepest = std::max(deepest, Measure(member.value));
        }
        return deepest + 1;
    }

    // Before anything is copied: patches may double what is there with each operation.
    Result<void> Charge(Tokens path, const Node& value) {
        if (path.size() + Measure(value) > limits_.depth_max) {
            return Fail(Code::kLimit,
                        "at most " + std::to_string(limits_.depth_max) + " levels are stored");
        }
        if (placed_bytes_ > limits_.placed_bytes_max) {
            return Fail(Code::kLimit, "the patch moves and copies too much: send the resource");
        }
        return {};
    }

    Result<void> Add(Tokens path, const Node& value) {
        CARESTREAM_TRY(Charge(path, value));
        return Put(path, value);
    }

    Result<void> Put(Tokens path, Node value) {
        if (path.empty()) {
            document_ = std::move(value);
            return {};
        }
        CARESTREAM_ASSIGN(parent, FindAt(document_, path.first(path.size() - 1)));
        const std::string& token = path.back();
        if (parent->IsObject()) {
            parent->Set(token, std::move(value));
            return {};
        }
        if (!parent->IsArray()) return NothingAt(*parent, path.first(path.size() - 1), token);
        auto& items = parent->items();
        const auto index = token == "-" ? items.size() : IndexOf(token);
        if (!index || *index > items.size()) {
            return NothingAt(*parent, path.first(path.size() - 1), token);
        }
        items.insert(items.begin() + static_cast<std::ptrdiff_t>(*index), std::move(value));
        return {};
    }

    Result<Node> Remove(Tokens path) {
        if (path.empty()) {
            return Fail(Code::kInvalid, "a patch does not remove the resource: DELETE does");
        }
        CARESTREAM_ASSIGN(parent, FindAt(document_, path.first(path.size() - 1)));
        CARESTREAM_ASSIGN(place, FindAt(document_, path));
        Node taken = std::move(*place);
        if (parent->IsObject()) {
            parent->Remove(path.back());
        } else {
            parent->items().erase(parent->items().begin() + (place - parent->items().data()));
        }
        return taken;
    }

    Result<void> Replace(Tokens path, const Node& value) {
        CARESTREAM_ASSIGN(place, FindAt(document_, path));
        CARESTREAM_TRY(Charge(path, value));
        *place = value;
        return {};
    }

    Result<void> Move(const PatchOperation& operation) {
        const JsonPointer& path = operation.path;
        const JsonPointer& from = operation.from;
        CARESTREAM_ASSIGN(source, FindAt(document_, from));
        if (path == from) return {};
        if (path.size() > from.size() && std::equal(from.begin(), from.end(), path.begin())) {
            return Fail(Code::kInvalid, "nothing is moved into itself");
        }
        CARESTREAM_TRY(Charge(path, *source));
        CARESTREAM_ASSIGN(taken, Remove(from));
        blamed_ = "path";
        return Put(path, std::move(taken));
    }

    Result<void> Test(const PatchOperation& operation) {
        CARESTREAM_ASSIGN(place, FindAt(document_, operation.path));
        if (IsSame(*place, operation.value)) return {};
        blamed_ = "value";
        return Fail(Code::kConflict,
                    "the test fails: the resource has another value there; read it again");
    }

    Node document_;
    const JsonPatchLimits limits_;
    std::string_view blamed_ = "path";
    std::size_t placed_bytes_ = 0;
};

}  // namespace

Result<JsonPatch> ParseJsonPatch(std::string_view text, const JsonPatchLimits& limits) {
    CARESTREAM_ASSIGN(document, fhir::ParseJson(text));
    if (!document.IsArray()) {
        return Fail(Code::kInvalid,
                    "a JSON Patch is an array: [{\"op\": \"replace\", \"path\": \"/status\", "
                    "\"value\": \"...\"}]");
    }
    if (document.items().size() > limits.operations_max) {
        return Fail(Code::kLimit,
                    "at most " + std::to_string(limits.operations_max) + " operations at once");
    }
    JsonPatch patch;
    for (std::size_t i = 0; i < document.items().size(); ++i) {
        CARESTREAM_ASSIGN(operation, ReadOperation(document.items()[i], i, limits));
        patch.push_back(std::move(operation));
    }
    return patch;
}

Result<Node> ApplyJsonPatch(const JsonPatch& patch, Node document, const JsonPatchLimits& limits) {
    Patcher patcher(std::move(document), limits);
    for (std::size_t i = 0; i < patch.size(); ++i) {
        const auto applied = patcher.Apply(patch[i]);
        if (!applied) return At(applied.error(), PlaceOf(i, patcher.blamed()));
    }
    return patcher.Take();
}

bool Touches(const JsonPatch& patch, std::string_view name) {
    const auto within = [&](const JsonPointer& pointer) {
        return pointer.empty() || pointer.front() == name;
    };
    return std::any_of(patch.begin(), patch.end(), [&](const PatchOperation& one) {
        return one.verb != PatchVerb::kTest &&
               (within(one.path) || (one.verb == PatchVerb::kMove && within(one.from)));
    });
}

}  // namespace carestream::rest
