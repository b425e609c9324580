#pragma once
// What a feed values that the maps do not use, counted over many messages: where to begin writing
// rules. Pure.
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "fhir/node.h"
#include "hl7/message.h"
#include "mapping/program.h"

namespace carestream::mapping {

class FeedCoverage {
public:
    void Add(const hl7::Message& message, const Mapped& mapped);
    void AddUnreadable() { ++unreadable_; }

    struct Count {
        std::string what;  // "PID-1.1", "ADT^Z01", "PID-3: no usable identity for Patient"
        std::string more;  // the reason, or the code that its table lacks
        std::size_t values = 0;
        std::size_t messages = 0;
        std::vector<std::string> events;  // "ADT^A01", in the alphabet's order
    };
    struct Summary {
        std::size_t messages = 0;
        std::size_t mapped = 0;      // messages of which something was made
        std::size_t unreadable = 0;  // no HL7
        // Of the mapped messages.
        std::size_t values = 0;
        std::size_t values_used = 0;
        // Most frequent first. Paths are without repetitions: "PID-11.3" is all addresses.
        std::vector<Count> no_map;    // events
        std::vector<Count> unusable;  // reasons
        std::vector<Count> no_rule;   // fields that no rule reads
        std::vector<Count> dropped;   // fields that a rule read and could not use
        // Codes that no table knows, also such as were kept as sent. Of a feed with more than
        // `kCodesMax` different ones the rest counts as "(others)".
        std::vector<Count> codes;
    };
    [[nodiscard]] Summary Summarise() const;

    static constexpr std::size_t kCodesMax = 2000;

private:
    struct Tally {
        std::size_t values = 0;
        std::size_t messages = 0;
        std::size_t last_message = 0;
        std::set<std::string> events;
    };
    using Tallies = std::map<std::pair<std::string, std::string>, Tally>;

    void CountOne(Tallies& tallies, std::string what, std::string more, const std::string& event);
    void CountCode(const hl7::Message& message, const std::string& path, const std::string& table,
                   const std::string& event);

    std::size_t messages_ = 0;
    std::size_t mapped_ = 0;
    std::size_t unreadable_ = 0;
    std::size_t values_ = 0;
    std::size_t values_used_ = 0;
    Tallies no_map_, unusable_, no_rule_, dropped_, codes_;
};

[[nodiscard]] fhir::Node ToNode(const FeedCoverage::Summary& summary);  // for JSON

}  // namespace carestream::mapping
