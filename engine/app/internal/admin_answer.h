#pragma once
// What the requests of admin.sock have in common: answers as JSON, parameters, who asks.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "fhir/node.h"
#include "net/http.h"
#include "net/url.h"
#include "store/types.h"

namespace carestream::app {

constexpr int kListMax = 10'000;

[[nodiscard]] net::Response Json(int status, const fhir::Node& node);
// {"error": text}
[[nodiscard]] net::Response Failure(int status, const std::string& text);
[[nodiscard]] net::Response Failure(const Error& error);

[[nodiscard]] fhir::Node Number(std::int64_t value);
[[nodiscard]] fhir::Node Instant(Micros time);  // "" for 0

// Bytes that are no UTF-8 cannot stand in JSON: shown as Latin-1 would, which keeps the structure.
[[nodiscard]] std::string AsUtf8(const std::string& raw);

// The user at the other end of the socket, as the kernel knows him: for the audit.
[[nodiscard]] std::string ActorOf(const net::Request& request);

// Errors: kInvalid.
[[nodiscard]] Result<std::int64_t> ParseNumber(std::string_view text, std::int64_t max);
// The first parameter of that name, or "".
[[nodiscard]] std::string Parameter(const net::Parameters& parameters, std::string_view name);
// "" = "main". Errors: kNotFound.
[[nodiscard]] Result<store::Tenant> TenantOf(const std::map<std::string, store::Tenant>& tenants,
                                             std::string name);
// "" = 100. Errors: kInvalid.
[[nodiscard]] Result<int> LimitOf(const std::string& text);

}  // namespace carestream::app
