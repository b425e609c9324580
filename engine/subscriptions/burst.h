#pragma once
// When events are told that come in quick succession: the first of a patient at once, what follows
// within a pause together when it is over. Pure; of one subscription.
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"

namespace carestream::subscriptions {

class Burst {
public:
    // Of so many patients at a time it is known when they were told; of more each event is told at
    // once, which is more often than need be.
    static constexpr std::size_t kPatientsMax = 1'024;

    // `pause` 0: everything is told at once.
    explicit Burst(Micros pause) : pause_(pause) {}

    // An event came; `patient` "" = it is about none, and is told at once.
    void Add(std::string_view patient, Micros now);
    // When what came is to be told, all of it: numbers are told in their order. 0 = nothing waits.
    [[nodiscard]] Micros due() const { return due_; }
    // It was; the pause of its patients begins.
    void Told(Micros now);

    [[nodiscard]] std::size_t patients() const { return paused_until_.size(); }

private:
    Micros pause_;
    Micros due_ = 0;
    std::vector<std::string> waiting_;  // patients of what waits, each once
    std::unordered_map<std::string, Micros> paused_until_;
};

}  // namespace carestream::subscriptions
