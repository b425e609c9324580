#include "store/internal/body_codec.h"

#include <zdict.h>
#include <zstd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <map>
#include <vector>

#include "base/assert.h"
#include "base/text.h"
#include "store/internal/tokens.h"

namespace carestream::store {
namespace {

namespace fs = std::filesystem;

constexpr int kLevel = 1;
// Larger than any body that the REST layer or a frame lets in.
constexpr unsigned long long kPlainMax = 1ull << 30;
constexpr std::string_view kAnyType = "any";

struct FreeZstd {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
    void operator()(ZSTD_CDict* dictionary) const { ZSTD_freeCDict(dictionary); }
    void operator()(ZSTD_DDict* dictionary) const { ZSTD_freeDDict(dictionary); }
};
template <typename T>
using Zstd = std::unique_ptr<T, FreeZstd>;

ZSTD_CCtx* Compressor() {
    static thread_local const Zstd<ZSTD_CCtx> context(ZSTD_createCCtx());
    return context.get();
}

ZSTD_DCtx* Decompressor() {
    static thread_local const Zstd<ZSTD_DCtx> context(ZSTD_createDCtx());
    return context.get();
}

std::string Associated(const BodyName& name, bool with_version) {
    std::string text;
    text.reserve(name.type.size() + name.id.size() + 24);
    text.append(TenantLabel(name.tenant)).append("/").append(name.type).append("/").append(name.id);
    if (with_version) text.append("/").append(std::to_string(name.version));
    return text;
}

class Codec final : public BodyCodec {
public:
    explicit Codec(const crypto::KeyRing& keys) : keys_(keys) {}

    Result<void> Load(const fs::path& folder) {
        std::error_code ignored;
        if (folder.empty() || !fs::is_directory(folder, ignored)) return {};
        std::vector<fs::path> files;
        for (const auto& entry : fs::directory_iterator(folder)) {
            if (entry.path().extension() == ".zdict") files.push_back(entry.path());
        }
        // Of two dictionaries of one type the later number compresses, both decompress.
        std::sort(files.begin(), files.end());
        for (const fs::path& file : files) CARESTREAM_TRY(LoadFile(file));
        return {};
    }

    std::string SealBody(const BodyName& name, Micros updated,
                         std::string_view json) const override {
        return keys_.Seal(TenantLabel(name.tenant), "version", updated, Associated(name, true),
                          Pack(name.type, json));
    }

    Result<std::string> OpenBody(const BodyName& name, std::string_view sealed) const override {
        CARESTREAM_ASSIGN(packed, keys_.Open(TenantLabel(name.tenant), "version",
                                             Associated(name, true), sealed));
        return Unpack(packed);
    }

    std::string SealStamps(const BodyName& name, Micros updated,
                           std::string_view stamps) const override {
        return keys_.Seal(TenantLabel(name.tenant), "resource.merge", updated,
                          Associated(name, false), stamps);
    }

    Result<std::string> OpenStamps(const BodyName& name, std::string_view sealed) const override {
        return keys_.Open(TenantLabel(name.tenant), "resource.merge", Associated(name, false),
                          sealed);
    }

private:
    Result<void> LoadFile(const fs::path& file) {
        const std::string stem = file.stem().string();
        const std::size_t dash = stem.find('-');
        unsigned number = 0;
        const char* end = stem.data() + std::min(dash, stem.size());
        if (dash == std::string::npos || std::from_chars(stem.data(), end, number).ptr != end) {
            return Fail(Code::kInvalid, "a dictionary is named <number>-<Type>.zdict",
                        file.string());
        }
        std::ifstream stream(file, std::ios::binary);
        const std::string bytes((std::istreambuf_iterator<char>(stream)), {});
        if (ZDICT_getDictID(bytes.data(), bytes.size()) != number || number == 0) {
            return Fail(Code::kInvalid, "not a zstd dictionary of this number", file.string());
        }
        Zstd<ZSTD_DDict> expander(ZSTD_createDDict(bytes.data(), bytes.size()));
        Zstd<ZSTD_CDict> packer(ZSTD_createCDict(bytes.data(), bytes.size(), kLevel));
        if (expander == nullptr || packer == nullptr) {
            return Fail(Code::kInvalid, "zstd cannot read this dictionary", file.string());
        }
        if (!expanders_.emplace(number, std::move(expander)).second) {
            return Fail(Code::kInvalid, "two dictionaries have this number", file.string());
        }
        packers_[stem.substr(dash + 1)] = std::move(packer);
        return {};
    }

    const ZSTD_CDict* PackerOf(std::string_view type) const {
        auto found = packers_.find(type);
        if (found == packers_.end()) found = packers_.find(kAnyType);
        return found == packers_.end() ? nullptr : found->second.get();
    }

    std::string Pack(std::string_view type, std::string_view json) const {
        std::string packed(ZSTD_compressBound(json.size()), '\0');
        const ZSTD_CDict* dictionary = PackerOf(type);
        const std::size_t size =
            dictionary == nullptr
                ? ZSTD_compressCCtx(Compressor(), packed.data(), packed.size(), json.data(),
                                    json.size(), kLevel)
                : ZSTD_compress_usingCDict(Compressor(), packed.data(), packed.size(), json.data(),
                                           json.size(), dictionary);
        CARESTREAM_ASSERT(ZSTD_isError(size) == 0);
        packed.resize(size);
        return packed;
    }

    Result<std::string> Unpack(std::string_view packed) const {
        const unsigned long long size = ZSTD_getFrameContentSize(packed.data(), packed.size());
        if (size > kPlainMax) return Fail(Code::kInvalid, "a body is not in zstd's format");
        std::string plain(static_cast<std::size_t>(size), '\0');
        const unsigned number = ZSTD_getDictID_fromFrame(packed.data(), packed.size());
        std::size_t got = 0;
        if (number == 0) {
            got = ZSTD_decompressDCtx(Decompressor(), plain.data(), plain.size(), packed.data(),
                                      packed.size());
        } else {
            const auto found = expanders_.find(number);
            if (found == expanders_.end()) {
                return Fail(Code::kInvalid, "a body needs dictionary " + std::to_string(number) +
                                                ", which is not in schemas/fhir/dictionaries");
            }
            got = ZSTD_decompress_usingDDict(Decompressor(), plain.data(), plain.size(),
                                             packed.data(), packed.size(), found->second.get());
        }
        if (ZSTD_isError(got) != 0 || got != plain.size()) {
            return Fail(Code::kInvalid, "a body is not in zstd's format");
        }
        return plain;
    }

    const crypto::KeyRing& keys_;
    std::map<std::string, Zstd<ZSTD_CDict>, std::less<>> packers_;
    std::map<unsigned, Zstd<ZSTD_DDict>> expanders_;
};

}  // namespace

Result<std::shared_ptr<const BodyCodec>> BodyCodec::Create(const crypto::KeyRing& keys,
                                                           const fs::path& dictionaries) {
    auto codec = std::make_shared<Codec>(keys);
    CARESTREAM_TRY(codec->Load(dictionaries));
    return std::shared_ptr<const BodyCodec>(std::move(codec));
}

}  // namespace carestream::store
