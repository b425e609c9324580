#pragma once
// A body at rest: minified JSON -> zstd, with the dictionary of its type when there is one ->
// sealed, bound to tenant, type, id and version. The zstd frame names its dictionary.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/keys.h"
#include "store/types.h"

namespace carestream::store {

// Whose body or stamps it is.
struct BodyName {
    Tenant tenant = 1;
    std::string_view type;
    std::string_view id;
    std::int32_t version = 0;
};

// Immutable; thread-safe. Dictionaries are files "<number>-<Type>.zdict"; "<number>-any.zdict"
// serves the types without one. Numbers are on disk in every frame: never reuse one, never delete a
// file.
class BodyCodec {
public:
    // Errors: kInvalid (a file that is no dictionary, two of one number or type). An absent folder
    // means no dictionaries.
    [[nodiscard]] static Result<std::shared_ptr<const BodyCodec>> Create(
        const crypto::KeyRing& keys, const std::filesystem::path& dictionaries);
    virtual ~BodyCodec() = default;

    [[nodiscard]] virtual std::string SealBody(const BodyName& name, Micros updated,
                                               std::string_view json) const = 0;
    // Error: kInvalid (moved or changed bytes, missing key or dictionary).
    [[nodiscard]] virtual Result<std::string> OpenBody(const BodyName& name,
                                                       std::string_view sealed) const = 0;
    // Element stamps; `version` is not bound, for stamps may change without a new version.
    [[nodiscard]] virtual std::string SealStamps(const BodyName& name, Micros updated,
                                                 std::string_view stamps) const = 0;
    [[nodiscard]] virtual Result<std::string> OpenStamps(const BodyName& name,
                                                         std::string_view sealed) const = 0;
};

}  // namespace carestream::store
