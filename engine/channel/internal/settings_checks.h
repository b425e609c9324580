#pragma once
// What the files of inbound and outbound channels have in common.
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/spec.h"
#include "store/types.h"

namespace carestream::channel {

void Complain(std::vector<Error>& errors, const Position& position, std::string message);

// `channel`
void CheckName(const config::Values& values, std::vector<Error>& errors);

// The number of `tenant`; 0 with an error.
[[nodiscard]] store::Tenant CheckTenant(const config::Values& values,
                                        const std::map<std::string, store::Tenant>& tenants,
                                        std::vector<Error>& errors);

// Each item is a message code (ADT) or an event (ADT^A04).
void CheckEvents(const config::Values& values, std::string_view key, std::vector<Error>& errors);

// Does one of them name this event or its message code?
[[nodiscard]] bool NamesEvent(const std::vector<std::string>& names, std::string_view code,
                              std::string_view event);

}  // namespace carestream::channel
