#pragma once
// Pieces of resources.
#include <string>
#include <string_view>
#include <utility>

#include "fhir/node.h"

namespace carestream::reports {

inline fhir::Node Text(std::string_view text) {
    return fhir::Node::String(std::string(text));
}

inline fhir::Node Coding(std::string_view system, std::string_view code) {
    fhir::Node coding = fhir::Node::Object();
    if (!system.empty()) coding.Set("system", Text(system));
    coding.Set("code", Text(code));
    return coding;
}

// CodeableConcept; without a text when it is empty.
inline fhir::Node Concept(std::string_view system, std::string_view code, std::string_view text) {
    fhir::Node made = fhir::Node::Object();
    made.At("coding").Append(Coding(system, code));
    if (!text.empty()) made.Set("text", Text(text));
    return made;
}

inline fhir::Node Reference(std::string_view reference) {
    fhir::Node made = fhir::Node::Object();
    made.Set("reference", Text(reference));
    return made;
}

inline fhir::Node Extension(std::string_view url, std::string_view member, fhir::Node value) {
    fhir::Node extension = fhir::Node::Object();
    extension.Set("url", Text(url));
    extension.Set(member, std::move(value));
    return extension;
}

inline fhir::Node Resource(std::string_view type, std::string id) {
    fhir::Node resource = fhir::Node::Object();
    resource.Set("resourceType", Text(type));
    resource.Set("id", fhir::Node::String(std::move(id)));
    return resource;
}

inline void Copy(const fhir::Node& from, std::string_view name, fhir::Node& to,
                 std::string_view as) {
    if (const fhir::Node* value = from.Find(name)) to.Set(as, *value);
}

// The code of that system among the codings of a concept, or "".
inline std::string_view CodeIn(const fhir::Node& concept_node, std::string_view system) {
    const fhir::Node* codings = concept_node.Find("coding");
    if (codings == nullptr) return {};
    for (const fhir::Node& coding : codings->items()) {
        if (coding.TextOf("system") == system) return coding.TextOf("code");
    }
    return {};
}

// The value of the extension with that url, or nullptr.
inline const fhir::Node* ExtensionValue(const fhir::Node& resource, std::string_view url,
                                        std::string_view member) {
    const fhir::Node* list = resource.Find("extension");
    if (list == nullptr) return nullptr;
    for (const fhir::Node& extension : list->items()) {
        if (extension.TextOf("url") == url) return extension.Find(member);
    }
    return nullptr;
}

}  // namespace carestream::reports
