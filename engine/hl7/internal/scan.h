#pragma once
// The one pass over a message's bytes: where fields and lines end. SSE2 where compiled for it, a
// 256-entry table else; both give the same result (tested).
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace carestream::hl7::internal {

// Growing array of offsets without zero-filling: most of a large block is never touched.
class Offsets {
public:
    // Room for `count` more entries at end(); the caller writes them and then calls SetEnd().
    void Reserve(std::size_t count) {
        if (capacity_ - size_ < count) Grow(count);
    }
    [[nodiscard]] std::uint32_t* end() { return data_.get() + size_; }
    void SetEnd(const std::uint32_t* end) { size_ = static_cast<std::size_t>(end - data_.get()); }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] std::uint32_t operator[](std::size_t i) const { return data_[i]; }
    [[nodiscard]] const std::uint32_t* data() const { return data_.get(); }

private:
    void Grow(std::size_t count);
    std::unique_ptr<std::uint32_t[]> data_;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

// A CR or LF at `offset`; `fields_before` field delimiters stand before it in the whole scan.
struct LineEnd {
    std::uint32_t offset;
    std::uint32_t fields_before;
};

struct Scan {
    Offsets fields;  // offsets of the field delimiters, ascending
    std::vector<LineEnd> lines;
    bool has_escape = false;  // the escape character occurs
    bool has_high = false;    // a byte above 0x7F occurs
};

// Scans bytes[begin, end); offsets count from the start of `bytes`, which is below 4 GiB. `escape`
// may be 0 for none. `field` is neither 0, CR nor LF.
void ScanBytes(std::string_view bytes, std::size_t begin, std::size_t end, char field, char escape,
               Scan& scan);
void ScanBytesScalar(std::string_view bytes, std::size_t begin, std::size_t end, char field,
                     char escape, Scan& scan);

}  // namespace carestream::hl7::internal
