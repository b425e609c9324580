#include "crypto/internal/key_files.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <string>

#include "base/assert.h"
#include "base/text.h"

namespace carestream::crypto {
namespace {

namespace fs = std::filesystem;

struct Descriptor {
    int number = -1;
    ~Descriptor() {
        if (number >= 0) close(number);
    }
};

tl::unexpected<Error> System(std::string what, const fs::path& path) {
    return Fail(Code::kInvalid, std::move(what) + ": " + std::strerror(errno), path.string());
}

Result<void> SyncFolder(const fs::path& folder) {
    const Descriptor opened{open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (opened.number < 0 || fsync(opened.number) != 0) return System("cannot sync", folder);
    return {};
}

Result<void> WriteKey(const fs::path& path, KeyBytes& key) {
    CARESTREAM_ASSERT(RAND_priv_bytes(key.data(), static_cast<int>(key.size())) == 1);
    const fs::path draft = path.string() + ".new";
    unlink(draft.c_str());
    const Descriptor file{open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
    if (file.number < 0) return System("cannot make a key file", draft);
    const ssize_t written = write(file.number, key.data(), key.size());
    if (written != static_cast<ssize_t>(key.size()) || fsync(file.number) != 0) {
        return System("cannot write a key file", draft);
    }
    if (rename(draft.c_str(), path.c_str()) != 0) return System("cannot name a key file", path);
    return SyncFolder(path.parent_path());
}

Result<void> CheckPrivate(const fs::path& path, const char* mode) {
    struct stat state {};
    if (stat(path.c_str(), &state) != 0) return System("cannot read", path);
    if ((state.st_mode & 077) != 0) {
        return Fail(
            Code::kInvalid,
            std::string("others can read the keys; run: chmod ") + mode + " " + path.string(),
            path.string());
    }
    if (state.st_uid != geteuid() && geteuid() != 0) {
        return Fail(Code::kInvalid, "the keys belong to another account than the daemon's",
                    path.string());
    }
    return {};
}

Result<void> ReadKey(const fs::path& path, KeyBytes& key) {
    CARESTREAM_TRY(CheckPrivate(path, "600"));
    const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (file.number < 0) return System("cannot read a key file", path);
    std::array<unsigned char, 33> bytes{};
    const ssize_t count = read(file.number, bytes.data(), bytes.size());
    std::memcpy(key.data(), bytes.data(), key.size());
    OPENSSL_cleanse(bytes.data(), bytes.size());
    if (count == static_cast<ssize_t>(key.size())) return {};
    return Fail(Code::kInvalid, "a key file holds exactly 32 bytes; restore it from its copy",
                path.string());
}

// "root-7.key" -> 7; 0 for every other name.
std::uint16_t RootId(const std::string& name) {
    if (!name.starts_with("root-") || !name.ends_with(".key")) return 0;
    const std::string digits = name.substr(5, name.size() - 9);
    std::uint16_t id = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
    return error == std::errc() && end == digits.data() + digits.size() ? id : std::uint16_t{0};
}

fs::path RootPath(const fs::path& folder, std::uint16_t id) {
    return folder / ("root-" + std::to_string(id) + ".key");
}

}  // namespace

KeyFiles::~KeyFiles() {
    for (auto& [id_number, key] : roots) OPENSSL_cleanse(key.data(), key.size());
    OPENSSL_cleanse(index.data(), index.size());
    OPENSSL_cleanse(id.data(), id.size());
}

Result<void> CreateKeyFiles(const fs::path& folder, KeyFiles& keys) {
    std::error_code error;
    if (fs::exists(folder, error) && !fs::is_empty(folder, error)) {
        return Fail(Code::kConflict, "keys exist here; new ones would make the store unreadable",
                    folder.string());
    }
    // The folder appears with all its keys or not at all.
    const fs::path draft = folder.string() + ".new";
    fs::remove_all(draft, error);
    fs::create_directories(draft.parent_path(), error);
    if (mkdir(draft.c_str(), 0700) != 0) return System("cannot make the key folder", draft);
    CARESTREAM_TRY(WriteKey(RootPath(draft, 1), keys.roots[1]));
    CARESTREAM_TRY(WriteKey(draft / "index.key", keys.index));
    CARESTREAM_TRY(WriteKey(draft / "id.key", keys.id));
    if (rename(draft.c_str(), folder.c_str()) != 0) return System("cannot name the keys", folder);
    return SyncFolder(draft.parent_path());
}

Result<void> LoadKeyFiles(const fs::path& folder, KeyFiles& keys) {
    CARESTREAM_TRY(CheckPrivate(folder, "700"));
    CARESTREAM_TRY(ReadKey(folder / "index.key", keys.index));
    CARESTREAM_TRY(ReadKey(folder / "id.key", keys.id));
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
        const std::uint16_t id = RootId(entry.path().filename().string());
        if (id != 0) CARESTREAM_TRY(ReadKey(entry.path(), keys.roots[id]));
    }
    if (!error && !keys.roots.empty()) return {};
    return Fail(Code::kInvalid, "no root-<id>.key here; restore the key folder from its copy",
                folder.string());
}

Result<void> AddRootKey(const fs::path& folder, KeyFiles& keys) {
    const std::uint16_t newest = keys.roots.rbegin()->first;
    if (newest == UINT16_MAX) return Fail(Code::kLimit, "no key id is left", folder.string());
    const auto id = static_cast<std::uint16_t>(newest + 1);
    KeyBytes key;
    CARESTREAM_TRY(WriteKey(RootPath(folder, id), key));
    keys.roots[id] = key;
    OPENSSL_cleanse(key.data(), key.size());
    return {};
}

}  // namespace carestream::crypto
