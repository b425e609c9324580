#include "hl7/internal/scan.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace carestream::hl7::internal {

void Offsets::Grow(std::size_t count) {
    const std::size_t capacity = std::max<std::size_t>({256, capacity_ * 2, size_ + count});
    auto data = std::make_unique_for_overwrite<std::uint32_t[]>(capacity);
    if (size_ != 0) std::memcpy(data.get(), data_.get(), size_ * sizeof(std::uint32_t));
    data_ = std::move(data);
    capacity_ = capacity;
}

namespace {

enum Kind : std::uint8_t { kField = 1, kLine = 2, kEscape = 4, kHigh = 8 };

constexpr std::size_t kBlock = 64;

}  // namespace

void ScanBytesScalar(std::string_view bytes, std::size_t begin, std::size_t end, char field,
                     char escape, Scan& scan) {
    std::array<std::uint8_t, 256> kinds{};
    std::fill(kinds.begin() + 128, kinds.end(), std::uint8_t{kHigh});
    if (escape != 0) kinds[static_cast<unsigned char>(escape)] |= kEscape;
    kinds['\r'] |= kLine;
    kinds['\n'] |= kLine;
    kinds[static_cast<unsigned char>(field)] |= kField;
    std::uint8_t seen = 0;
    for (std::size_t block = begin; block < end; block += kBlock) {
        scan.fields.Reserve(kBlock + 1);
        std::uint32_t* out = scan.fields.end();
        const std::size_t block_end = std::min(end, block + kBlock);
        for (std::size_t i = block; i < block_end; ++i) {
            const std::uint8_t kind = kinds[static_cast<unsigned char>(bytes[i])];
            seen |= kind;
            *out = static_cast<std::uint32_t>(i);
            out += kind & kField;
            if ((kind & kLine) != 0) {
                scan.fields.SetEnd(out);
                scan.lines.push_back({static_cast<std::uint32_t>(i),
                                      static_cast<std::uint32_t>(scan.fields.size())});
            }
        }
        scan.fields.SetEnd(out);
    }
    scan.has_escape = scan.has_escape || (seen & kEscape) != 0;
    scan.has_high = scan.has_high || (seen & kHigh) != 0;
}

#ifdef __SSE2__

namespace {

struct Masks {
    std::uint64_t field = 0;
    std::uint64_t line = 0;
};

class Sse2Scanner {
public:
    Sse2Scanner(char field, char escape)
        : field_(_mm_set1_epi8(field)),
          // Without an escape character the comparison is aimed at one that changes nothing.
          escape_(_mm_set1_epi8(escape != 0 ? escape : field)),
          has_escape_(escape != 0) {}

    Masks Compare(const char* block) {
        Masks masks;
        for (int part = 0; part < 4; ++part) {
            const __m128i bytes =
                _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + 16 * part));
            const __m128i line = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\r')),
                                              _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n')));
            escapes_ = _mm_or_si128(escapes_, _mm_cmpeq_epi8(bytes, escape_));
            all_ = _mm_or_si128(all_, bytes);
            masks.field |= Mask(_mm_cmpeq_epi8(bytes, field_)) << (16 * part);
            masks.line |= Mask(line) << (16 * part);
        }
        return masks;
    }

    [[nodiscard]] bool has_escape() const { return has_escape_ && Mask(escapes_) != 0; }
    [[nodiscard]] bool has_high() const { return Mask(all_) != 0; }

private:
    static std::uint64_t Mask(__m128i bytes) {
        return static_cast<std::uint32_t>(_mm_movemask_epi8(bytes));
    }

    __m128i field_;
    __m128i escape_;
    bool has_escape_;
    __m128i escapes_ = _mm_setzero_si128();
    __m128i all_ = _mm_setzero_si128();
};

inline std::uint32_t* Flatten(std::uint64_t mask, std::uint32_t base, std::uint32_t* out) {
    while (mask != 0) {
        *out++ = base + static_cast<std::uint32_t>(std::countr_zero(mask));
        mask &= mask - 1;
    }
    return out;
}

inline void Store(Masks masks, std::size_t block, Scan& scan) {
    scan.fields.Reserve(kBlock);
    const auto base = static_cast<std::uint32_t>(block);
    std::uint32_t* out = scan.fields.end();
    while (masks.line != 0) {
        const int at = std::countr_zero(masks.line);
        const std::uint64_t before = (std::uint64_t{1} << at) - 1;
        out = Flatten(masks.field & before, base, out);
        masks.field &= ~before;
        masks.line &= masks.line - 1;
        scan.fields.SetEnd(out);
        scan.lines.push_back({base + static_cast<std::uint32_t>(at),
                              static_cast<std::uint32_t>(scan.fields.size())});
    }
    scan.fields.SetEnd(Flatten(masks.field, base, out));
}

}  // namespace

void ScanBytes(std::string_view bytes, std::size_t begin, std::size_t end, char field, char escape,
               Scan& scan) {
    Sse2Scanner scanner(field, escape);
    std::size_t block = begin;
    for (; block + kBlock <= end; block += kBlock) {
        Store(scanner.Compare(bytes.data() + block), block, scan);
    }
    if (block < end) {
        // NUL is none of the bytes that are looked for.
        alignas(16) char last[kBlock] = {};
        std::memcpy(last, bytes.data() + block, end - block);
        Store(scanner.Compare(last), block, scan);
    }
    scan.has_escape = scan.has_escape || scanner.has_escape();
    scan.has_high = scan.has_high || scanner.has_high();
}

#else

void ScanBytes(std::string_view bytes, std::size_t begin, std::size_t end, char field, char escape,
               Scan& scan) {
    ScanBytesScalar(bytes, begin, end, field, escape, scan);
}

#endif

}  // namespace carestream::hl7::internal
