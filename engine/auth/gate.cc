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
    const auto denied = [](const Error& error) { return Fail(Code::kDenied, error.message); };
    auto parsed = ParseToken(token);
    if (!parsed) return denied(parsed.error());
    const auto found = core_->sources.find(parsed->claims.TextOf("iss"));
    if (found == core_->sources.end()) {
        return Fail(Code::kDenied, "the token is of another issuer");
    }
    KeySource& source = *found->second;
    const IssuerOptions& issuer = source.options();
    const auto keys = source.Keys();
    if (keys == nullptr) {
        if (issuer.jwks_url.empty()) return Fail(Code::kDenied, "the token's key is not known");
        return FailRetryable("the keys of the token's issuer could not be fetched yet");
    }
    if (!core_->known_good.Has(token, keys)) {
        if (const auto checked = CheckSignature(*parsed, *keys); !checked) {
            if (checked.error().code == Code::kNotFound) source.Want();
            return denied(checked.error());
        }
        core_->known_good.Add(token, keys);
    }
    const auto claims = CheckClaims(
        parsed->claims, {issuer.issuer, issuer.audience, core_->options.skew}, core_->clock.Now());
    if (!claims) return denied(claims.error());
    const bool by_link = issuer.patient_claim == PatientClaim::kLink;
    if (by_link) parsed->claims.Remove("patient");
    auto principal = PrincipalOf(parsed->claims);
    if (!principal) return denied(principal.error());
    principal->by_link = by_link;
    if (!issuer.clinics_claim.empty()) {
        auto clinics = ClinicsClaimed(*principal, parsed->claims, issuer.clinics_claim);
        if (!clinics) return denied(clinics.error());
        principal->clinics = std::move(*clinics);
    }
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
