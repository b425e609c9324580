#pragma once
// Text as searched: without case, marks and punctuation. Source: FHIR R4 3.1.1.4.8 (string),
// UAX 15.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace carestream::search {

// NFKD, case folded, marks stripped; apostrophes vanish, every other run of what is no letter or
// digit becomes one space: "  O'Brien-Nuñez " -> "obrien nunez". Invalid UTF-8 folds to what can be
// read.
[[nodiscard]] std::string Fold(std::string_view text);

// Words of a folded text; views into it.
[[nodiscard]] std::vector<std::string_view> Words(std::string_view folded);

// The first `count` characters (code points), or "" when there are fewer.
[[nodiscard]] std::string_view Prefix(std::string_view folded, std::size_t count);
[[nodiscard]] std::size_t CharacterCount(std::string_view text);

// Does `needle` (folded, not empty) stand in `folded` at the beginning of a word?
[[nodiscard]] bool StartsAWord(std::string_view folded, std::string_view needle);

// A telephone number or address of mail without what people put in between.
[[nodiscard]] std::string NormalContact(std::string_view value);
// The same normal contact with the plus of an international number if it has none, without it if it
// has; "" for what is no number. In a URL a bare plus is a blank, so people leave it out.
[[nodiscard]] std::string OtherPlus(std::string_view contact);

}  // namespace carestream::search
