#pragma once
// From a request's Authorization header to who asks. Owns the keys of the issuers: files are read
// again when they change, URLs fetched on a thread of its own.
// Source: RFC 6750 2.1 (bearer tokens in the header; nowhere else).
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auth/access.h"
#include "auth/token.h"
#include "base/clock.h"
#include "base/result.h"
#include "telemetry/log.h"

namespace carestream::auth {

// How a token with patient/ scopes comes to its patient.
enum class PatientClaim {
    kTrusted,  // the claim `patient`
    kLink,     // the issuer knows no patients: a link of the log-in; the claim is not looked at
};

struct IssuerOptions {
    std::string issuer;
    std::string audience;
    // One of the two.
    std::filesystem::path jwks_file;
    std::string jwks_url;  // https; http of a loopback address only
    PatientClaim patient_claim = PatientClaim::kTrusted;
    // Name of the claim that lists the clinics whose visits and appointments a user/ token may see;
    // a token without it sees none. "" = all are seen.
    std::string clinics_claim;
    bool optional = false;  // the file may be absent: then the issuer's tokens are refused
    // For /.well-known/smart-configuration; may be empty.
    std::string authorization_endpoint;
    std::string token_endpoint;
};

struct GateOptions {
    std::vector<IssuerOptions> issuers;  // each `issuer` once
    Micros skew = 60'000'000;
    int poll_ms = 2'000;               // how often files are looked at
    int refetch_ms_min = 60'000;       // between two fetches of one URL, whatever tokens come
    int refetch_ms_max = 10 * 60'000;  // after so long a URL is fetched again
};

// Is the text an https URL, or http of a loopback address, as jwks_url asks? Error: kInvalid.
[[nodiscard]] Result<void> CheckKeyUrl(std::string_view url);

// "Bearer abc" -> "abc"; "" for everything else.
[[nodiscard]] std::string_view BearerOf(std::string_view authorization);

// Thread-safe. Clock and log outlive it.
class Gate {
public:
    // Errors: kInvalid, kNotFound: a key file that cannot be used. A URL may be down: its issuer's
    // tokens are answered kUnavailable until it was fetched once.
    [[nodiscard]] static Result<std::unique_ptr<Gate>> Create(GateOptions options,
                                                              const Clock& clock,
                                                              telemetry::Log& log);
    ~Gate();
    Gate(const Gate&) = delete;
    Gate& operator=(const Gate&) = delete;

    // Never blocks on files or sockets. Errors: kDenied (no valid token; the text says what is
    // wrong with the token and nothing of its values), kUnavailable (keys were never fetched).
    [[nodiscard]] Result<Principal> Admit(std::string_view token) const;

    // Files and URLs again, soon. Keys that were read stay until new ones could be read.
    void Refresh();
    [[nodiscard]] const GateOptions& options() const;

private:
    struct Core;
    explicit Gate(std::unique_ptr<Core> core);
    std::unique_ptr<Core> core_;
};

}  // namespace carestream::auth
