#pragma once
// Just enough XML to read test suites: elements, attributes, text, comments, the five entities.
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carestream::conformance {

struct XmlElement {
    std::string name;
    std::vector<std::pair<std::string, std::string>> attributes;
    std::vector<XmlElement> children;
    std::string text;  // its own characters, children left out
    std::string raw;   // the whole element as written

    [[nodiscard]] std::string Attribute(std::string_view key) const;
};

// nullopt when it is not well formed.
[[nodiscard]] std::optional<XmlElement> ParseXml(std::string_view text);

}  // namespace carestream::conformance
