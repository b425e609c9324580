#pragma once
// One declaration per component of what its YAML may hold. Everything else follows from it: reading
// into typed values, lint with places and nearest names, JSON Schema, reference page, masked dump
// (documents.h). A default stands in the declaration and nowhere else.
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/references.h"
#include "config/yaml.h"

namespace carestream::config {

enum class Type {
    kString,
    kInteger,
    kBoolean,   // true or false
    kBytes,     // "64MiB"
    kDuration,  // "20s"
    kChoice,    // one of `choices`
    kPath,
    kAddress,  // "host:port"
    kNetwork,  // "10.0.0.0/8"
    kSecret,   // text that no dump shows
    kObject,   // `fields`
};

struct Field {
    std::string key = {};
    Type type = Type::kString;
    std::string description = {};  // a sentence or two for the reference page
    bool required = false;
    bool list = false;              // a sequence of such values
    bool map = false;               // a map from names that the operator chooses to such values
    std::string default_text = {};  // YAML text, read as if the operator had written it
    std::string example = {};       // YAML text
    // Of kChoice. Of kDuration: words that may stand for `max`, like "forever".
    std::vector<std::string> choices = {};
    // Bounds of kInteger, kBytes (bytes) and kDuration (milliseconds).
    std::int64_t min = 0;
    std::int64_t max = std::numeric_limits<std::int64_t>::max();
    std::vector<Field> fields = {};  // kObject
    bool one_of = false;             // kObject: exactly one of `fields` is present
};

struct Spec {
    std::string name;  // "channel": names the schema file
    std::string title;
    std::string description;
    std::vector<Field> fields;
};

// What was read, by key. Asking for a key that the Spec does not declare, or as another type, is a
// bug and asserts. Optional values that are absent read as "", 0, false or empty; see Has().
class Values {
public:
    [[nodiscard]] bool Has(std::string_view key) const;  // written, or has a default
    [[nodiscard]] const std::string& String(std::string_view key) const;  // all text-like types
    [[nodiscard]] std::int64_t Integer(
        std::string_view key) const;  // kInteger, kBytes, kDuration (ms)
    [[nodiscard]] bool Boolean(std::string_view key) const;
    [[nodiscard]] const std::vector<std::string>& Strings(std::string_view key) const;
    [[nodiscard]] const Values& Object(std::string_view key) const;  // empty Values when absent
    [[nodiscard]] const std::vector<Values>& Objects(std::string_view key) const;
    // Name -> value of a `map` of scalars, as resolved text.
    [[nodiscard]] const std::map<std::string, std::string>& Map(std::string_view key) const;
    // Of the value, or of the containing map when it is absent.
    [[nodiscard]] const Position& PositionOf(std::string_view key) const;
    [[nodiscard]] const Position& ItemPosition(std::string_view key, std::size_t index) const;
    // The scalar as it stands in the file, references unresolved: for remedies that name a
    // variable.
    [[nodiscard]] const std::string& Written(std::string_view key) const;
    // Equal texts mean equal configuration, wherever it stood in the file. Holds secrets.
    [[nodiscard]] std::string Fingerprint() const;

private:
    friend class SpecReader;
    friend class ValueDumper;
    struct Value {
        const Field* field = nullptr;
        bool present = false;
        bool secret = false;
        std::string text;
        std::string written;
        std::int64_t number = 0;
        std::vector<std::string> items;
        std::map<std::string, std::string> map;
        std::vector<Values> objects;
        std::vector<Position> item_positions;
        Position position;
    };
    [[nodiscard]] const Value& Get(std::string_view key) const;
    std::shared_ptr<const Spec> spec_;  // keeps the fields that the values point at
    std::vector<Value> values_;
    Position position_;
};

struct Read {
    Values values;
    std::vector<Error> errors;  // all of them, in file order
};

// Reads a whole document. With errors, `values` must not be used.
[[nodiscard]] Read ReadSpec(const Spec& spec, const Yaml& yaml, const References& references);

}  // namespace carestream::config
