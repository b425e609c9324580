#pragma once
// YAML as a plain tree whose every value knows its place in the file, so that any later check can
// answer "file:line:column: what is wrong, what was meant".
#include <cstddef>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace carestream::config {

struct YamlEntry;

// Immutable after parsing. Scalars keep their text; typing is the reader's work (`on: yes` is the
// text "yes"). Anchors, aliases and tags are refused: one fact, one place.
class Yaml {
public:
    enum class Kind { kNull, kScalar, kSequence, kMap };

    // Errors: kInvalid with the position (syntax, duplicate key, alias), kNotFound, kLimit (1 MiB
    // for `ParseFile`, depth 64).
    [[nodiscard]] static Result<Yaml> Parse(std::string_view text, const std::string& file_name);
    // `display_name` is what errors print; empty means the path as given.
    [[nodiscard]] static Result<Yaml> ParseFile(const std::filesystem::path& file,
                                                const std::string& display_name = {});

    [[nodiscard]] Kind kind() const { return kind_; }
    [[nodiscard]] bool IsNull() const { return kind_ == Kind::kNull; }
    [[nodiscard]] bool IsScalar() const { return kind_ == Kind::kScalar; }
    [[nodiscard]] bool IsSequence() const { return kind_ == Kind::kSequence; }
    [[nodiscard]] bool IsMap() const { return kind_ == Kind::kMap; }
    [[nodiscard]] const std::string& text() const { return text_; }  // "" unless a scalar
    [[nodiscard]] bool quoted() const { return quoted_; }
    [[nodiscard]] const std::vector<YamlEntry>& entries() const { return entries_; }
    [[nodiscard]] const std::vector<Yaml>& items() const { return items_; }
    [[nodiscard]] const Yaml* Find(std::string_view key) const;
    // This map with these members only: for a reader that needs a part and does not judge the rest.
    [[nodiscard]] Yaml Only(std::initializer_list<std::string_view> keys) const;
    [[nodiscard]] const Position& position() const { return position_; }

private:
    friend class YamlBuilder;
    Kind kind_ = Kind::kNull;
    bool quoted_ = false;
    std::string text_;
    std::vector<YamlEntry> entries_;
    std::vector<Yaml> items_;
    Position position_;
};

struct YamlEntry {
    std::string key;
    Position position;  // of the key
    Yaml value;
};

}  // namespace carestream::config
