#include "store/internal/access_seal.h"

#include <charconv>

#include "store/internal/parts.h"
#include "store/internal/tokens.h"

namespace carestream::store {
namespace {

constexpr std::string_view kTable = "access";

template <typename Number>
bool TakeNumber(std::string_view& in, Number& number) {
    std::string text;
    if (!TakePart(in, text)) return false;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size();
}

bool TakePatients(std::string_view& in, AccessRow& row) {
    std::size_t numbers = 0;
    if (!TakeNumber(in, numbers)) return false;
    for (std::size_t i = 0; i < numbers; ++i) {
        if (!TakeNumber(in, row.patients.emplace_back())) return false;
    }
    while (!in.empty()) {
        if (!TakePart(in, row.patient_ids.emplace_back())) return false;
    }
    return true;
}

}  // namespace

std::string SealAccess(const crypto::KeyRing& keys, std::int64_t number, const AccessRow& row) {
    std::string plain;
    for (const std::string* text :
         {&row.issuer, &row.subject, &row.client, &row.claimed_patient, &row.address,
          &row.interaction, &row.operation, &row.type, &row.id}) {
        PutPart(plain, *text);
    }
    PutPart(plain, row.open ? "1" : "0");
    PutPart(plain, std::to_string(row.status));
    PutPart(plain, std::to_string(row.returned));
    PutPart(plain, std::to_string(row.patients.size()));
    for (const std::int64_t patient : row.patients) PutPart(plain, std::to_string(patient));
    for (const std::string& id : row.patient_ids) PutPart(plain, id);
    return keys.Seal(TenantLabel(row.tenant), kTable, row.at, std::to_string(number), plain);
}

Result<AccessRow> OpenAccess(const crypto::KeyRing& keys, Tenant tenant, std::int64_t number,
                             std::string_view sealed) {
    CARESTREAM_ASSIGN(plain,
                      keys.Open(TenantLabel(tenant), kTable, std::to_string(number), sealed));
    AccessRow row;
    row.tenant = tenant;
    std::string_view rest = plain;
    bool whole = true;
    for (std::string* text : {&row.issuer, &row.subject, &row.client, &row.claimed_patient,
                              &row.address, &row.interaction, &row.operation, &row.type, &row.id}) {
        whole = whole && TakePart(rest, *text);
    }
    int open = 0;
    whole = whole && TakeNumber(rest, open) && TakeNumber(rest, row.status) &&
            TakeNumber(rest, row.returned) && TakePatients(rest, row);
    if (!whole) return Fail(Code::kInvalid, "a row of the audit is cut off");
    row.open = open != 0;
    return row;
}

std::int64_t ActorToken(const crypto::TokenKey& key, std::string_view issuer,
                        std::string_view subject) {
    std::string value;
    PutPart(value, issuer);
    PutPart(value, subject);
    return key.Token64("access", "actor", value);
}

std::int64_t PatientToken(const crypto::TokenKey& key, std::int64_t patient) {
    return key.Token64("access", "patient", std::to_string(patient));
}

std::int64_t PatientIdToken(const crypto::TokenKey& key, std::string_view id) {
    return key.Token64("access", "patient.id", id);
}

}  // namespace carestream::store
