#pragma once
// Files with several messages, for tools that read files: batches (FHS, BHS, BTS, FTS; HL7 v2.8
// 2.10.3), several MSH in a row, or a capture of an MLLP stream.
#include <string_view>
#include <vector>

namespace carestream::hl7 {

// Each message of `file`, from its MSH to before the next one or the envelope segment that ends it.
// MLLP bytes, byte order marks, envelope segments, what stands before the first MSH and blank lines
// around messages are left out. The views point into `file`. A file without any MSH gives one piece,
// the trimmed file, so that parsing it says what is wrong; a blank file gives none.
[[nodiscard]] std::vector<std::string_view> SplitMessages(std::string_view file);

}  // namespace carestream::hl7
