#pragma once
// types.tsv in memory: type definitions and what each JSON member name of a type stands for.
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/definitions.h"
#include "fhir/internal/flat_index.h"

namespace carestream::fhir::internal {

class TypeTable {
public:
    // `text` must outlive the table. Error: kInvalid with file and line.
    Result<void> Load(std::string_view text, std::string_view file);

    [[nodiscard]] const TypeDefinition* Find(std::string_view name) const;
    [[nodiscard]] ResolvedElement Resolve(const TypeDefinition& type,
                                          std::string_view member) const;
    [[nodiscard]] const std::vector<std::string_view>& resource_types() const { return resources_; }
    [[nodiscard]] int ResourceNumber(std::string_view name) const;

private:
    struct MemberRow {
        const TypeDefinition* owner;
        std::string_view name;
        ResolvedElement value;
    };

    Result<void> ReadLines(std::string_view text, std::string_view file);
    void ParseTypes(std::string_view cell, ElementDefinition& element);
    // Puts the elements of the base types before a type's own.
    Result<void> Inherit();
    Result<void> IndexMembers();
    void AddMember(const TypeDefinition& owner, std::string_view name, ResolvedElement value);

    std::vector<TypeDefinition> types_;
    FlatIndex by_name_;
    std::vector<std::string_view> views_;  // type codes and targets of all elements; never grows
    std::deque<std::string> names_;        // of expanded choices: "valueQuantity"
    std::vector<MemberRow> members_;
    FlatIndex by_member_;
    std::vector<std::string_view> resources_;
    std::vector<int> resource_numbers_;  // parallel to types_
};

}  // namespace carestream::fhir::internal
