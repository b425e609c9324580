#pragma once
// Texts in a row with their lengths: the plain form of small sealed columns.
#include <cstddef>
#include <string>
#include <string_view>

namespace carestream::store {

inline void PutPart(std::string& out, std::string_view part) {
    for (const int shift : {24, 16, 8, 0}) out += static_cast<char>((part.size() >> shift) & 0xff);
    out += part;
}

// Takes the first part off `in`; false when there is none that is whole.
[[nodiscard]] inline bool TakePart(std::string_view& in, std::string& part) {
    if (in.size() < 4) return false;
    std::size_t size = 0;
    for (std::size_t i = 0; i < 4; ++i) size = size << 8 | static_cast<unsigned char>(in[i]);
    if (in.size() - 4 < size) return false;
    part.assign(in.substr(4, size));
    in.remove_prefix(4 + size);
    return true;
}

}  // namespace carestream::store
