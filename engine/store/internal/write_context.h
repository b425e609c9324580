#pragma once
// What one writer thread has at hand for all its batches. Confined to that thread.
#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "search/main_date.h"
#include "store/internal/body_codec.h"
#include "store/internal/tokens.h"
#include "store/internal/working_set.h"
#include "store/internal/writer_impl.h"

namespace carestream::store {

class WriteContext {
public:
    WriteContext(const ResourceParts& parts, std::shared_ptr<const BodyCodec> codec)
        : parts_(parts), codec_(std::move(codec)) {}

    [[nodiscard]] const fhir::Definitions& definitions() const { return *parts_.definitions; }
    [[nodiscard]] const search::Indexer& indexer() const { return *parts_.indexer; }
    [[nodiscard]] const BodyCodec& codec() const { return *codec_; }
    [[nodiscard]] const crypto::KeyRing& keys() const { return parts_.keys; }
    [[nodiscard]] const StoreEvents& events() const { return parts_.events; }
    [[nodiscard]] const ResourceParts& parts() const { return parts_; }
    [[nodiscard]] const std::shared_ptr<const BodyCodec>& shared_codec() const { return codec_; }
    [[nodiscard]] Micros Now() const { return parts_.clock.Now(); }

    [[nodiscard]] const crypto::TokenKey& TokenKeyOf(Tenant tenant) {
        const auto found = token_keys_.find(tenant);
        if (found != token_keys_.end()) return found->second;
        return token_keys_.emplace(tenant, parts_.keys.token_key(TenantLabel(tenant)))
            .first->second;
    }

    // 0 = R4 has no such type.
    [[nodiscard]] std::int16_t TypeNumber(std::string_view type) const {
        return static_cast<std::int16_t>(parts_.definitions->ResourceTypeNumber(type));
    }

    // Parameter of the type's main date, 0 = none.
    [[nodiscard]] std::uint32_t MainDateOf(std::string_view type) {
        const auto found = main_dates_.find(type);
        if (found != main_dates_.end()) return found->second;
        const std::uint32_t id = search::MainDateId(*parts_.definitions, type);
        main_dates_.emplace(type, id);
        return id;
    }

    [[nodiscard]] IdentityName NameOf(Tenant tenant, std::string_view type,
                                      const fhir::IdentityKey& key) {
        std::string space;
        space.reserve(type.size() + key.system.size() + 1);
        space.append(type).append("\n").append(key.system);
        return {tenant, TypeNumber(type), TokenKeyOf(tenant).Token128(space, key.value)};
    }

    // Numbers of resources to come, in blocks of the sequence's increment.
    void AddPkBlock(std::int64_t first, std::int64_t count) {
        pk_blocks_.emplace_back(first, first + count);
        pks_left_ += static_cast<std::size_t>(count);
    }
    [[nodiscard]] std::size_t pks_left() const { return pks_left_; }
    [[nodiscard]] std::int64_t NewPk() {
        CARESTREAM_ASSERT(pks_left_ > 0);
        --pks_left_;
        auto& [next, end] = pk_blocks_.front();
        const std::int64_t pk = next++;
        if (next == end) pk_blocks_.pop_front();
        return pk;
    }

private:
    const ResourceParts& parts_;
    std::shared_ptr<const BodyCodec> codec_;
    std::map<Tenant, crypto::TokenKey> token_keys_;
    std::map<std::string, std::uint32_t, std::less<>> main_dates_;
    std::deque<std::pair<std::int64_t, std::int64_t>> pk_blocks_;
    std::size_t pks_left_ = 0;
};

// Rows that a batch asks for before it locks anything.
struct Wanted {
    struct Id {
        Tenant tenant = 1;
        std::int16_t type = 0;
        std::string id;
        auto operator<=>(const Id&) const = default;
    };
    std::vector<IdentityName> identities;
    std::vector<Id> ids;
    std::size_t resources_max = 0;  // new resources at most
};

}  // namespace carestream::store
