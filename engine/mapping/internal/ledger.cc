#include "mapping/internal/ledger.h"

#include <algorithm>
#include <functional>

namespace carestream::mapping::internal {

namespace {

constexpr std::string_view kNoRule = "no rule";
constexpr std::string_view kNotExpected = "segment not expected here";

}  // namespace

Ledger::Ledger(const hl7::Message& message)
    : message_(message), leaves_(hl7::Leaves(message, &offsets_)) {
    notes_.reserve(leaves_.size() * 2);
}

void Ledger::Add(std::string_view piece, std::string_view reason, std::size_t resource,
                 bool invalid) {
    if (piece.empty()) return;
    const std::string_view bytes = message_.bytes();
    const std::less<const char*> before;
    const bool ours = !before(piece.data(), bytes.data()) &&
                      !before(bytes.data() + bytes.size(), piece.data() + piece.size());
    if (!ours) return;  // from the context
    const auto begin = static_cast<std::uint32_t>(piece.data() - bytes.data());
    notes_.push_back(
        {begin, begin + static_cast<std::uint32_t>(piece.size()), reason, resource, invalid, 0});
    if (frame_ == nullptr) return;
    notes_.back().origin = static_cast<std::uint32_t>(origins_.size());
    Origin& origin = origins_.emplace_back(Origin{resource, {}});
    for (const RuleFrame* frame = *frame_; frame != nullptr; frame = frame->up) {
        origin.rules.insert(origin.rules.begin(), {frame->rule, frame->resource, nullptr});
    }
}

void Ledger::Mapped(std::string_view piece, std::size_t resource) {
    Add(piece, {}, resource, false);
}

void Ledger::Lost(std::string_view piece, std::string_view reason, std::size_t resource,
                  bool invalid) {
    Add(piece, reason, resource, invalid);
}

void Ledger::Revoke(std::size_t mark, std::string_view reason) {
    for (std::size_t i = mark; i < notes_.size(); ++i) {
        if (notes_[i].reason.empty()) notes_[i].reason = reason;
    }
}

void Ledger::RevokeResource(std::size_t resource, std::string_view reason) {
    for (Note& note : notes_) {
        if (note.resource == resource && note.reason.empty()) note.reason = reason;
    }
}

void Ledger::RevokeAll(std::string_view reason) {
    Revoke(0, reason);
}

bool Ledger::LostSince(std::size_t mark) const {
    for (std::size_t i = mark; i < notes_.size(); ++i) {
        if (notes_[i].invalid) return true;
    }
    return false;
}

std::string Ledger::PathAt(std::string_view piece) const {
    const char* const start = message_.bytes().data();
    const std::less<const char*> before;
    if (before(piece.data(), start) ||
        before(start + message_.bytes().size(), piece.data() + piece.size())) {
        return {};
    }
    const std::size_t leaf = FirstLeaf(static_cast<std::uint32_t>(piece.data() - start));
    return leaf < leaves_.size() ? hl7::PathOf(message_, leaves_[leaf]) : std::string();
}

std::string_view Ledger::Keep(std::string reason) {
    return reasons_.emplace_back(std::move(reason));
}

std::size_t Ledger::FirstLeaf(std::uint32_t offset) const {
    return static_cast<std::size_t>(std::lower_bound(offsets_.begin(), offsets_.end(), offset) -
                                    offsets_.begin());
}

Unmapped Ledger::FirstInvalid() const {
    for (const Note& note : notes_) {
        if (!note.invalid) continue;
        const std::size_t leaf = FirstLeaf(note.begin);
        if (leaf >= leaves_.size()) continue;
        return {hl7::PathOf(message_, leaves_[leaf]), std::string(note.reason)};
    }
    return {};
}

void Ledger::Report(const std::vector<std::size_t>& unplaced, LossReport& report) const {
    std::vector<const Note*> verdict(leaves_.size(), nullptr);
    for (const Note& note : notes_) {
        for (std::size_t leaf = FirstLeaf(note.begin);
             leaf < leaves_.size() && offsets_[leaf] < note.end; ++leaf) {
            const Note*& current = verdict[leaf];
            if (current == nullptr || (!current->reason.empty() && note.reason.empty())) {
                current = &note;
            }
        }
    }
    report.leaves = leaves_.size();
    report.mapped = hl7::PathsOf(message_, leaves_);
    std::size_t mapped = 0;  // those that stay there
    for (std::size_t i = 0; i < leaves_.size(); ++i) {
        std::string& path = report.mapped[i];
        if (verdict[i] != nullptr && verdict[i]->reason.empty()) {
            if (mapped != i) report.mapped[mapped] = std::move(path);
            ++mapped;
            continue;
        }
        std::string_view reason = verdict[i] == nullptr ? kNoRule : verdict[i]->reason;
        if (verdict[i] == nullptr &&
            std::binary_search(unplaced.begin(), unplaced.end(), leaves_[i].segment)) {
            reason = kNotExpected;
        }
        report.unmapped.push_back({std::move(path), std::string(reason)});
    }
    report.mapped.resize(mapped);
}

std::vector<Ledger::LeafOrigins> Ledger::Origins(const LossReport& report) const {
    std::vector<LeafOrigins> all;
    for (std::string& path : hl7::PathsOf(message_, leaves_)) {
        const auto lost = std::find_if(report.unmapped.begin(), report.unmapped.end(),
                                       [&](const Unmapped& one) { return one.path == path; });
        all.push_back({std::move(path), lost == report.unmapped.end() ? "" : lost->reason, {}});
    }
    for (const Note& note : notes_) {
        if (!note.reason.empty()) continue;
        for (std::size_t leaf = FirstLeaf(note.begin);
             leaf < leaves_.size() && offsets_[leaf] < note.end; ++leaf) {
            all[leaf].origins.push_back(origins_[note.origin]);
        }
    }
    return all;
}

}  // namespace carestream::mapping::internal
