#pragma once
// Values that cross the store's edge.
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "fhir/node.h"

namespace carestream::store {

// Every row belongs to a tenant; 1 is "main". Names are mapped in configuration.
using Tenant = std::int16_t;

// Called once, on a thread of the store: post to your own strand before touching your state.
template <typename T>
using Callback = std::function<void(Result<T>)>;

// A line for the log: level "info", "warn" or "error"; an event id; text without PHI. May be empty.
using LogLine =
    std::function<void(const std::string& level, const std::string& id, const std::string& text)>;

struct StoredVersion {
    std::string type;
    std::string id;
    std::int32_t version = 0;
    bool deleted = false;
    Micros last_updated = 0;
    std::string body;  // JSON as served (with meta), "" when deleted
    // The store's number of the patient whom the current version is about; 0 = of none, or several.
    std::int64_t patient = 0;
    // Of a search's match: `body` was not made a tree, because Criterion::plainly is true of it.
    bool plain = false;
    // `body` as a tree, where a search looked at it and kept it.
    std::optional<fhir::Node> parsed = std::nullopt;
};

}  // namespace carestream::store
