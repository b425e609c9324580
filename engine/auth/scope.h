#pragma once
// SMART scopes of resources, both versions. Pure.
// Source: SMART App Launch 2.0 (scopes v2: patient/Observation.rs?category=...), 1.0 (v1: .read,
// .write, .*).
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "net/url.h"

namespace carestream::auth {

enum class Action : std::uint8_t {
    kCreate = 1,
    kRead = 2,  // read, vread, history of an instance; what a search includes
    kUpdate = 4,
    kDelete = 8,
    kSearch = 16,
};

struct Scope {
    enum class Level : std::uint8_t { kPatient, kUser, kSystem } level = Level::kPatient;
    std::string type;          // "*" = every type
    std::uint8_t actions = 0;  // of Action
    net::Parameters query;     // granular: what a resource must fulfil; empty = nothing

    [[nodiscard]] bool Grants(Action action) const {
        return (actions & static_cast<std::uint8_t>(action)) != 0;
    }
    bool operator==(const Scope&) const = default;
};

// The resource scopes of a space-separated list, in order. What is none (openid, launch/patient) or
// malformed grants nothing and is left out: a scope is never read as more than it says.
[[nodiscard]] std::vector<Scope> ParseScopes(std::string_view text);
// The same back, in the form of version 2.
[[nodiscard]] std::string FormatScopes(const std::vector<Scope>& scopes);

}  // namespace carestream::auth
