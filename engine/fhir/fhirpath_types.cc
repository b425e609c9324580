// Functions on types and trees, and those that FHIR adds. Source: FHIRPath 2.0.0, 5.8 and 6.3; FHIR
// R4 2.1.14.3.
#include <algorithm>
#include <array>
#include <utility>

#include "fhir/internal/path_eval.h"

namespace carestream::fhir::path {
namespace {

const Node kNothing = Node::Object();

}  // namespace

bool Evaluator::KnownType(const Expr& type) {
    constexpr std::array<std::string_view, 8> kSystem = {
        "Boolean", "String", "Integer", "Decimal", "Date", "DateTime", "Time", "Quantity"};
    const bool system = std::find(kSystem.begin(), kSystem.end(), type.text) != kSystem.end();
    if (type.name_space == "System" || (type.name_space.empty() && system)) return true;
    return definitions_.FindType(type.text) != nullptr;
}

// `exact_primitives`: as() and ofType() do not see a code as a string, is() does.
bool Evaluator::IsType(const Item& item, const Expr& type, bool exact_primitives, bool& out) {
    out = false;
    if (item.system != System::kNone) {
        out = type.name_space != "FHIR" && SystemTypeName(item.system).substr(7) == type.text;
        return true;
    }
    if (type.name_space == "System") return true;
    if (exact_primitives && item.definition != nullptr &&
        item.definition->kind == TypeKind::kPrimitive) {
        out = item.type == type.text;
        return true;
    }
    out = item.definition == nullptr ? item.type == type.text
                                     : TypeIsA(definitions_, item.definition, type.text);
    return true;
}

bool Evaluator::Is(const Call& call, Items& out) {
    const Item* item = nullptr;
    if (!OneInput(call, item)) return false;
    bool is = false;
    return item == nullptr || (IsType(*item, call.expr, false, is) && PutBoolean(out, is));
}

bool Evaluator::As(const Call& call, Items& out) {
    const Item* item = nullptr;
    if (!OneInput(call, item)) return false;
    if (!KnownType(call.expr)) {
        return Failed(Code::kInvalid, "no type '" + call.expr.text + "'");
    }
    bool is = false;
    return item == nullptr || (IsType(*item, call.expr, true, is) && (!is || Put(out, *item)));
}

bool Evaluator::OfType(const Call& call, Items& out) {
    if (!KnownType(call.expr)) {
        return Failed(Code::kInvalid, "no type '" + call.expr.text + "'");
    }
    for (const Item& item : call.input) {
        bool is = false;
        if (!IsType(item, call.expr, true, is)) return false;
        if (is && !Put(out, item)) return false;
    }
    return true;
}

bool Evaluator::AddChildren(const Item& item, Items& out) {
    if (item.definition == nullptr) return true;
    const Node* object = item.node->IsObject() ? item.node : item.sibling;
    if (object == nullptr) return true;
    for (const fhir::Member& member : object->members()) {
        std::string_view name = member.name;
        const bool sibling_only = name.starts_with('_') && object->Find(name.substr(1)) == nullptr;
        if (name == "resourceType" || (name.starts_with('_') && !sibling_only)) continue;
        if (sibling_only) name.remove_prefix(1);
        const ResolvedElement resolved = definitions_.Resolve(*item.definition, name);
        const std::string beside = "_" + std::string(name);
        if (!PutElement(sibling_only ? nullptr : &member.value, object->Find(beside), resolved,
                        out)) {
            return false;
        }
    }
    return true;
}

bool Evaluator::Children(const Call& call, Items& out) {
    return std::all_of(call.input.begin(), call.input.end(),
                       [&](const Item& item) { return AddChildren(item, out); });
}

bool Evaluator::Descendants(const Call& call, Items& out) {
    Items wave(call.input.begin(), call.input.end());
    while (!wave.empty()) {
        Items next;
        for (const Item& item : wave) {
            if (!AddChildren(item, next)) return false;
        }
        if (!PutAll(out, next)) return false;
        wave = std::move(next);
    }
    return true;
}

// The values go nowhere: they may be a patient's.
bool Evaluator::Trace(const Call& call, Items& out) {
    return PutAll(out, call.input);
}

bool Evaluator::Type(const Call& call, Items& out) {
    for (const Item& item : call.input) {
        const bool system = item.system != System::kNone;
        Node node = Node::Object();
        node.Set("namespace", Node::String(system ? "System" : "FHIR"));
        node.Set("name", Node::String(std::string(system ? SystemTypeName(item.system).substr(7)
                                                         : item.type)));
        if (!PutOwned(out, std::move(node), System::kTypeInfo)) return false;
    }
    return true;
}

bool Evaluator::Extension(const Call& call, Items& out) {
    std::optional<std::string> url;
    if (!TextArgument(call, 0, url)) return false;
    if (!url) return true;
    for (const Item& item : call.input) {
        Items extensions;
        if (!Navigate(item, "extension", extensions)) return false;
        for (const Item& extension : extensions) {
            if (extension.node->TextOf("url") == *url && !Put(out, extension)) return false;
        }
    }
    return true;
}

bool Evaluator::HasValue(const Call& call, Items& out) {
    return PutBoolean(out, call.input.size() == 1 && !call.input[0].node->IsNull() &&
                               !call.input[0].node->IsObject());
}

bool Evaluator::GetValue(const Call& call, Items& out) {
    if (call.input.size() != 1 || call.input[0].node->IsObject()) return true;
    const Value value = ReadValue(call.input[0]);
    if (value.kind == System::kNone) return true;
    Item item = call.input[0];
    item.system = value.kind;
    item.definition = nullptr;
    item.type = {};
    return Put(out, item);
}

// What the reference names: a contained resource, else an item with nothing but its type.
bool Evaluator::Resolve(const Call& call, Items& out) {
    for (const Item& item : call.input) {
        const bool text = item.node->IsString();
        const std::string_view reference =
            text ? std::string_view(item.node->text()) : item.node->TextOf("reference");
        Item target;
        target.node = &kNothing;
        const Node* found = limits_.resolve ? limits_.resolve(reference) : nullptr;
        if (found != nullptr) {
            target.node = found;
            target.definition = definitions_.FindType(found->TextOf("resourceType"));
        } else if (reference.starts_with('#')) {
            const Node* contained = root_.node->Find("contained");
            if (contained == nullptr) continue;
            for (const Node& resource : contained->items()) {
                if (resource.TextOf("id") == reference.substr(1)) target.node = &resource;
            }
            if (target.node == &kNothing) continue;
            target.definition = definitions_.FindType(target.node->TextOf("resourceType"));
        } else {
            const std::size_t history = reference.find("/_history/");
            const std::string_view base = reference.substr(0, history);
            const std::size_t id = base.rfind('/');
            std::string_view type;
            if (id != std::string_view::npos) {
                type = base.substr(0, id);
                const std::size_t before = type.rfind('/');
                if (before != std::string_view::npos) type = type.substr(before + 1);
            }
            if (definitions_.ResourceTypeNumber(type) == 0) type = item.node->TextOf("type");
            target.definition = definitions_.FindType(type);
        }
        if (target.definition == nullptr) continue;
        target.type = target.definition->name;
        if (!Put(out, target)) return false;
    }
    return true;
}

bool Evaluator::ConformsTo(const Call& call, Items& out) {
    constexpr std::string_view kBase = "http://hl7.org/fhir/StructureDefinition/";
    std::optional<std::string> url;
    const Item* item = nullptr;
    if (!OneInput(call, item) || !TextArgument(call, 0, url)) return false;
    if (item == nullptr || !url) return true;
    const std::string_view name =
        url->starts_with(kBase) ? std::string_view(*url).substr(kBase.size()) : std::string_view();
    if (definitions_.FindType(name) == nullptr) {
        return Failed(Code::kUnsupported, "conformsTo() knows the base types only");
    }
    return PutBoolean(out, TypeIsA(definitions_, item->definition, name));
}

bool Evaluator::MemberOf(const Call& call, Items& out) {
    std::optional<std::string> url;
    const Item* item = nullptr;
    if (!OneInput(call, item) || !TextArgument(call, 0, url)) return false;
    if (item == nullptr || !url) return true;
    Items codings;
    if (item->node->Find("coding") != nullptr) {
        if (!Navigate(*item, "coding", codings)) return false;
    } else {
        codings.push_back(*item);
    }
    bool unknown = false;
    for (const Item& coding : codings) {
        const bool plain = coding.node->IsString();
        const auto membership = definitions_.InValueSet(
            *url, plain ? std::string_view() : coding.node->TextOf("system"),
            plain ? std::string_view(coding.node->text()) : coding.node->TextOf("code"));
        if (membership == Definitions::Membership::kIn) return PutBoolean(out, true);
        unknown = unknown || membership == Definitions::Membership::kUnknown;
    }
    return unknown || PutBoolean(out, false);
}

}  // namespace carestream::fhir::path
