#pragma once
// Pieces of resources, as those who make them need them. Pure.
#include <string>
#include <string_view>
#include <utility>

#include "fhir/node.h"

namespace carestream::fhir {

inline Node Text(std::string_view text) {
    return Node::String(std::string(text));
}

inline Node Coding(std::string_view system, std::string_view code) {
    Node coding = Node::Object();
    if (!system.empty()) coding.Set("system", Text(system));
    coding.Set("code", Text(code));
    return coding;
}

// CodeableConcept; without a text when it is empty.
inline Node Concept(std::string_view system, std::string_view code, std::string_view text) {
    Node made = Node::Object();
    made.At("coding").Append(Coding(system, code));
    if (!text.empty()) made.Set("text", Text(text));
    return made;
}

inline Node Reference(std::string_view reference) {
    Node made = Node::Object();
    made.Set("reference", Text(reference));
    return made;
}

inline Node Extension(std::string_view url, std::string_view member, Node value) {
    Node extension = Node::Object();
    extension.Set("url", Text(url));
    extension.Set(member, std::move(value));
    return extension;
}

inline Node Resource(std::string_view type, std::string id) {
    Node resource = Node::Object();
    resource.Set("resourceType", Text(type));
    resource.Set("id", Node::String(std::move(id)));
    return resource;
}

inline void Copy(const Node& from, std::string_view name, Node& to, std::string_view as) {
    if (const Node* value = from.Find(name)) to.Set(as, *value);
}

// The code of that system among the codings of a concept, or "".
inline std::string_view CodeIn(const Node& concept_node, std::string_view system) {
    const Node* codings = concept_node.Find("coding");
    if (codings == nullptr) return {};
    for (const Node& coding : codings->items()) {
        if (coding.TextOf("system") == system) return coding.TextOf("code");
    }
    return {};
}

// The value of the extension with that url, or nullptr.
inline const Node* ExtensionValue(const Node& resource, std::string_view url,
                                  std::string_view member) {
    const Node* list = resource.Find("extension");
    if (list == nullptr) return nullptr;
    for (const Node& extension : list->items()) {
        if (extension.TextOf("url") == url) return extension.Find(member);
    }
    return nullptr;
}

// Is there a tag (meta.tag) of the system, with that code if one is given?
inline bool HasTag(const Node& resource, std::string_view system, std::string_view code = {}) {
    const Node* meta = resource.Find("meta");
    const Node* tags = meta == nullptr ? nullptr : meta->Find("tag");
    if (tags == nullptr) return false;
    for (const Node& tag : tags->items()) {
        if (tag.TextOf("system") == system && (code.empty() || tag.TextOf("code") == code)) {
            return true;
        }
    }
    return false;
}

// Takes all tags of the system away, and sets this one unless it is null.
inline void SetTag(Node& resource, std::string_view system, Node tag) {
    Node& meta = resource.At("meta");
    if (Node* tags = meta.Find("tag")) {
        std::erase_if(tags->items(),
                      [&](const Node& one) { return one.TextOf("system") == system; });
        if (tags->items().empty()) meta.Remove("tag");
    }
    if (!tag.IsNull()) meta.At("tag").Append(std::move(tag));
    if (meta.members().empty()) resource.Remove("meta");
}

// The same by its code; "" = none.
inline void SetTag(Node& resource, std::string_view system, std::string_view code) {
    SetTag(resource, system, code.empty() ? Node() : Coding(system, code));
}

// Takes all extensions of the url away, and adds this one unless it is null.
inline void SetExtension(Node& resource, std::string_view url, Node extension) {
    Node& list = resource.At("extension");
    std::erase_if(list.items(), [&](const Node& one) { return one.TextOf("url") == url; });
    if (!extension.IsNull()) list.Append(std::move(extension));
    if (list.items().empty()) resource.Remove("extension");
}

}  // namespace carestream::fhir
