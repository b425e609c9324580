#include "crypto/keys.h"

#include <endian.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "base/assert.h"
#include "base/text.h"
#include "crypto/internal/aead.h"
#include "crypto/internal/key_files.h"

namespace carestream::crypto {
namespace {

constexpr char kFormat = 1;
constexpr std::size_t kHeaderBytes = 7;  // format, key id, day
constexpr Micros kDay = 86'400'000'000;
// Derived keys kept: days x tables x tenants in use at a time are far fewer.
constexpr std::size_t kDerivedMax = 4096;

template <typename Bytes>
std::string_view View(const Bytes& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string FormatUuid(std::string_view bytes) {
    std::string text = ToHex(bytes.substr(0, 16));
    for (const std::size_t at : {20, 16, 12, 8}) text.insert(at, 1, '-');
    return text;
}

// RFC 9562 4.1 and 4.2: version in the high half of byte 6, variant in the two top bits of byte 8.
void MarkUuid(char* bytes, int version) {
    bytes[6] = static_cast<char>((bytes[6] & 0x0f) | (version << 4));
    bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
}

std::int32_t DayOf(Micros time) {
    return static_cast<std::int32_t>(time >= 0 ? time / kDay : -((kDay - 1 - time) / kDay));
}

void PutHeader(std::string& out, std::uint16_t key_id, std::int32_t day) {
    out += kFormat;
    out += static_cast<char>(key_id >> 8);
    out += static_cast<char>(key_id & 0xff);
    for (const int shift : {24, 16, 8, 0}) {
        out += static_cast<char>((static_cast<std::uint32_t>(day) >> shift) & 0xff);
    }
}

std::uint32_t Number(std::string_view bytes) {
    std::uint32_t value = 0;
    for (const char byte : bytes) value = (value << 8) | static_cast<unsigned char>(byte);
    return value;
}

}  // namespace

std::string RandomBytes(std::size_t count) {
    std::string bytes(count, '\0');
    CARESTREAM_ASSERT(
        RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) == 1);
    return bytes;
}

std::string RandomUuid() {
    std::string bytes = RandomBytes(16);
    MarkUuid(bytes.data(), 4);
    return FormatUuid(bytes);
}

IdKey::IdKey(const Key& key) : key_(View(key)) {}

IdKey IdKey::Public() {
    static constexpr std::string_view kText = "CareStream public id key, v1\0\0\0\0";
    Key key{};
    std::memcpy(key.data(), kText.data(), std::min(kText.size(), key.size()));
    return IdKey(key);
}

bool IdKey::IsPublic() const {
    return key_ == Public().key_;
}

std::string IdKey::ProvisionalId(std::string_view tenant, std::string_view type,
                                 std::string_view system, std::string_view value) const {
    Digest digest = HmacMessage(key_).Part(tenant).Part(type).Part(system).Part(value).Finish();
    MarkUuid(reinterpret_cast<char*>(digest.data()), 8);
    return FormatUuid(View(digest));
}

TokenKey::TokenKey(const Key& key) : key_(View(key)) {}

std::int64_t TokenKey::Token64(std::string_view space, std::string_view form,
                               std::string_view value) const {
    const Digest digest = HmacMessage(key_).Raw("T").Part(space).Part(form).Part(value).Finish();
    std::uint64_t token;
    std::memcpy(&token, digest.data(), sizeof token);
    return static_cast<std::int64_t>(le64toh(token));
}

std::array<unsigned char, 16> TokenKey::Token128(std::string_view space,
                                                 std::string_view value) const {
    const Digest digest = HmacMessage(key_).Raw("I").Part(space).Part(value).Finish();
    std::array<unsigned char, 16> token;
    std::memcpy(token.data(), digest.data(), token.size());
    return token;
}

namespace {

// One draw from OpenSSL's generator costs more than sealing a body, however short it is: a thread
// draws for many nonces at once. A process that forks without exec must not seal in the child.
std::string_view NextNonce() {
    constexpr std::size_t kPool = 128 * kNonceBytes;
    static thread_local std::array<unsigned char, kPool> pool;
    static thread_local std::size_t used = kPool;
    if (used == kPool) {
        CARESTREAM_ASSERT(RAND_bytes(pool.data(), static_cast<int>(kPool)) == 1);
        used = 0;
    }
    used += kNonceBytes;
    return View(pool).substr(used - kNonceBytes, kNonceBytes);
}

// What a data key is derived for. The view is for look-ups without an allocation.
struct ScopeView {
    std::uint16_t key_id;
    std::int32_t day;
    std::string_view tenant;
    std::string_view table;
    bool operator==(const ScopeView&) const = default;
};
struct Scope {
    std::uint16_t key_id;
    std::int32_t day;
    std::string tenant;
    std::string table;
    [[nodiscard]] ScopeView view() const { return {key_id, day, tenant, table}; }
};
struct ScopeHash {
    using is_transparent = void;
    std::size_t operator()(const ScopeView& scope) const {
        return std::hash<std::string_view>()(scope.table) * 31 +
               std::hash<std::string_view>()(scope.tenant) * 7 +
               static_cast<std::size_t>(scope.day) * 2'654'435'761u + scope.key_id;
    }
    std::size_t operator()(const Scope& scope) const { return (*this)(scope.view()); }
};
struct ScopeEqual {
    using is_transparent = void;
    bool operator()(const Scope& a, const Scope& b) const { return a.view() == b.view(); }
    bool operator()(const ScopeView& a, const Scope& b) const { return a == b.view(); }
    bool operator()(const Scope& a, const ScopeView& b) const { return a.view() == b; }
};

}  // namespace

struct KeyRing::Keys {
    Keys() { (void)mlock(this, sizeof *this); }  // best effort: the limit may be 0
    ~Keys() {
        for (auto& [scope, key] : derived) OPENSSL_cleanse(key.data(), key.size());
        (void)munlock(this, sizeof *this);
    }
    Keys(const Keys&) = delete;
    Keys& operator=(const Keys&) = delete;

    // False when the root key is unknown.
    bool Derive(const ScopeView& scope, Key& key) {
        {
            const std::shared_lock lock(mutex);
            const auto found = derived.find(scope);
            if (found != derived.end()) {
                key = found->second;
                return true;
            }
        }
        const std::unique_lock lock(mutex);
        const auto root = files.roots.find(scope.key_id);
        if (root == files.roots.end()) return false;
        std::string info = "carestream data\n" + std::string(scope.tenant) + "\n" +
                           std::string(scope.table) + "\n" + std::to_string(scope.day);
        key = Hkdf("carestream", View(root->second), info);
        if (derived.size() >= kDerivedMax) derived.clear();
        derived.emplace(
            Scope{scope.key_id, scope.day, std::string(scope.tenant), std::string(scope.table)},
            key);
        return true;
    }

    std::filesystem::path folder;
    mutable std::shared_mutex mutex;
    KeyFiles files;                                                 // guarded by mutex
    std::unordered_map<Scope, Key, ScopeHash, ScopeEqual> derived;  // guarded by mutex
};

KeyRing::KeyRing(std::unique_ptr<Keys> keys) : keys_(std::move(keys)) {}
KeyRing::KeyRing(KeyRing&&) noexcept = default;
KeyRing& KeyRing::operator=(KeyRing&&) noexcept = default;
KeyRing::~KeyRing() = default;

Result<KeyRing> KeyRing::Create(const std::filesystem::path& folder) {
    auto keys = std::make_unique<Keys>();
    keys->folder = folder;
    CARESTREAM_TRY(CreateKeyFiles(folder, keys->files));
    return KeyRing(std::move(keys));
}

Result<KeyRing> KeyRing::Load(const std::filesystem::path& folder) {
    auto keys = std::make_unique<Keys>();
    keys->folder = folder;
    CARESTREAM_TRY(LoadKeyFiles(folder, keys->files));
    return KeyRing(std::move(keys));
}

Result<void> KeyRing::Rotate() {
    const std::unique_lock lock(keys_->mutex);
    return AddRootKey(keys_->folder, keys_->files);
}

IdKey KeyRing::id_key(std::string_view tenant) const {
    return IdKey(
        Hkdf("carestream", View(keys_->files.id), "carestream id\n" + std::string(tenant)));
}

TokenKey KeyRing::token_key(std::string_view tenant) const {
    return TokenKey(
        Hkdf("carestream", View(keys_->files.index), "carestream token\n" + std::string(tenant)));
}

std::string KeyRing::Seal(std::string_view tenant, std::string_view table, Micros time,
                          std::string_view associated, std::string_view plain) const {
    std::uint16_t newest = 0;
    {
        const std::shared_lock lock(keys_->mutex);
        newest = keys_->files.roots.rbegin()->first;
    }
    const std::int32_t day = DayOf(time);
    Key key;
    CARESTREAM_ASSERT(keys_->Derive({newest, day, tenant, table}, key));
    std::string out;
    out.reserve(kHeaderBytes + kNonceBytes + plain.size() + kTagBytes);
    PutHeader(out, newest, day);
    out += NextNonce();
    // Views into `out` would move when it grows: it does not, the room is reserved above.
    const std::string_view written(out);
    AeadSeal(key, written.substr(kHeaderBytes), written.substr(0, kHeaderBytes), associated, plain,
             out);
    OPENSSL_cleanse(key.data(), key.size());
    return out;
}

Result<std::string> KeyRing::Open(std::string_view tenant, std::string_view table,
                                  std::string_view associated, std::string_view sealed) const {
    if (sealed.size() < kHeaderBytes + kNonceBytes + kTagBytes || sealed[0] != kFormat) {
        return Fail(Code::kInvalid, "not a sealed value of this store", std::string(table));
    }
    const auto key_id = static_cast<std::uint16_t>(Number(sealed.substr(1, 2)));
    const auto day = static_cast<std::int32_t>(Number(sealed.substr(3, 4)));
    Key key;
    if (!keys_->Derive({key_id, day, tenant, table}, key)) {
        return Fail(Code::kInvalid,
                    "sealed with root-" + std::to_string(key_id) +
                        ".key, which is not in the key folder; restore it from its copy",
                    std::string(table));
    }
    std::string plain;
    const bool opened =
        AeadOpen(key, sealed.substr(kHeaderBytes, kNonceBytes), sealed.substr(0, kHeaderBytes),
                 associated, sealed.substr(kHeaderBytes + kNonceBytes), plain);
    OPENSSL_cleanse(key.data(), key.size());
    if (!opened) {
        return Fail(Code::kInvalid, "a sealed value does not belong here, or was changed",
                    std::string(table));
    }
    return plain;
}

std::string KeyRing::CheckValue() const {
    const std::shared_lock lock(keys_->mutex);
    const auto line = [](const std::string& name, const Key& key) {
        const Digest digest = HmacKey(View(key)).Sign("carestream key check\n" + name);
        return name + "=" + ToHex(View(digest).substr(0, 8)) + "\n";
    };
    std::string text = line("id", keys_->files.id) + line("index", keys_->files.index);
    for (const auto& [id, key] : keys_->files.roots) {
        text += line("root-" + std::to_string(id), key);
    }
    return text;
}

std::string KeyRing::Manifest() const {
    const std::shared_lock lock(keys_->mutex);
    std::string text = "id.key\nindex.key\n";
    for (const auto& [id, key] : keys_->files.roots) {
        text += "root-" + std::to_string(id) + ".key\n";
    }
    return text;
}

}  // namespace carestream::crypto
