#pragma once
// RestTest with an issuer of tokens: log-ins are told apart by their subject.
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "component/rest/rest_fixture.h"
#include "rest/link_operations.h"
#include "tests/support/jwt.h"

namespace carestream::test {

class RestTokenTest : public RestTest {
protected:
    [[nodiscard]] static auth::IssuerOptions Issuer(const std::filesystem::path& file) {
        auth::IssuerOptions issuer;
        issuer.issuer = "https://issuer.example";
        issuer.audience = "https://fhir.example";
        issuer.jwks_file = file;
        return issuer;
    }

    // From here on tokens are asked for; those of `https://linked.example` come to their patient by
    // links.
    void UseTokens(rest::ServiceOptions options = {}) {
        const auto file = state_folder() / "issuer.jwks";
        std::ofstream(file) << key_.Jwks();
        auth::GateOptions gate;
        gate.issuers.push_back(Issuer(file));
        gate.issuers.push_back(Issuer(file));
        gate.issuers.back().issuer = "https://linked.example";
        gate.issuers.back().patient_claim = auth::PatientClaim::kLink;
        gate_ = auth::Gate::Create(gate, clock_, log_).value();
        StartService(std::move(options),
                     rest::LinkOperations({store_->login_links(), store_->reader(), clock_, 1}));
    }

    // `path` is "Patient/ada"; `members` of the resource beside type and id.
    void Make(const std::string& path, const std::string& members) {
        const auto slash = path.find('/');
        const auto made = Put(path, R"({"resourceType":")" + path.substr(0, slash) + R"(","id":")" +
                                        path.substr(slash + 1) + "\"," + members + "}");
        ASSERT_EQ(made.status, 201) << path << made.http.body;
    }

    [[nodiscard]] Headers As(const std::string& subject, const std::string& scope,
                             const std::string& patient = {}, const std::string& client = "app",
                             const std::string& issuer = "https://issuer.example") const {
        const std::string claims =
            R"({"iss":")" + issuer + R"(","aud":"https://fhir.example","client_id":")" + client +
            R"(","sub":")" + subject + R"(","scope":")" + scope + R"(","exp":)" +
            std::to_string(clock_.Now() / 1'000'000 + 600) +
            (patient.empty() ? "" : R"(,"patient":")" + patient + "\"") + "}";
        return {{"Authorization", "Bearer " + key_.Token(claims)}};
    }

    TestKey key_{TestKey::Type::kP256, "k1"};
};

}  // namespace carestream::test
