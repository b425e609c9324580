#include "fhir/internal/type_table.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "fhir/internal/table.h"

namespace carestream::fhir::internal {

namespace {

constexpr std::pair<std::string_view, Primitive> kPrimitives[] = {
    {"base64Binary", Primitive::kBase64Binary},
    {"boolean", Primitive::kBoolean},
    {"canonical", Primitive::kCanonical},
    {"code", Primitive::kCode},
    {"date", Primitive::kDate},
    {"dateTime", Primitive::kDateTime},
    {"decimal", Primitive::kDecimal},
    {"id", Primitive::kId},
    {"instant", Primitive::kInstant},
    {"integer", Primitive::kInteger},
    {"markdown", Primitive::kMarkdown},
    {"oid", Primitive::kOid},
    {"positiveInt", Primitive::kPositiveInt},
    {"string", Primitive::kString},
    {"time", Primitive::kTime},
    {"unsignedInt", Primitive::kUnsignedInt},
    {"uri", Primitive::kUri},
    {"url", Primitive::kUrl},
    {"uuid", Primitive::kUuid},
    {"xhtml", Primitive::kXhtml},
};

constexpr std::pair<std::string_view, TypeKind> kKinds[] = {
    {"primitive", TypeKind::kPrimitive},
    {"complex", TypeKind::kComplex},
    {"backbone", TypeKind::kBackbone},
    {"resource", TypeKind::kResource},
};

constexpr std::pair<std::string_view, BindingStrength> kStrengths[] = {
    {"", BindingStrength::kNone},
    {"example", BindingStrength::kExample},
    {"preferred", BindingStrength::kPreferred},
    {"extensible", BindingStrength::kExtensible},
    {"required", BindingStrength::kRequired},
};

template <typename Value, std::size_t kSize>
bool Pick(const std::pair<std::string_view, Value> (&table)[kSize], std::string_view word,
          Value& value) {
    for (const auto& [name, entry] : table) {
        if (name == word) {
            value = entry;
            return true;
        }
    }
    return false;
}

std::uint64_t MemberHash(const TypeDefinition& owner, std::string_view name) {
    return HashText(name, reinterpret_cast<std::uintptr_t>(&owner));
}

}  // namespace

Result<void> TypeTable::Load(std::string_view text, std::string_view file) {
    CARESTREAM_TRY(ReadLines(text, file));
    by_name_ = FlatIndex(types_.size());
    for (std::uint32_t i = 0; i < types_.size(); ++i) by_name_.Insert(HashText(types_[i].name), i);
    CARESTREAM_TRY(Inherit());
    CARESTREAM_TRY(IndexMembers());
    resource_numbers_.assign(types_.size(), 0);
    for (const TypeDefinition& type : types_) {
        if (type.kind == TypeKind::kResource && !type.abstract) resources_.push_back(type.name);
    }
    std::sort(resources_.begin(), resources_.end());
    for (std::size_t i = 0; i < resources_.size(); ++i) {
        resource_numbers_[static_cast<std::size_t>(Find(resources_[i]) - types_.data())] =
            static_cast<int>(i) + 1;
    }
    return {};
}

const TypeDefinition* TypeTable::Find(std::string_view name) const {
    const auto row = by_name_.Find(HashText(name), [&](auto i) { return types_[i].name == name; });
    return row == FlatIndex::kNone ? nullptr : &types_[row];
}

ResolvedElement TypeTable::Resolve(const TypeDefinition& type, std::string_view member) const {
    const auto row = by_member_.Find(MemberHash(type, member), [&](auto i) {
        return members_[i].owner == &type && members_[i].name == member;
    });
    return row == FlatIndex::kNone ? ResolvedElement{} : members_[row].value;
}

int TypeTable::ResourceNumber(std::string_view name) const {
    const TypeDefinition* type = Find(name);
    return type == nullptr ? 0 : resource_numbers_[static_cast<std::size_t>(type - types_.data())];
}

Result<void> TypeTable::ReadLines(std::string_view text, std::string_view file) {
    const auto separators = std::count_if(text.begin(), text.end(),
                                          [](char c) { return c == ',' || c == '|' || c == '('; });
    const auto lines = std::count(text.begin(), text.end(), '\n');
    views_.reserve(static_cast<std::size_t>(separators + lines) + 1);
    TableReader line(text, file);
    while (line.Next()) {
        if (line[0] == "t") {
            TypeDefinition type;
            type.name = line[1];
            type.base = line[3];
            type.abstract = line[4] == "abstract";
            if (!Pick(kKinds, line[2], type.kind)) return Fail(line.Damaged("unknown kind"));
            type.primitive = PrimitiveOf(type.name);
            if ((type.kind == TypeKind::kPrimitive) != (type.primitive != Primitive::kNone)) {
                return Fail(line.Damaged("unknown primitive"));
            }
            types_.push_back(std::move(type));
            continue;
        }
        ElementDefinition element;
        element.name = line[1];
        if (line[0] != "e" || types_.empty() || !ParseCount(line[2], element.min) ||
            !ParseCount(line[3], element.max) || !Pick(kStrengths, line[6], element.strength)) {
            return Fail(line.Damaged("not a type or an element"));
        }
        element.choice = line[4].find('c') != std::string_view::npos;
        element.summary = line[4].find('s') != std::string_view::npos;
        element.modifier = line[4].find('m') != std::string_view::npos;
        ParseTypes(line[5], element);
        element.value_set = line[7];
        types_.back().elements.push_back(element);
    }
    return {};
}

// "CodeableConcept|Reference(Patient,Group)".
void TypeTable::ParseTypes(std::string_view cell, ElementDefinition& element) {
    const std::size_t capacity = views_.capacity();
    const std::size_t begin = views_.size();
    std::string_view reference_targets;
    std::string_view canonical_targets;
    while (!cell.empty()) {
        std::size_t end = cell.find('|');
        std::string_view code = cell.substr(0, end);
        cell.remove_prefix(end == std::string_view::npos ? cell.size() : end + 1);
        if (const auto open = code.find('('); open != std::string_view::npos) {
            const auto inside = code.substr(open + 1, code.size() - open - 2);
            code = code.substr(0, open);
            (code == "Reference" ? reference_targets : canonical_targets) = inside;
        }
        views_.push_back(code);
    }
    element.types = {views_.data() + begin, views_.size() - begin};
    std::string_view targets = reference_targets.empty() ? canonical_targets : reference_targets;
    const std::size_t target_begin = views_.size();
    while (!targets.empty()) {
        const auto end = targets.find(',');
        views_.push_back(targets.substr(0, end));
        targets.remove_prefix(end == std::string_view::npos ? targets.size() : end + 1);
    }
    element.targets = {views_.data() + target_begin, views_.size() - target_begin};
    CARESTREAM_ASSERT(views_.capacity() == capacity);  // spans into it must stay valid
}

Result<void> TypeTable::Inherit() {
    std::vector<std::uint8_t> done(types_.size(), 0);
    const auto inherit = [&](auto&& self, std::size_t i, int depth) -> Result<void> {
        TypeDefinition& type = types_[i];
        if (done[i] != 0 || type.base.empty()) return {};
        const TypeDefinition* base = Find(type.base);
        if (base == nullptr || depth > 8) {
            return Fail(Code::kInvalid, "unknown or circular base type", std::string(type.name));
        }
        CARESTREAM_TRY(self(self, static_cast<std::size_t>(base - types_.data()), depth + 1));
        type.elements.insert(type.elements.begin(), base->elements.begin(), base->elements.end());
        if (type.elements.size() > kElementsMax) {
            return Fail(Code::kLimit, "has more elements than allowed", std::string(type.name));
        }
        done[i] = 1;
        return {};
    };
    for (std::size_t i = 0; i < types_.size(); ++i) CARESTREAM_TRY(inherit(inherit, i, 0));
    return {};
}

Result<void> TypeTable::IndexMembers() {
    std::size_t count = 0;
    for (const TypeDefinition& type : types_) {
        for (const ElementDefinition& element : type.elements) count += element.types.size();
    }
    members_.reserve(count);
    by_member_ = FlatIndex(count);
    for (const TypeDefinition& type : types_) {
        for (const ElementDefinition& element : type.elements) {
            for (const std::string_view code : element.types) {
                const TypeDefinition* definition = Find(code);
                if (definition == nullptr) {
                    return Fail(Code::kInvalid, "element of an unknown type",
                                std::string(type.name) + "." + std::string(element.name));
                }
                std::string_view name = element.name;
                if (element.choice) {
                    std::string& expanded = names_.emplace_back(name);
                    expanded += code;
                    char& first = expanded[name.size()];
                    if (first >= 'a' && first <= 'z') first = static_cast<char>(first - 'a' + 'A');
                    name = expanded;
                }
                AddMember(type, name, {&element, definition->name, definition});
            }
        }
    }
    return {};
}

void TypeTable::AddMember(const TypeDefinition& owner, std::string_view name,
                          ResolvedElement value) {
    by_member_.Insert(MemberHash(owner, name), static_cast<std::uint32_t>(members_.size()));
    members_.push_back({&owner, name, value});
}

}  // namespace carestream::fhir::internal

namespace carestream::fhir {

Primitive PrimitiveOf(std::string_view type) {
    Primitive found = Primitive::kNone;
    internal::Pick(internal::kPrimitives, type, found);
    return found;
}

}  // namespace carestream::fhir
