#pragma once
// search_parameters.tsv and compartments.tsv in memory.
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/definitions.h"
#include "fhir/internal/flat_index.h"

namespace carestream::fhir::internal {

class SearchTable {
public:
    // Both texts must outlive the table. Error: kInvalid with file and line.
    Result<void> LoadParameters(std::string_view text, std::string_view file);
    Result<void> LoadCompartments(std::string_view text, std::string_view file);

    // Parameters whose base is exactly `base`, by code.
    [[nodiscard]] std::span<const SearchParameter> OfBase(std::string_view base) const;
    [[nodiscard]] const SearchParameter* Find(std::string_view base, std::string_view code) const;
    [[nodiscard]] std::span<const std::string_view> Compartment(std::string_view compartment,
                                                                std::string_view type) const;

private:
    struct CompartmentRow {
        std::string_view compartment;
        std::string_view type;
        std::size_t begin;
        std::size_t size;
    };

    std::vector<SearchParameter> parameters_;
    FlatIndex by_code_;
    std::vector<std::string_view> views_;      // targets; never grows after LoadParameters began
    std::vector<SearchComponent> components_;  // likewise
    std::vector<CompartmentRow> compartments_;
    FlatIndex by_compartment_;
    std::vector<std::string_view> compartment_views_;
};

}  // namespace carestream::fhir::internal
