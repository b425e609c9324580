#include "store/internal/message_seal.h"

#include <zstd.h>

#include <memory>

#include "base/assert.h"
#include "store/internal/parts.h"
#include "store/internal/tokens.h"

namespace carestream::store {
namespace {

// Faster than level 1 by half, for a tenth more bytes: the journal is on the way to the ACK.
constexpr int kLevel = -1;
// A frame may be configured up to this; what claims to be larger was not written here.
constexpr unsigned long long kPlainMax = 1ull << 30;

struct FreeZstd {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

std::string Compress(std::string_view plain) {
    static thread_local const std::unique_ptr<ZSTD_CCtx, FreeZstd> context(ZSTD_createCCtx());
    std::string packed(ZSTD_compressBound(plain.size()), '\0');
    const std::size_t size = ZSTD_compressCCtx(context.get(), packed.data(), packed.size(),
                                               plain.data(), plain.size(), kLevel);
    CARESTREAM_ASSERT(ZSTD_isError(size) == 0);
    packed.resize(size);
    return packed;
}

Result<std::string> Decompress(std::string_view packed) {
    static thread_local const std::unique_ptr<ZSTD_DCtx, FreeZstd> context(ZSTD_createDCtx());
    const unsigned long long size = ZSTD_getFrameContentSize(packed.data(), packed.size());
    if (size > kPlainMax) return Fail(Code::kInvalid, "a sealed message is not in zstd's format");
    std::string plain(static_cast<std::size_t>(size), '\0');
    const std::size_t got = ZSTD_decompressDCtx(context.get(), plain.data(), plain.size(),
                                                packed.data(), packed.size());
    if (ZSTD_isError(got) != 0 || got != plain.size()) {
        return Fail(Code::kInvalid, "a sealed message is not in zstd's format");
    }
    return plain;
}

std::string SealAs(const crypto::KeyRing& keys, Tenant tenant, std::string_view table,
                   std::int64_t seq, Micros received, std::string_view plain) {
    return keys.Seal(TenantLabel(tenant), table, received, std::to_string(seq), Compress(plain));
}

Result<std::string> OpenAs(const crypto::KeyRing& keys, Tenant tenant, std::string_view table,
                           std::int64_t seq, std::string_view sealed) {
    CARESTREAM_ASSIGN(packed, keys.Open(TenantLabel(tenant), table, std::to_string(seq), sealed));
    return Decompress(packed);
}

}  // namespace

std::string SealRaw(const crypto::KeyRing& keys, Tenant tenant, std::int64_t seq, Micros received,
                    std::string_view raw) {
    return SealAs(keys, tenant, "journal", seq, received, raw);
}

Result<std::string> OpenRaw(const crypto::KeyRing& keys, Tenant tenant, std::int64_t seq,
                            std::string_view sealed) {
    return OpenAs(keys, tenant, "journal", seq, sealed);
}

std::string SealAck(const crypto::KeyRing& keys, Tenant tenant, std::int64_t seq, Micros received,
                    std::string_view ack) {
    return SealAs(keys, tenant, "outcome.ack", seq, received, ack);
}

Result<std::string> OpenAck(const crypto::KeyRing& keys, Tenant tenant, std::int64_t seq,
                            std::string_view sealed) {
    return OpenAs(keys, tenant, "outcome.ack", seq, sealed);
}

std::string SealNote(const crypto::KeyRing& keys, Tenant tenant, std::int64_t id, Micros resolved,
                     std::string_view note) {
    return SealAs(keys, tenant, "identity_conflict.note", id, resolved, note);
}

Result<std::string> OpenNote(const crypto::KeyRing& keys, Tenant tenant, std::int64_t id,
                             std::string_view sealed) {
    return OpenAs(keys, tenant, "identity_conflict.note", id, sealed);
}

std::string SealDetail(const crypto::KeyRing& keys, Tenant tenant, std::int64_t seq,
                       Micros received, std::string_view loss_report,
                       const std::vector<ChangedResource>& resources) {
    std::string plain;
    PutPart(plain, loss_report);
    for (const ChangedResource& resource : resources) {
        PutPart(plain, resource.type);
        PutPart(plain, resource.id);
        PutPart(plain, std::to_string(resource.version));
        PutPart(plain, resource.created ? "1" : "");
    }
    return SealAs(keys, tenant, "outcome.detail", seq, received, plain);
}

Result<OutcomeDetail> OpenDetail(const crypto::KeyRing& keys, Tenant tenant, std::int64_t seq,
                                 std::string_view sealed) {
    CARESTREAM_ASSIGN(plain, OpenAs(keys, tenant, "outcome.detail", seq, sealed));
    OutcomeDetail detail;
    std::string_view rest = plain;
    bool whole = TakePart(rest, detail.loss_report);
    while (whole && !rest.empty()) {
        ChangedResource resource;
        std::string version;
        std::string created;
        whole = TakePart(rest, resource.type) && TakePart(rest, resource.id) &&
                TakePart(rest, version) && TakePart(rest, created);
        if (!whole) break;
        resource.version = static_cast<std::int32_t>(std::strtol(version.c_str(), nullptr, 10));
        resource.created = !created.empty();
        detail.resources.push_back(std::move(resource));
    }
    if (!whole) return Fail(Code::kInvalid, "the detail of an outcome is cut off");
    return detail;
}

std::string SealOutbound(const crypto::KeyRing& keys, Tenant tenant, std::int64_t number,
                         Micros created, std::string_view control_id, std::string_view bytes) {
    std::string plain;
    PutPart(plain, control_id);
    PutPart(plain, bytes);
    return SealAs(keys, tenant, "outbound.message", number, created, plain);
}

Result<OutboundText> OpenOutbound(const crypto::KeyRing& keys, Tenant tenant, std::int64_t number,
                                  std::string_view sealed) {
    CARESTREAM_ASSIGN(plain, OpenAs(keys, tenant, "outbound.message", number, sealed));
    OutboundText text;
    std::string_view rest = plain;
    if (!TakePart(rest, text.control_id) || !TakePart(rest, text.bytes)) {
        return Fail(Code::kInvalid, "a message on its way out is cut off");
    }
    return text;
}

std::string SealOutboundAck(const crypto::KeyRing& keys, Tenant tenant, std::int64_t number,
                            Micros at, std::string_view ack) {
    return SealAs(keys, tenant, "outbound.ack", number, at, ack);
}

Result<std::string> OpenOutboundAck(const crypto::KeyRing& keys, Tenant tenant, std::int64_t number,
                                    std::string_view sealed) {
    return OpenAs(keys, tenant, "outbound.ack", number, sealed);
}

}  // namespace carestream::store
