#pragma once
// Which log-in acts for which patient: links, and the one-time codes that make them. All calls
// return at once; callbacks run on a thread of its own, or on the caller's where that is said.
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/types.h"

namespace carestream::store {

enum class LinkKind : std::int16_t {
    kSelf = 1,   // the log-in is the patient's own
    kCarer = 2,  // of a person who cares for the patient: RelatedPerson, within scopes
};

// Who logs in, as a token says it.
struct Login {
    std::string issuer;
    std::string subject;
};

struct LoginLink {
    std::int64_t number = 0;
    Login login;
    std::string patient;  // id
    LinkKind kind = LinkKind::kSelf;
    std::string scopes;          // kCarer: what he may use at most, as SMART patient/ scopes
    std::string related_person;  // kCarer: id of the RelatedPerson
    Micros made = 0;
    Micros until = 0;    // 0 = no end
    Micros revoked = 0;  // 0 = in force
    std::string made_by;
};

constexpr Micros kCodeLifetime = 24LL * 3600 * 1'000'000;
constexpr Micros kCodeLifetimeMax = 30 * kCodeLifetime;
constexpr int kOpenCodesMax = 10;  // of one patient
constexpr int kAttemptsMax = 5;    // wrong codes of one log-in within an hour
constexpr int kLinkCacheMs = 2'000;

struct NewLinkCode {
    Tenant tenant = 1;
    std::string patient;  // id
    LinkKind kind = LinkKind::kSelf;
    std::string scopes;
    std::string related_person;
    Micros link_until = 0;  // of the link; 0 = no end
    Micros lifetime = kCodeLifetime;
    std::string made_by;
};

struct Revocation {
    Tenant tenant = 1;
    std::vector<std::string>
        patients;             // ids: one patient and those who are linked to him by merges
    std::int64_t number = 0;  // this link alone; 0 = all of them, and all open codes
};

class LoginLinks {
public:
    virtual ~LoginLinks() = default;
    // The links in force. May be kLinkCacheMs old, but never older than a redemption or a
    // revocation of this process. What is remembered is answered on the caller's thread.
    virtual void Find(Tenant tenant, Login login, Callback<std::vector<LoginLink>> done) = 0;
    // A code of 10 characters, written "ABCDE-FGHJK"; told once and never again. Error: kLimit
    // (kOpenCodesMax).
    virtual void MakeCode(NewLinkCode code, Callback<std::string> done) = 0;
    // Makes the link of the code. Errors: kNotFound (unknown, used, voided or expired, which are
    // one answer), kLimit (kAttemptsMax wrong ones), kConflict (the log-in is itself another
    // patient; the code stays good).
    virtual void Redeem(Tenant tenant, Login login, std::string code, Callback<LoginLink> done) = 0;
    // How many links ended. In force when `done` is called.
    virtual void Revoke(Revocation revocation, Callback<std::int64_t> done) = 0;
    // All links of these patients, revoked and ended ones too, newest first, at most 1000.
    virtual void List(Tenant tenant, std::vector<std::string> patients,
                      Callback<std::vector<LoginLink>> done) = 0;
    // What waits, and what is asked from now on, is answered kUnavailable. Returns when nothing
    // runs any more. Idempotent.
    virtual void Stop() = 0;
};

}  // namespace carestream::store
