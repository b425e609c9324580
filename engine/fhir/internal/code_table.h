#pragma once
// code_systems.tsv and value_sets.tsv in memory.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/definitions.h"
#include "fhir/internal/flat_index.h"

namespace carestream::fhir::internal {

class CodeTable {
public:
    // Both texts must outlive the table. Code systems first. Error: kInvalid with file and line.
    Result<void> LoadSystems(std::string_view text, std::string_view file);
    Result<void> LoadValueSets(std::string_view text, std::string_view file);

    // The number of codes that the value set lists; nullopt when it is not here, or not all of it.
    [[nodiscard]] std::optional<std::size_t> CountOf(std::string_view value_set) const;

    [[nodiscard]] Definitions::Membership InValueSet(std::string_view value_set,
                                                     std::string_view system,
                                                     std::string_view code) const;
    [[nodiscard]] Definitions::Membership InCodeSystem(std::string_view system,
                                                       std::string_view code) const;
    [[nodiscard]] std::string_view Display(std::string_view system, std::string_view code) const;

private:
    struct System {
        std::string_view url;
        bool complete = false;
    };
    struct Concept {
        std::uint32_t system;
        std::string_view code;
        std::string_view display;
    };
    struct ValueSet {
        std::string_view url;
        bool open = false;
        std::uint32_t systems_begin = 0;  // whole systems, in whole_systems_
        std::uint32_t systems_size = 0;
        std::uint32_t listed = 0;
        // Of an open one: the systems whose codes may belong; none named = any.
        std::vector<std::string_view> open_systems = {};
    };
    struct Listed {
        std::uint32_t value_set;
        bool excluded;
        std::string_view system;
        std::string_view code;
    };

    [[nodiscard]] const ValueSet* FindValueSet(std::string_view url) const;
    [[nodiscard]] std::uint32_t FindSystem(std::string_view url) const;
    [[nodiscard]] std::uint32_t FindConcept(std::uint32_t system, std::string_view code) const;
    [[nodiscard]] bool IsListed(std::uint32_t value_set, bool excluded, std::string_view system,
                                std::string_view code) const;
    Result<void> AddLine(const class TableReader& line);

    std::vector<System> systems_;
    FlatIndex by_system_;
    std::vector<Concept> concepts_;
    FlatIndex by_concept_;
    std::vector<ValueSet> value_sets_;
    FlatIndex by_value_set_;
    std::vector<std::uint32_t> whole_systems_;
    std::vector<Listed> listed_;
    FlatIndex by_listed_;
};

}  // namespace carestream::fhir::internal
