#include "channel/internal/settings_checks.h"

#include <algorithm>
#include <cctype>

#include "base/text.h"

namespace carestream::channel {

void Complain(std::vector<Error>& errors, const Position& position, std::string message) {
    errors.push_back(Error{Code::kInvalid, std::move(message), {}, position, 0, false});
}

void CheckName(const config::Values& values, std::vector<Error>& errors) {
    const std::string& name = values.String("channel");
    const bool right =
        name.size() <= 64 && std::all_of(name.begin(), name.end(), [](unsigned char c) {
            return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
        });
    if (right) return;
    Complain(errors, values.PositionOf("channel"),
             "'channel': letters, digits, '-', '_' and '.' only, at most 64");
}

store::Tenant CheckTenant(const config::Values& values,
                          const std::map<std::string, store::Tenant>& tenants,
                          std::vector<Error>& errors) {
    const std::string& tenant = values.String("tenant");
    if (const auto known = tenants.find(tenant); known != tenants.end()) return known->second;
    if (tenant.empty()) return 0;
    std::vector<std::string_view> names;
    for (const auto& [name, number] : tenants) names.push_back(name);
    Complain(errors, values.PositionOf("tenant"),
             "unknown tenant '" + tenant + "'" + DidYouMean(tenant, names) +
                 "; tenants are listed in the daemon's configuration");
    return 0;
}

void CheckEvents(const config::Values& values, std::string_view key, std::vector<Error>& errors) {
    const auto& events = values.Strings(key);
    for (std::size_t i = 0; i < events.size(); ++i) {
        const auto parts = Split(events[i], '^');
        const bool right = parts.size() <= 2 && parts[0].size() == 3 &&
                           (parts.size() == 1 || parts[1].size() == 3);
        if (right) continue;
        Complain(errors, values.ItemPosition(key, i),
                 "'" + events[i] + "' is neither a message code (ADT) nor an event (ADT^A04)");
    }
}

bool NamesEvent(const std::vector<std::string>& names, std::string_view code,
                std::string_view event) {
    return std::any_of(names.begin(), names.end(), [&](std::string_view name) {
        return name == code ||
               (name.size() == code.size() + 1 + event.size() && name.starts_with(code) &&
                name[code.size()] == '^' && name.ends_with(event));
    });
}

}  // namespace carestream::channel
