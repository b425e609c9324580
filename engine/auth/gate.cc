#include "auth/gate.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include "auth/internal/key_source.h"
#include "auth/internal/known_good.h"
#include "base/text.h"

namespace carestream::auth {
namespace {

constexpr std::size_t kClinicsMax = 256;

// A text or a list of texts; absent: none. A token with user/ scopes goes by it, also when it holds
// system/ ones.
Result<std::optional<std::vector<std::string>>> ClinicsClaimed(const Principal& principal,
                                                               const fhir::Node& claims,
                                                               std::string_view name) {
    if (std::none_of(principal.scopes.begin(), principal.scopes.end(),
                     [](const Scope& scope) { return scope.level == Scope::Level::kUser; })) {
        return std::optional<std::vector<std::string>>();
    }
    std::vector<std::string> clinics;
    const fhir::Node* claim = claims.Find(name);
    if (claim == nullptr) return std::optional(std::move(clinics));
    if (claim->IsString()) {
        clinics.push_back(claim->text());
    } else if (claim->IsArray()) {
        for (const fhir::Node& item : claim->items()) {
            if (!item.IsString()) return Fail(Code::kInvalid, "a clinic of the token is no text");
            clinics.push_back(item.text());
        }
    } else {
        return Fail(Code::kInvalid, "the token's clinics are no list of texts");
    }
    if (clinics.size() > kClinicsMax) {
        return Fail(Code::kInvalid, "the token names too many clinics");
    }
    return std::optional(std::move(clinics));
}

Result<Principal> PrincipalAt(const IssuerOptions& issuer, fhir::Node& claims) {
    const bool by_link = issuer.patient_claim == PatientClaim::kLink;
    if (by_link) claims.Remove("patient");
    CARESTREAM_ASSIGN(principal, PrincipalOf(claims));
    principal.by_link = by_link;
    if (!issuer.clinics_claim.empty()) {
        CARESTREAM_ASSIGN(clinics, ClinicsClaimed(principal, claims, issuer.clinics_claim));
        principal.clinics = std::move(clinics);
    }
    return principal;
}

}  // namespace

struct Gate::Core {
    Core(GateOptions gate_options, const Clock& the_clock, telemetry::Log& the_log)
        : options(std::move(gate_options)), clock(the_clock), log(the_log) {
        for (const IssuerOptions& issuer : options.issuers) {
            sources.emplace(issuer.issuer, std::make_unique<KeySource>(issuer));
        }
    }

    ~Core() {
        {
            const std::lock_guard lock(mutex);
            stopping = true;
            wake.notify_all();
        }
        if (thread.joinable()) thread.join();
    }

    // Files that are wrong now are an error of the start.
    Result<void> ReadFiles() {
        for (const auto& [issuer, source] : sources) {
            if (!source->options().jwks_url.empty()) continue;
            CARESTREAM_TRY(source->Update(options, clock.Now(), true));
        }
        return {};
    }

    void Run() {
        std::unique_lock lock(mutex);
        while (!stopping) {
            const bool now = std::exchange(refresh, false);
            lock.unlock();
            UpdateAll(now);
            lock.lock();
            wake.wait_for(lock, std::chrono::milliseconds(options.poll_ms),
                          [this] { return stopping || refresh; });
        }
    }

    void UpdateAll(bool now) {
        for (const auto& [issuer, source] : sources) {
            const auto updated = source->Update(options, clock.Now(), now);
            if (!updated) {
                log.Error("auth.keys_failed", updated.error().ToString(), {{"issuer", issuer}});
            } else if (*updated) {
                log.Info("auth.keys", "the issuer's keys were read", {{"issuer", issuer}});
            }
        }
    }

    // Is the set of keys that the token was checked with its issuer's?
    [[nodiscard]] bool IsInForce(const KnownGood::Token& token) const {
        const auto found = sources.find(token.principal.issuer);
        return found != sources.end() && found->second->Keys() == token.keys;
    }

    // Errors: as Admit.
    [[nodiscard]] Result<KnownGood::Token> Check(std::string_view text) const {
        const auto denied = [](const Error& error) { return Fail(Code::kDenied, error.message); };
        auto parsed = ParseToken(text);
        if (!parsed) return denied(parsed.error());
        const auto found = sources.find(parsed->claims.TextOf("iss"));
        if (found == sources.end()) {
            return Fail(Code::kDenied, "the token is of another issuer");
        }
        KeySource& source = *found->second;
        const IssuerOptions& issuer = source.options();
        KnownGood::Token token;
        token.keys = source.Keys();
        if (token.keys == nullptr) {
            if (issuer.jwks_url.empty()) return Fail(Code::kDenied, "the token's key is not known");
            return FailRetryable("the keys of the token's issuer could not be fetched yet");
        }
        if (const auto signature = CheckSignature(*parsed, *token.keys); !signature) {
            if (signature.error().code == Code::kNotFound) source.Want();
            return denied(signature.error());
        }
        const auto validity = CheckClaims(
            parsed->claims, {issuer.issuer, issuer.audience, options.skew}, clock.Now());
        if (!validity) return denied(validity.error());
        token.validity = *validity;
        auto principal = PrincipalAt(issuer, parsed->claims);
        if (!principal) return denied(principal.error());
        token.principal = std::move(*principal);
        return token;
    }

    const GateOptions options;
    const Clock& clock;
    telemetry::Log& log;
    std::map<std::string, std::unique_ptr<KeySource>, std::less<>> sources;  // by issuer
    KnownGood known_good;
    std::mutex mutex;
    std::condition_variable wake;
    bool stopping = false;  // guarded by mutex
    bool refresh = false;   // guarded by mutex
    std::thread thread;
};

std::string_view BearerOf(std::string_view authorization) {
    constexpr std::size_t kScheme = 7;  // "Bearer "
    if (authorization.size() <= kScheme ||
        ToLowerAscii(authorization.substr(0, kScheme)) != "bearer ") {
        return {};
    }
    return Trim(authorization.substr(kScheme));
}

Gate::Gate(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Gate::~Gate() = default;

Result<std::unique_ptr<Gate>> Gate::Create(GateOptions options, const Clock& clock,
                                           telemetry::Log& log) {
    auto core = std::make_unique<Core>(std::move(options), clock, log);
    CARESTREAM_TRY(core->ReadFiles());
    core->thread = std::thread([&core = *core] { core.Run(); });
    return std::unique_ptr<Gate>(new Gate(std::move(core)));
}

Result<Principal> Gate::Admit(std::string_view token) const {
    if (const auto known = core_->known_good.Find(token); known && core_->IsInForce(*known)) {
        const auto valid = CheckTimes(known->validity, core_->options.skew, core_->clock.Now());
        if (!valid) return Fail(Code::kDenied, valid.error().message);
        return known->principal;
    }
    auto checked = core_->Check(token);
    if (!checked) return Fail(std::move(checked).error());
    Principal principal = checked->principal;
    core_->known_good.Add(token, std::move(*checked));
    return principal;
}

void Gate::Refresh() {
    const std::lock_guard lock(core_->mutex);
    core_->refresh = true;
    core_->wake.notify_all();
}

const GateOptions& Gate::options() const {
    return core_->options;
}

}  // namespace carestream::auth
