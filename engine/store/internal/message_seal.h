#pragma once
// The sealed columns of journal, outcome and outbound: zstd, then AES-256-GCM bound to tenant,
// table and number.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crypto/keys.h"
#include "store/types.h"
#include "store/writer.h"

namespace carestream::store {

// What outcome.detail holds.
struct OutcomeDetail {
    std::string loss_report;  // JSON
    std::vector<ChangedResource> resources;
};

// journal.raw.
[[nodiscard]] std::string SealRaw(const crypto::KeyRing& keys, Tenant tenant, std::int64_t seq,
                                  Micros received, std::string_view raw);
[[nodiscard]] Result<std::string> OpenRaw(const crypto::KeyRing& keys, Tenant tenant,
                                          std::int64_t seq, std::string_view sealed);
// outcome.ack.
[[nodiscard]] std::string SealAck(const crypto::KeyRing& keys, Tenant tenant, std::int64_t seq,
                                  Micros received, std::string_view ack);
[[nodiscard]] Result<std::string> OpenAck(const crypto::KeyRing& keys, Tenant tenant,
                                          std::int64_t seq, std::string_view sealed);
// identity_conflict.note; `resolved`: when it was written.
[[nodiscard]] std::string SealNote(const crypto::KeyRing& keys, Tenant tenant, std::int64_t id,
                                   Micros resolved, std::string_view note);
[[nodiscard]] Result<std::string> OpenNote(const crypto::KeyRing& keys, Tenant tenant,
                                           std::int64_t id, std::string_view sealed);
// outcome.detail.
[[nodiscard]] std::string SealDetail(const crypto::KeyRing& keys, Tenant tenant, std::int64_t seq,
                                     Micros received, std::string_view loss_report,
                                     const std::vector<ChangedResource>& resources);
[[nodiscard]] Result<OutcomeDetail> OpenDetail(const crypto::KeyRing& keys, Tenant tenant,
                                               std::int64_t seq, std::string_view sealed);

// outbound.message: MSH-10 and the bytes.
struct OutboundText {
    std::string control_id;
    std::string bytes;
};
[[nodiscard]] std::string SealOutbound(const crypto::KeyRing& keys, Tenant tenant,
                                       std::int64_t number, Micros created,
                                       std::string_view control_id, std::string_view bytes);
[[nodiscard]] Result<OutboundText> OpenOutbound(const crypto::KeyRing& keys, Tenant tenant,
                                                std::int64_t number, std::string_view sealed);
// outbound.ack; `at`: when it was written.
[[nodiscard]] std::string SealOutboundAck(const crypto::KeyRing& keys, Tenant tenant,
                                          std::int64_t number, Micros at, std::string_view ack);
[[nodiscard]] Result<std::string> OpenOutboundAck(const crypto::KeyRing& keys, Tenant tenant,
                                                  std::int64_t number, std::string_view sealed);

}  // namespace carestream::store
