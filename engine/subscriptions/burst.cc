#include "subscriptions/burst.h"

#include <algorithm>

namespace carestream::subscriptions {

void Burst::Add(std::string_view patient, Micros now) {
    const std::string key(patient);
    Micros at = now;
    if (pause_ > 0 && !key.empty()) {
        const auto paused = paused_until_.find(key);
        if (paused != paused_until_.end()) {
            // A clock that was set back makes no pause longer.
            at = std::clamp(paused->second, now, now + pause_);
        }
        if (waiting_.size() < kPatientsMax &&
            std::find(waiting_.begin(), waiting_.end(), key) == waiting_.end()) {
            waiting_.push_back(key);
        }
    }
    due_ = due_ == 0 ? at : std::min(due_, at);
}

void Burst::Told(Micros now) {
    std::erase_if(paused_until_, [now](const auto& paused) { return paused.second <= now; });
    for (std::string& patient : waiting_) {
        const auto known = paused_until_.find(patient);
        if (known != paused_until_.end()) {
            known->second = now + pause_;
        } else if (paused_until_.size() < kPatientsMax) {
            paused_until_.emplace(std::move(patient), now + pause_);
        }
    }
    waiting_.clear();
    due_ = 0;
}

}  // namespace carestream::subscriptions
