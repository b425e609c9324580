#include "fhir/validator.h"

#include <algorithm>
#include <bitset>
#include <utility>

#include "base/text.h"
#include "fhir/internal/issue_place.h"
#include "fhir/internal/xhtml.h"

namespace carestream::fhir {

namespace {

using std::string_view;
using Membership = Definitions::Membership;

constexpr int kDepthMax = 96;  // above ParseJson's default limit

using internal::kNoIndex;
using internal::Place;

string_view FormOf(Primitive type) {
    switch (type) {
        case Primitive::kBase64Binary:
            return "base64 in groups of four";
        case Primitive::kCode:
            return "words without leading, trailing or double spaces";
        case Primitive::kDate:
            return "YYYY, YYYY-MM or YYYY-MM-DD, a day that exists";
        case Primitive::kDateTime:
            return "YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss with Z or an offset";
        case Primitive::kDecimal:
            return "a decimal number";
        case Primitive::kId:
            return "1 to 64 letters, digits, '-' or '.'";
        case Primitive::kInstant:
            return "YYYY-MM-DDThh:mm:ss with Z or an offset";
        case Primitive::kInteger:
            return "a whole number of 32 bits";
        case Primitive::kOid:
            return "urn:oid: and an OID";
        case Primitive::kPositiveInt:
            return "a whole number from 1";
        case Primitive::kTime:
            return "hh:mm:ss";
        case Primitive::kUnsignedInt:
            return "a whole number from 0";
        case Primitive::kUri:
        case Primitive::kUrl:
        case Primitive::kCanonical:
            return "no white space; urn:oid: needs an OID, urn:uuid: a lower-case UUID";
        case Primitive::kUuid:
            return "urn:uuid: and a lower-case UUID";
        case Primitive::kMarkdown:
        case Primitive::kString:
            return "1 byte to 1 MiB without control characters";
        default:
            return "its form in FHIR R4";
    }
}

class Checker {
public:
    Checker(const Definitions& definitions, std::size_t issues_max)
        : definitions_(definitions),
          issues_max_(issues_max),
          extension_(definitions.FindType("Extension")),
          reference_(definitions.FindType("Reference")),
          coding_(definitions.FindType("Coding")),
          attachment_(definitions.FindType("Attachment")),
          concept_(definitions.FindType("CodeableConcept")) {}

    void Resource(const Node& node, const Place& place, int depth, bool contained);
    std::vector<Issue> Take() { return std::move(issues_); }

private:
    using Seen = std::bitset<kElementsMax>;

    bool Full() const { return issues_.size() >= issues_max_; }
    void Report(const char* code, const Place& place, std::string message);
    void Object(const Node& node, const TypeDefinition& type, const Place& place, int depth);
    void Member(const Node& node, const fhir::Member& member, const TypeDefinition& type,
                const Place& place, int depth, bool has_siblings, Seen& seen);
    void Unknown(const TypeDefinition& type, string_view member, const Place& place);
    void Required(const TypeDefinition& type, const Place& place, const Seen& seen);
    void Values(const Node* value, const Node* sibling, const ResolvedElement& resolved,
                const Place& place, int depth);
    void Value(const Node* value, const Node* sibling, const ResolvedElement& resolved,
               const Place& place, int depth);
    void PrimitiveValue(const Node& value, const ResolvedElement& resolved, const Place& place);
    void Extension(const Node& node, const Place& place);
    void Attachment(const Node& node, const Place& place);
    void Target(const Node& node, const ElementDefinition& element, const Place& place);
    void Coding(const Node& node, const Place& place);
    void BoundConcept(const Node& node, const ElementDefinition& element, const Place& place);
    void OutsideValueSet(const ElementDefinition& element, const Place& place);

    const Definitions& definitions_;
    const std::size_t issues_max_;
    const TypeDefinition* extension_;
    const TypeDefinition* reference_;
    const TypeDefinition* coding_;
    const TypeDefinition* attachment_;
    const TypeDefinition* concept_;
    std::vector<Issue> issues_;
};

void Checker::Report(const char* code, const Place& place, std::string message) {
    if (!Full()) issues_.push_back(MakeIssue(code, place, std::move(message)));
}

void Checker::Resource(const Node& node, const Place& place, int depth, bool contained) {
    if (!node.IsObject()) return Report("structure", place, "must be a resource, a JSON object");
    const Node* name = node.Find("resourceType");
    if (name == nullptr || !name->IsString()) {
        return Report("structure", place, "must have resourceType, a string");
    }
    const TypeDefinition* type = definitions_.FindType(name->text());
    if (type == nullptr || type->kind != TypeKind::kResource || type->abstract) {
        return Report("structure", place,
                      "resourceType is unknown in FHIR R4" +
                          DidYouMean(name->text(), definitions_.ResourceTypes()));
    }
    if (contained && node.Find("contained") != nullptr) {
        Report("invariant", place, "a contained resource must not contain others (dom-2)");
    }
    if (place.parent == nullptr && place.name.empty()) {
        Object(node, *type, Place{nullptr, type->name, {}, kNoIndex}, depth);
    } else {
        Object(node, *type, place, depth);
    }
}

void Checker::Object(const Node& node, const TypeDefinition& type, const Place& place, int depth) {
    if (!node.IsObject()) {
        return Report(
            "structure", place,
            node.IsArray() ? "must be a JSON object, not an array" : "must be a JSON object");
    }
    if (node.members().empty()) return Report("structure", place, "must not be empty");
    if (depth > kDepthMax) return Report("too-costly", place, "is nested too deep");
    const bool has_siblings =
        std::any_of(node.members().begin(), node.members().end(),
                    [](const fhir::Member& member) { return member.name.starts_with('_'); });
    Seen seen;
    for (const fhir::Member& member : node.members()) {
        if (Full()) return;
        Member(node, member, type, place, depth, has_siblings, seen);
    }
    Required(type, place, seen);
    if (&type == extension_) Extension(node, place);
    if (&type == coding_) Coding(node, place);
    if (&type == attachment_) Attachment(node, place);
    if (node.members().size() == 1 && node.members()[0].name == "id" &&
        type.kind != TypeKind::kResource) {
        Report("invariant", place, "must have a value or children besides its id (ele-1)");
    }
}

void Checker::Member(const Node& node, const fhir::Member& member, const TypeDefinition& type,
                     const Place& place, int depth, bool has_siblings, Seen& seen) {
    string_view name = member.name;
    if (name == "resourceType" && type.kind == TypeKind::kResource) return;
    const bool is_sibling = name.starts_with('_');
    if (is_sibling) name.remove_prefix(1);
    const ResolvedElement resolved = definitions_.Resolve(type, name);
    if (resolved.element == nullptr ||
        (is_sibling && (resolved.definition->kind != TypeKind::kPrimitive ||
                        resolved.definition->primitive == Primitive::kXhtml))) {
        return Unknown(type, member.name, place);
    }
    const Node* value = &member.value;
    const Node* sibling = nullptr;
    if (is_sibling) {
        if (node.Find(name) != nullptr) return;  // goes with its value
        std::swap(value, sibling);
    } else if (has_siblings) {
        sibling = node.Find('_' + member.name);
    }
    const ElementDefinition& element = *resolved.element;
    const Place here{&place, element.name, element.choice ? resolved.type : string_view(),
                     kNoIndex};
    const auto number = static_cast<std::size_t>(&element - type.elements.data());
    if (seen.test(number)) {
        return Report("structure", here,
                      "only one type of " + std::string(element.name) + "[x] may be given");
    }
    seen.set(number);
    Values(value, sibling, resolved, here, depth);
}

void Checker::Unknown(const TypeDefinition& type, string_view member, const Place& place) {
    std::vector<string_view> names;
    for (const ElementDefinition& element : type.elements) names.push_back(element.name);
    // The name comes from outside: it is shown only if it looks like one.
    const bool plain = member.size() <= 64 && std::all_of(member.begin(), member.end(), [](char c) {
                           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
                       });
    Report("structure", place,
           plain ? "has no element '" + std::string(member) + "'" + DidYouMean(member, names)
                 : "has an element that FHIR R4 does not know");
}

void Checker::Required(const TypeDefinition& type, const Place& place, const Seen& seen) {
    for (std::size_t i = 0; i < type.elements.size(); ++i) {
        const ElementDefinition& element = type.elements[i];
        if (element.min == 0 || seen.test(i)) continue;
        const Place missing{&place, element.name, {}, kNoIndex};
        Report("required", missing,
               element.choice ? "one of " + std::string(element.name) + "[x] is required"
                              : "is required");
    }
}

void Checker::Values(const Node* value, const Node* sibling, const ResolvedElement& resolved,
                     const Place& place, int depth) {
    if (resolved.element->max <= 1) {
        if ((value != nullptr && value->IsArray()) || (sibling != nullptr && sibling->IsArray())) {
            return Report("structure", place, "must not be an array: it occurs at most once");
        }
        return Value(value, sibling, resolved, place, depth);
    }
    for (const Node* array : {value, sibling}) {
        if (array == nullptr) continue;
        if (!array->IsArray()) return Report("structure", place, "must be an array: it may repeat");
        if (array->items().empty()) return Report("structure", place, "must not be an empty array");
    }
    if (value != nullptr && sibling != nullptr &&
        value->items().size() != sibling->items().size()) {
        return Report("structure", place,
                      "and its '_' member must have as many items, filled up with null");
    }
    const std::size_t count = (value != nullptr ? value : sibling)->items().size();
    if (count > resolved.element->max) {
        Report("structure", place,
               "may occur at most " + std::to_string(resolved.element->max) + " times");
    }
    const auto item = [](const Node* array, std::size_t i) -> const Node* {
        if (array == nullptr || array->items()[i].IsNull()) return nullptr;
        return &array->items()[i];
    };
    Place here = place;
    for (std::size_t i = 0; i < count && !Full(); ++i) {
        here.index = i;
        const Node* one = item(value, i);
        const Node* extra = item(sibling, i);
        if (one == nullptr && extra == nullptr) {
            Report("structure", here, "must not be null without an extension");
        } else {
            Value(one, extra, resolved, here, depth);
        }
    }
}

void Checker::Value(const Node* value, const Node* sibling, const ResolvedElement& resolved,
                    const Place& place, int depth) {
    const TypeDefinition& type = *resolved.definition;
    if (sibling != nullptr) Object(*sibling, type, place, depth + 1);
    if (value == nullptr) return;
    if (value->IsNull()) return Report("structure", place, "must not be null");
    if (type.kind == TypeKind::kPrimitive) return PrimitiveValue(*value, resolved, place);
    if (type.kind == TypeKind::kResource) {
        return Resource(*value, place, depth + 1, resolved.element->name == "contained");
    }
    Object(*value, type, place, depth + 1);
    if (!value->IsObject()) return;
    if (&type == reference_ && !resolved.element->targets.empty()) {
        Target(*value, *resolved.element, place);
    }
    if (resolved.element->strength == BindingStrength::kRequired &&
        (&type == concept_ || &type == coding_)) {
        BoundConcept(*value, *resolved.element, place);
    }
}

void Checker::PrimitiveValue(const Node& value, const ResolvedElement& resolved,
                             const Place& place) {
    const Primitive type = resolved.definition->primitive;
    Kind expected = Kind::kString;
    const char* kind = "must be a JSON string";
    if (type == Primitive::kBoolean) {
        expected = Kind::kBoolean;
        kind = "must be true or false, without quotes";
    } else if (type == Primitive::kDecimal || type == Primitive::kInteger ||
               type == Primitive::kUnsignedInt || type == Primitive::kPositiveInt) {
        expected = Kind::kNumber;
        kind = "must be a JSON number, without quotes";
    }
    if (value.kind() != expected) return Report("structure", place, kind);
    if (expected == Kind::kString && value.text().empty()) {
        return Report("value", place, "must not be empty");
    }
    if (!IsPrimitive(type, value.text())) {
        return Report("value", place,
                      "is no valid " + std::string(resolved.definition->name) + " (" +
                          std::string(FormOf(type)) + ")");
    }
    // The namespace of a code, identifier or unit: relative to what would it be?
    if (type == Primitive::kUri && resolved.element->name == "system" &&
        value.text().find(':') == std::string::npos) {
        Report("value", place, "must be an absolute URI");
    }
    if (type == Primitive::kXhtml) {
        const string_view problem = internal::XhtmlProblem(value.text());
        if (!problem.empty()) Report("value", place, std::string(problem));
    }
    const ElementDefinition& element = *resolved.element;
    if (element.strength == BindingStrength::kRequired &&
        definitions_.InValueSet(element.value_set, {}, value.text()) == Membership::kOut) {
        OutsideValueSet(element, place);
    }
}

void Checker::Extension(const Node& node, const Place& place) {
    bool value = false;
    bool nested = false;
    for (const fhir::Member& member : node.members()) {
        value = value || member.name.starts_with("value") || member.name.starts_with("_value");
        nested = nested || member.name == "extension";
    }
    if (value != nested) return;
    Report("invariant", place,
           value ? "must have either a value or extensions, not both (ext-1)"
                 : "must have a value or extensions (ext-1)");
}

// `size` is the number of bytes before the data was encoded.
void Checker::Attachment(const Node& node, const Place& place) {
    const string_view data = node.TextOf("data");
    const Node* size = node.Find("size");
    if (data.empty() || size == nullptr || !IsPrimitive(Primitive::kBase64Binary, data)) return;
    const auto digits = std::count_if(data.begin(), data.end(), [](char c) {
        return c != '=' && c != ' ' && c != '\n' && c != '\r' && c != '\t';
    });
    if (size->text() != std::to_string(digits * 3 / 4)) {
        Report("value", place, "the size stated is not that of the data");
    }
}

// Only what the reference itself shows: "Patient/1", "Patient/1/_history/2".
void Checker::Target(const Node& node, const ElementDefinition& element, const Place& place) {
    const string_view reference = node.TextOf("reference");
    const auto slash = reference.find('/');
    if (slash == string_view::npos) return;
    const string_view type = reference.substr(0, slash);
    if (definitions_.ResourceTypeNumber(type) == 0) return;
    if (std::find(element.targets.begin(), element.targets.end(), type) != element.targets.end()) {
        return;
    }
    std::string allowed;
    for (const string_view target : element.targets) {
        allowed += allowed.empty() ? "" : ", ";
        allowed += target;
    }
    Report("value", place, "must refer to " + allowed);
}

// FHIR's own code systems are closed with the release; tables of HL7 v2 and v3 grow after it.
void Checker::Coding(const Node& node, const Place& place) {
    const string_view system = node.TextOf("system");
    const string_view code = node.TextOf("code");
    if (code.empty() || !system.starts_with("http://hl7.org/fhir/")) return;
    if (definitions_.InCodeSystem(system, code) == Membership::kOut) {
        Report("code-invalid", place, "the code is not in its system");
    }
}

void Checker::BoundConcept(const Node& node, const ElementDefinition& element, const Place& place) {
    const auto member = [&](const Node& coding) {
        const string_view code = coding.TextOf("code");
        if (code.empty()) return coding.Find("_code") ? Membership::kUnknown : Membership::kOut;
        const string_view system = coding.TextOf("system");
        if (system.empty()) return Membership::kOut;
        return definitions_.InValueSet(element.value_set, system, code);
    };
    const Node* codings = node.Find("coding");
    if (codings == nullptr || !codings->IsArray()) {
        // A Coding itself, or a CodeableConcept of text alone; an extension may say why.
        const bool plain_coding = node.Find("code") != nullptr || node.Find("system") != nullptr;
        if (plain_coding ? member(node) == Membership::kOut : node.Find("extension") == nullptr) {
            OutsideValueSet(element, place);
        }
        return;
    }
    const bool found =
        std::any_of(codings->items().begin(), codings->items().end(), [&](const Node& coding) {
            return coding.IsObject() && member(coding) != Membership::kOut;
        });
    if (!found) OutsideValueSet(element, place);
}

void Checker::OutsideValueSet(const ElementDefinition& element, const Place& place) {
    Report("code-invalid", place,
           "must have a code of the value set " + std::string(element.value_set));
}

}  // namespace

std::vector<Issue> Validate(const Definitions& definitions, const Node& resource,
                            std::size_t issues_max) {
    Checker checker(definitions, issues_max);
    checker.Resource(resource, Place{}, 0, false);
    return checker.Take();
}

}  // namespace carestream::fhir
