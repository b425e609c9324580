#include "channel/internal/find_keys.h"

#include <algorithm>
#include <string_view>

namespace carestream::channel {

namespace {

struct Place {
    std::string_view segment;
    int field;
    std::string_view kind;
};

constexpr Place kPlaces[] = {{"MSH", 10, "control"}, {"PID", 3, "patient"}, {"MRG", 1, "patient"},
                             {"PV1", 19, "visit"},   {"ORC", 2, "order"},   {"ORC", 3, "order"},
                             {"OBR", 2, "order"},    {"OBR", 3, "order"}};
constexpr std::size_t kKeysMax = 256;  // of one message: a bound against absurd repetition

void Add(std::vector<store::FindKey>& keys, std::string_view kind, std::string value) {
    if (value.empty() || keys.size() >= kKeysMax) return;
    const bool known = std::any_of(keys.begin(), keys.end(), [&](const store::FindKey& key) {
        return key.kind == kind && key.value == value;
    });
    if (!known) keys.push_back({std::string(kind), std::move(value)});
}

}  // namespace

std::vector<store::FindKey> FindKeysOf(const hl7::Message& message) {
    std::vector<store::FindKey> keys;
    for (std::size_t segment = 0; segment < message.segment_count(); ++segment) {
        const std::string_view id = message.SegmentId(segment);
        for (const Place& place : kPlaces) {
            if (place.segment != id) continue;
            const int repetitions = message.RepetitionCount(segment, place.field);
            for (int repetition = 1; repetition <= repetitions; ++repetition) {
                const std::string_view value =
                    message.Component(message.Repetition(segment, place.field, repetition), 1);
                if (!hl7::IsNull(value)) Add(keys, place.kind, message.Decode(value));
            }
        }
    }
    return keys;
}

}  // namespace carestream::channel
