#include "fhir/internal/profile_complete.h"

#include <algorithm>
#include <utility>

namespace carestream::fhir::internal {

namespace {

using std::string_view;

constexpr string_view kAbsentExtension =
    "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
constexpr string_view kAbsentSystem = "http://terminology.hl7.org/CodeSystem/data-absent-reason";
constexpr string_view kUnknown = "unknown";

// Codes that say so, the first that a value set has.
struct UnknownCode {
    string_view system;
    string_view code;
    string_view display;
};
constexpr UnknownCode kUnknownCodes[] = {
    {kAbsentSystem, kUnknown, "Unknown"},
    {"http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "UNK", "unknown"},
};

Node Text(string_view text) {
    return Node::String(std::string(text));
}

Node AbsentExtension() {
    Node extension = Node::Object();
    extension.Set("url", Text(kAbsentExtension));
    extension.Set("valueCode", Text(kUnknown));
    Node node = Node::Object();
    node.At("extension").Append(std::move(extension));
    return node;
}

Node AbsentConcept(const UnknownCode& unknown) {
    Node coding = Node::Object();
    coding.Set("system", Text(unknown.system));
    coding.Set("code", Text(unknown.code));
    coding.Set("display", Text(unknown.display));
    Node node = Node::Object();
    node.At("coding").Append(std::move(coding));
    return node;
}

class Completion {
public:
    explicit Completion(const ProfileReader& reader) : reader_(reader) {}

    // The elements that `object` was given.
    std::vector<std::string> Object(const ProfileElement& element, Node& object,
                                    const TypeDefinition& type) {
        std::vector<std::string> given;
        for (const ProfileElement& child : element.children) {
            if (Count(child, object, type) == 0) {
                std::string member = Absent(child, object, type);
                if (!member.empty()) given.push_back(std::move(member));
            } else {
                Below(child, object, type);
            }
        }
        return given;
    }

private:
    [[nodiscard]] std::size_t Count(const ProfileElement& element, const Node& object,
                                    const TypeDefinition& type) const {
        return OccurrencesOf(reader_.definitions(), object, type, element).size();
    }

    void Below(const ProfileElement& element, Node& object, const TypeDefinition& type) {
        const bool deeper = !element.children.empty() || !element.slices.empty();
        if (!deeper) return;
        const auto values = OccurrencesOf(reader_.definitions(), object, type, element);
        for (const Occurrence& value : values) {
            if (value.value == nullptr || !value.value->IsObject()) continue;
            // The occurrence points into `object`, which is ours to write.
            Node& inside = const_cast<Node&>(*value.value);
            Object(element, inside, *value.type);
            for (const ProfileElement& slice : element.slices) {
                if (reader_.IsOf(slice, element, value)) Object(slice, inside, *value.type);
            }
        }
    }

    // The slice that must be there, of a choice that has one type left; else the element.
    static const ProfileElement& Effective(const ProfileElement& element) {
        for (const ProfileElement& slice : element.slices) {
            if (element.choice && slice.min > 0) return slice;
        }
        return element;
    }

    // The member that was put, without "_"; "" if nothing may stand there.
    std::string Absent(const ProfileElement& element, Node& object, const TypeDefinition& type) {
        const ProfileElement& wanted = Effective(element);
        const bool sliced =
            !element.choice && std::any_of(element.slices.begin(), element.slices.end(),
                                           [](const ProfileElement& one) { return one.min > 0; });
        if (std::max(element.min, wanted.min) == 0 || wanted.HasValue() || sliced) return {};
        std::string member(element.name);
        const ElementDefinition* base = BaseOf(element, type);
        if (base == nullptr) return {};
        const string_view of = TypeFor(wanted, *base);
        if (element.choice) {
            member += of;
            char& first = member[element.name.size()];
            if (first >= 'a' && first <= 'z') first = static_cast<char>(first - 32);
        }
        const TypeDefinition* definition = reader_.definitions().FindType(of);
        if (definition == nullptr || definition->kind == TypeKind::kBackbone) return {};
        return Put(wanted, *base, *definition, object, member) ? member : std::string();
    }

    [[nodiscard]] static const ElementDefinition* BaseOf(const ProfileElement& element,
                                                         const TypeDefinition& type) {
        for (const ElementDefinition& one : type.elements) {
            if (one.name == element.name) return &one;
        }
        return nullptr;
    }

    static string_view TypeFor(const ProfileElement& element, const ElementDefinition& base) {
        if (!element.types.empty()) return element.types.front().code;
        return base.types.empty() ? string_view() : base.types.front();
    }

    bool Put(const ProfileElement& element, const ElementDefinition& base,
             const TypeDefinition& type, Node& object, const std::string& member) {
        const bool primitive = type.kind == TypeKind::kPrimitive;
        const bool coded = IsRequired(element) || IsRequired(base);
        const string_view value_set = IsRequired(element) ? element.value_set : base.value_set;
        Node value = coded       ? UnknownOf(value_set, primitive)
                     : primitive ? AbsentExtension()
                                 : AbsentComplex(element, type);
        if (value.IsNull()) return false;
        const std::string name = primitive && !coded ? "_" + member : member;
        if (base.max > 1) {
            object.At(name).Append(std::move(value));
        } else {
            object.Set(name, std::move(value));
        }
        return true;
    }

    template <typename Element>
    static bool IsRequired(const Element& element) {
        return element.strength == BindingStrength::kRequired;
    }

    // The set's own word for unknown; null if it has none.
    [[nodiscard]] Node UnknownOf(string_view value_set, bool primitive) const {
        const auto has = [&](string_view system, string_view code) {
            return reader_.InValueSet(value_set, system, code) == Definitions::Membership::kIn;
        };
        if (primitive) return has({}, kUnknown) ? Text(kUnknown) : Node();
        for (const UnknownCode& unknown : kUnknownCodes) {
            if (has(unknown.system, unknown.code)) return AbsentConcept(unknown);
        }
        return {};
    }

    // An identifier that nobody knows identifies nothing. What has required parts is there, with
    // parts that are unknown.
    Node AbsentComplex(const ProfileElement& element, const TypeDefinition& type) {
        if (type.name == "Identifier") return {};
        if (type.name == "CodeableConcept") return AbsentConcept(kUnknownCodes[0]);
        const bool parts = std::any_of(element.children.begin(), element.children.end(),
                                       [](const ProfileElement& child) { return child.min > 0; });
        if (!parts) return AbsentExtension();
        Node value = Node::Object();
        Object(element, value, type);
        return value.members().empty() ? Node() : value;
    }

    const ProfileReader& reader_;
};

}  // namespace

std::vector<std::string> CompleteProfile(const ProfileReader& reader, const ProfileEntry& profile,
                                         Node& resource) {
    const TypeDefinition* type = reader.definitions().FindType(profile.profile.type);
    if (type == nullptr) return {};
    return Completion(reader).Object(profile.root, resource, *type);
}

}  // namespace carestream::fhir::internal
