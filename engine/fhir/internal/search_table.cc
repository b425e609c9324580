#include "fhir/internal/search_table.h"

#include <algorithm>

#include "base/assert.h"
#include "fhir/internal/table.h"

namespace carestream::fhir::internal {

namespace {

// Appends the parts of `cell` between separators to `out`.
void AppendParts(std::string_view cell, char separator, std::vector<std::string_view>& out) {
    while (!cell.empty()) {
        const auto end = cell.find(separator);
        out.push_back(cell.substr(0, end));
        cell.remove_prefix(end == std::string_view::npos ? cell.size() : end + 1);
    }
}

std::size_t CountOf(std::string_view text, char c) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), c));
}

}  // namespace

Result<void> SearchTable::LoadParameters(std::string_view text, std::string_view file) {
    const std::size_t lines = CountOf(text, '\n');
    views_.reserve(CountOf(text, ',') + lines + 1);
    components_.reserve(CountOf(text, ';') + lines + 1);
    parameters_.reserve(lines);
    TableReader line(text, file);
    std::vector<std::string_view> parts;
    while (line.Next()) {
        SearchParameter parameter;
        parameter.base = line[0];
        parameter.code = line[1];
        parameter.type = line[2];
        parameter.expression = line[3];
        parameter.url = line[5];
        if (parameter.url.empty()) return Fail(line.Damaged("not a search parameter"));
        std::size_t begin = views_.size();
        AppendParts(line[4], ',', views_);
        parameter.targets = {views_.data() + begin, views_.size() - begin};
        parts.clear();
        AppendParts(line[6], ';', parts);
        begin = components_.size();
        for (const std::string_view part : parts) {
            const auto equals = part.find('=');
            if (equals == std::string_view::npos) return Fail(line.Damaged("not a component"));
            components_.push_back({part.substr(0, equals), part.substr(equals + 1)});
        }
        parameter.components = {components_.data() + begin, components_.size() - begin};
        parameters_.push_back(parameter);
    }
    const auto by_base = [](const auto& a, const auto& b) { return a.base < b.base; };
    if (!std::is_sorted(parameters_.begin(), parameters_.end(), by_base)) {
        std::stable_sort(parameters_.begin(), parameters_.end(), by_base);
    }
    by_code_ = FlatIndex(parameters_.size());
    for (std::uint32_t i = 0; i < parameters_.size(); ++i) {
        by_code_.Insert(HashText(parameters_[i].code, HashText(parameters_[i].base)), i);
    }
    return {};
}

Result<void> SearchTable::LoadCompartments(std::string_view text, std::string_view file) {
    TableReader line(text, file);
    while (line.Next()) {
        const std::size_t begin = compartment_views_.size();
        AppendParts(line[2], ',', compartment_views_);
        if (begin == compartment_views_.size()) return Fail(line.Damaged("not a compartment row"));
        compartments_.push_back({line[0], line[1], begin, compartment_views_.size() - begin});
    }
    by_compartment_ = FlatIndex(compartments_.size());
    for (std::uint32_t i = 0; i < compartments_.size(); ++i) {
        by_compartment_.Insert(
            HashText(compartments_[i].type, HashText(compartments_[i].compartment)), i);
    }
    return {};
}

std::span<const SearchParameter> SearchTable::OfBase(std::string_view base) const {
    const auto begin = std::lower_bound(parameters_.begin(), parameters_.end(), base,
                                        [](const auto& row, auto name) { return row.base < name; });
    auto end = begin;
    while (end != parameters_.end() && end->base == base) ++end;
    return {begin, end};
}

const SearchParameter* SearchTable::Find(std::string_view base, std::string_view code) const {
    const auto row = by_code_.Find(HashText(code, HashText(base)), [&](auto i) {
        return parameters_[i].code == code && parameters_[i].base == base;
    });
    return row == FlatIndex::kNone ? nullptr : &parameters_[row];
}

std::span<const std::string_view> SearchTable::Compartment(std::string_view compartment,
                                                           std::string_view type) const {
    const auto row = by_compartment_.Find(HashText(type, HashText(compartment)), [&](auto i) {
        return compartments_[i].type == type && compartments_[i].compartment == compartment;
    });
    if (row == FlatIndex::kNone) return {};
    return {compartment_views_.data() + compartments_[row].begin, compartments_[row].size};
}

}  // namespace carestream::fhir::internal
