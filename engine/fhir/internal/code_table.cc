#include "fhir/internal/code_table.h"

#include <algorithm>

#include "base/assert.h"
#include "fhir/internal/table.h"

namespace carestream::fhir::internal {

using Membership = Definitions::Membership;

Result<void> CodeTable::LoadSystems(std::string_view text, std::string_view file) {
    concepts_.reserve(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')));
    TableReader line(text, file);
    while (line.Next()) {
        if (line[0] == "s") {
            systems_.push_back({line[1], line[2] == "complete"});
        } else if (line[0] == "c" && !systems_.empty()) {
            concepts_.push_back(
                {static_cast<std::uint32_t>(systems_.size() - 1), line[1], line[2]});
        } else {
            return Fail(line.Damaged("not a code system or a code"));
        }
    }
    by_system_ = FlatIndex(systems_.size());
    for (std::uint32_t i = 0; i < systems_.size(); ++i) {
        by_system_.Insert(HashText(systems_[i].url), i);
    }
    by_concept_ = FlatIndex(concepts_.size());
    for (std::uint32_t i = 0; i < concepts_.size(); ++i) {
        by_concept_.Insert(HashText(concepts_[i].code, concepts_[i].system + 1), i);
    }
    return {};
}

Result<void> CodeTable::LoadValueSets(std::string_view text, std::string_view file) {
    TableReader line(text, file);
    while (line.Next()) CARESTREAM_TRY(AddLine(line));
    by_value_set_ = FlatIndex(value_sets_.size());
    for (std::uint32_t i = 0; i < value_sets_.size(); ++i) {
        by_value_set_.Insert(HashText(value_sets_[i].url), i);
    }
    by_listed_ = FlatIndex(listed_.size());
    for (std::uint32_t i = 0; i < listed_.size(); ++i) {
        by_listed_.Insert(HashText(listed_[i].code, listed_[i].value_set + 1), i);
    }
    return {};
}

Result<void> CodeTable::AddLine(const TableReader& line) {
    if (line[0] == "v") {
        value_sets_.push_back({line[1],
                               line[2] == "open",
                               static_cast<std::uint32_t>(whole_systems_.size()),
                               0,
                               0,
                               {}});
        return {};
    }
    if (value_sets_.empty()) return Fail(line.Damaged("no value set stands before"));
    if (line[0] == "s") {
        const auto system = FindSystem(line[1]);
        if (system == FlatIndex::kNone) return Fail(line.Damaged("unknown code system"));
        whole_systems_.push_back(system);
        ++value_sets_.back().systems_size;
        return {};
    }
    if (line[0] == "o") {
        value_sets_.back().open_systems.push_back(line[1]);
        return {};
    }
    if (line[0] == "c") ++value_sets_.back().listed;
    if (line[0] != "c" && line[0] != "x") return Fail(line.Damaged("unknown kind of line"));
    listed_.push_back(
        {static_cast<std::uint32_t>(value_sets_.size() - 1), line[0] == "x", line[1], line[2]});
    return {};
}

std::uint32_t CodeTable::FindSystem(std::string_view url) const {
    return by_system_.Find(HashText(url), [&](auto i) { return systems_[i].url == url; });
}

std::uint32_t CodeTable::FindConcept(std::uint32_t system, std::string_view code) const {
    return by_concept_.Find(HashText(code, system + 1), [&](auto i) {
        return concepts_[i].system == system && concepts_[i].code == code;
    });
}

bool CodeTable::IsListed(std::uint32_t value_set, bool excluded, std::string_view system,
                         std::string_view code) const {
    return by_listed_.Find(HashText(code, value_set + 1), [&](auto i) {
        const Listed& row = listed_[i];
        return row.value_set == value_set && row.excluded == excluded && row.code == code &&
               (system.empty() || row.system == system);
    }) != FlatIndex::kNone;
}

const CodeTable::ValueSet* CodeTable::FindValueSet(std::string_view url) const {
    const auto row =
        by_value_set_.Find(HashText(url), [&](auto i) { return value_sets_[i].url == url; });
    return row == FlatIndex::kNone ? nullptr : &value_sets_[row];
}

std::optional<std::size_t> CodeTable::CountOf(std::string_view value_set) const {
    const ValueSet* set = FindValueSet(value_set);
    if (set == nullptr || set->open || set->systems_size > 0) return std::nullopt;
    return set->listed;
}

Membership CodeTable::InValueSet(std::string_view value_set, std::string_view system,
                                 std::string_view code) const {
    const ValueSet* found = FindValueSet(value_set);
    if (found == nullptr) return Membership::kUnknown;
    const ValueSet& set = *found;
    const auto row = static_cast<std::uint32_t>(found - value_sets_.data());
    if (IsListed(row, false, system, code)) return Membership::kIn;
    bool open = set.open && (system.empty() || set.open_systems.empty() ||
                             std::find(set.open_systems.begin(), set.open_systems.end(), system) !=
                                 set.open_systems.end());
    for (std::uint32_t i = 0; i < set.systems_size; ++i) {
        const auto whole = whole_systems_[set.systems_begin + i];
        if (!system.empty() && systems_[whole].url != system) continue;
        if (FindConcept(whole, code) == FlatIndex::kNone) {
            open = open || !systems_[whole].complete;
            continue;
        }
        return IsListed(row, true, systems_[whole].url, code) ? Membership::kOut : Membership::kIn;
    }
    return open ? Membership::kUnknown : Membership::kOut;
}

Membership CodeTable::InCodeSystem(std::string_view system, std::string_view code) const {
    const auto at = FindSystem(system);
    if (at == FlatIndex::kNone) return Membership::kUnknown;
    if (FindConcept(at, code) != FlatIndex::kNone) return Membership::kIn;
    return systems_[at].complete ? Membership::kOut : Membership::kUnknown;
}

std::string_view CodeTable::Display(std::string_view system, std::string_view code) const {
    const auto at = FindSystem(system);
    if (at == FlatIndex::kNone) return {};
    const auto row = FindConcept(at, code);
    return row == FlatIndex::kNone ? std::string_view() : concepts_[row].display;
}

}  // namespace carestream::fhir::internal
