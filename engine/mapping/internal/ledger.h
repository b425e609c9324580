#pragma once
// What became of each leaf of the message. Rules note byte ranges while they run; in the end every
// leaf is mapped or has a reason.
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "hl7/message.h"
#include "mapping/program.h"

namespace carestream::mapping::internal {

struct Rule;

// A rule at work, within the one that called it.
struct RuleFrame {
    const Rule* rule = nullptr;
    std::size_t resource = 0;  // whose element it fills
    const RuleFrame* up = nullptr;
};

class Ledger {
public:
    explicit Ledger(const hl7::Message& message);

    // A place to go back to.
    [[nodiscard]] std::size_t mark() const { return notes_.size(); }
    // The piece reached the output, or decided it. `resource` is whose output.
    void Mapped(std::string_view piece, std::size_t resource);
    // It did not, and why; the text must live as long as the ledger. `invalid`: the value is wrong,
    // not merely without a place.
    void Lost(std::string_view piece, std::string_view reason, std::size_t resource, bool invalid);
    // Everything noted as mapped since `mark` is lost after all.
    void Revoke(std::size_t mark, std::string_view reason);
    void RevokeResource(std::size_t resource, std::string_view reason);
    void RevokeAll(std::string_view reason);
    // Was any invalid piece noted since `mark`?
    [[nodiscard]] bool LostSince(std::size_t mark) const;
    // "PID-7.1" of a piece; "" if it is none of the message.
    [[nodiscard]] std::string PathAt(std::string_view piece) const;
    // Keeps a composed reason alive.
    std::string_view Keep(std::string reason);

    // The first invalid piece's path and reason; empty if there is none.
    [[nodiscard]] Unmapped FirstInvalid() const;
    // From now on each note keeps the rules that made it; `frame` is where the innermost stands.
    void Follow(const RuleFrame* const& frame) { frame_ = &frame; }
    struct Origin {
        std::size_t resource = 0;
        std::vector<RuleFrame> rules;  // outermost first; `up` is not to be read
    };
    struct LeafOrigins {
        std::string path;
        std::string reason;
        std::vector<Origin> origins;  // of what was mapped
    };
    // Needs Follow. The same verdicts as Report.
    [[nodiscard]] std::vector<LeafOrigins> Origins(const LossReport& report) const;
    // Fills leaves, mapped and unmapped. `unplaced` segments get a reason of their own.
    void Report(const std::vector<std::size_t>& unplaced, LossReport& report) const;

private:
    struct Note {
        std::uint32_t begin = 0;
        std::uint32_t end = 0;
        std::string_view reason;  // empty: mapped
        std::size_t resource = 0;
        bool invalid = false;
        std::uint32_t origin = 0;  // place in `origins_`, if rules are followed
    };
    void Add(std::string_view piece, std::string_view reason, std::size_t resource, bool invalid);
    [[nodiscard]] std::size_t FirstLeaf(std::uint32_t offset) const;

    const hl7::Message& message_;
    std::vector<std::uint32_t> offsets_;  // where each leaf begins, ascending
    std::vector<hl7::Leaf> leaves_;
    std::vector<Note> notes_;
    std::deque<std::string> reasons_;
    const RuleFrame* const* frame_ = nullptr;
    std::vector<Origin> origins_;
};

}  // namespace carestream::mapping::internal
