#pragma once
// A gate for component tests, and the tokens that it takes.
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "auth/gate.h"
#include "tests/support/jwt.h"

namespace carestream::test {

class TokenGate {
public:
    [[nodiscard]] std::unique_ptr<auth::Gate> Make(const std::filesystem::path& folder,
                                                   const Clock& clock, telemetry::Log& log) const {
        const auto file = folder / "issuer.jwks";
        std::ofstream(file) << key_.Jwks();
        auth::GateOptions gate;
        auth::IssuerOptions issuer;
        issuer.issuer = "https://issuer.example";
        issuer.audience = "https://fhir.example";
        issuer.jwks_file = file;
        gate.issuers.push_back(issuer);
        return auth::Gate::Create(gate, clock, log).value();
    }

    // Headers of a request; `patient` "": no patient's.
    [[nodiscard]] std::vector<std::pair<std::string, std::string>> Token(
        const std::string& subject, const std::string& patient, const std::string& scope) const {
        const std::string claims =
            R"({"iss":"https://issuer.example","aud":"https://fhir.example","exp":99999999999,)"
            R"("sub":")" +
            subject + "\"" + (patient.empty() ? "" : R"(,"patient":")" + patient + "\"") +
            R"(,"scope":")" + scope + "\"}";
        return {{"Authorization", "Bearer " + key_.Token(claims)}};
    }

private:
    const TestKey key_{TestKey::Type::kP256, "k1"};
};

}  // namespace carestream::test
