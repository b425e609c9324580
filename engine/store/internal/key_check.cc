#include "store/internal/key_check.h"

#include <map>
#include <string>
#include <string_view>

#include "base/text.h"

namespace carestream::store {
namespace {

namespace fs = std::filesystem;

// "root-1=0123...\n" lines.
std::map<std::string, std::string> ReadLines(std::string_view text) {
    std::map<std::string, std::string> lines;
    for (const std::string_view line : Split(text, '\n')) {
        const std::size_t equals = line.find('=');
        if (equals == std::string_view::npos) continue;
        lines.emplace(line.substr(0, equals), line.substr(equals + 1));
    }
    return lines;
}

Result<void> Compare(const std::string& stored, const std::string& loaded, const fs::path& folder) {
    const auto have = ReadLines(loaded);
    for (const auto& [name, value] : ReadLines(stored)) {
        const auto found = have.find(name);
        if (found != have.end() && found->second == value) continue;
        const std::string what = found == have.end() ? "is missing" : "is another key";
        return Fail(
            Code::kInvalid,
            name + ".key " + what +
                " than this database was written with; restore the key folder from its copy",
            folder.string());
    }
    return {};
}

}  // namespace

Result<crypto::KeyRing> OpenKeys(pg::Connection& connection, const fs::path& folder) {
    CARESTREAM_ASSIGN(rows,
                      connection.Query("select value from store_value where name = 'key_check'"));
    const std::string stored = rows.empty() ? std::string() : std::string(rows.Bytes(0, 0));
    std::error_code error;
    const bool have_keys = fs::exists(folder, error) && !fs::is_empty(folder, error);
    if (!have_keys && !stored.empty()) {
        return Fail(Code::kInvalid,
                    "the database was written with keys that are not here; restore the key folder "
                    "from its copy (without it nothing in the database can be read)",
                    folder.string());
    }
    // Without a check value the database is empty: nothing is written before it.
    CARESTREAM_ASSIGN(ring,
                      have_keys ? crypto::KeyRing::Load(folder) : crypto::KeyRing::Create(folder));
    const std::string loaded = ring.CheckValue();
    CARESTREAM_TRY(Compare(stored, loaded, folder));
    if (loaded != stored) {
        pg::Params params;
        params.Bytes(loaded);
        CARESTREAM_TRY(
            connection.Query("insert into store_value values ('key_check', $1::bytea) on "
                             "conflict (name) do update set value = excluded.value",
                             params));
    }
    return std::move(ring);
}

}  // namespace carestream::store
