#pragma once
// What rules read and fill while a message is mapped.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "fhir/node.h"

namespace carestream::mapping::internal {

constexpr std::size_t kNoResource = static_cast<std::size_t>(-1);

// A piece of the message, and what its parts are.
struct Value {
    enum class Level : std::uint8_t { kSegment, kRepetition, kComponent, kLeaf };
    std::string_view raw;
    Level level = Level::kRepetition;
};

// A list that is short nearly always: the first few need no allocation.
template <typename T>
class ShortList {
public:
    void push_back(const T& value) {
        if (size_ < kInline) {
            few_[size_] = value;
        } else {
            if (size_ == kInline) many_.assign(few_, few_ + kInline);
            many_.push_back(value);
        }
        ++size_;
    }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] bool empty() const { return size_ == 0; }
    [[nodiscard]] const T* begin() const { return size_ <= kInline ? few_ : many_.data(); }
    [[nodiscard]] const T* end() const { return begin() + size_; }
    [[nodiscard]] const T& front() const { return *begin(); }

private:
    static constexpr std::size_t kInline = 3;
    T few_[kInline];
    std::vector<T> many_;
    std::size_t size_ = 0;
};

using ValueList = ShortList<Value>;
using Pieces = ShortList<std::string_view>;

// The values being mapped, innermost first.
struct Frame {
    const Frame* up = nullptr;
    Value value;
    int table = 0;  // HL7 table of the field
    // The first parts of the value, because maps read one after the other.
    std::array<std::string_view, 16> parts;
    bool more = false;  // it has further parts
};

// A named or unnamed entry of a list, or a resource behind a reference, by the path to it.
struct Binding {
    std::uint64_t path = 0;
    std::size_t index = 0;
};

// The object that rules fill.
struct Element {
    fhir::Node* node = nullptr;
    std::size_t resource = kNoResource;
    std::vector<Binding>* bindings = nullptr;
    bool root = false;
};

}  // namespace carestream::mapping::internal
