#include "mapping/internal/problems.h"

#include <algorithm>
#include <tuple>

#include "base/text.h"

namespace carestream::mapping::internal {

void Problems::AddInside(const config::Yaml& yaml, const Error& error) {
    Error moved = error;
    moved.position = yaml.position();
    moved.position.column += static_cast<int>(error.offset_bytes) + (yaml.quoted() ? 1 : 0);
    moved.offset_bytes = 0;
    errors_.push_back(std::move(moved));
}

std::vector<Error> Problems::Take() {
    std::stable_sort(errors_.begin(), errors_.end(), [](const Error& a, const Error& b) {
        return std::tie(a.position.file, a.position.line, a.position.column) <
               std::tie(b.position.file, b.position.line, b.position.column);
    });
    const auto same = [](const Error& a, const Error& b) {
        return a.position == b.position && a.message == b.message;
    };
    errors_.erase(std::unique(errors_.begin(), errors_.end(), same), errors_.end());
    return std::move(errors_);
}

bool Problems::CheckKeys(const config::Yaml& yaml, std::string_view what,
                         std::initializer_list<std::string_view> allowed) {
    if (!yaml.IsMap()) {
        Add(yaml.position(), std::string(what) + " must be a map of keys and values");
        return false;
    }
    bool good = true;
    for (const config::YamlEntry& entry : yaml.entries()) {
        if (std::find(allowed.begin(), allowed.end(), entry.key) != allowed.end()) continue;
        const std::vector<std::string_view> names(allowed);
        Add(entry.position, "unknown key '" + entry.key + "' in " + std::string(what) +
                                DidYouMean(entry.key, names));
        good = false;
    }
    return good;
}

std::optional<std::string> Problems::Text(const config::Yaml& map, std::string_view key) {
    const config::Yaml* value = map.Find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->IsScalar()) {
        Add(value->position(), "'" + std::string(key) + "' must be a text");
        return std::nullopt;
    }
    return value->text();
}

std::vector<std::pair<std::string, const config::Yaml*>> Problems::Texts(const config::Yaml& yaml,
                                                                         std::string_view what) {
    std::vector<std::pair<std::string, const config::Yaml*>> texts;
    if (yaml.IsScalar()) {
        texts.emplace_back(yaml.text(), &yaml);
        return texts;
    }
    if (!yaml.IsSequence()) {
        Add(yaml.position(), std::string(what) + " must be a text or a list of texts");
        return texts;
    }
    for (const config::Yaml& item : yaml.items()) {
        if (item.IsScalar()) {
            texts.emplace_back(item.text(), &item);
        } else {
            Add(item.position(), std::string(what) + " must be a text or a list of texts");
        }
    }
    return texts;
}

std::optional<bool> Problems::Flag(const config::Yaml& map, std::string_view key) {
    const config::Yaml* value = map.Find(key);
    if (value == nullptr) return std::nullopt;
    if (value->IsScalar() && (value->text() == "true" || value->text() == "false")) {
        return value->text() == "true";
    }
    Add(value->position(), "'" + std::string(key) + "' must be true or false");
    return std::nullopt;
}

}  // namespace carestream::mapping::internal
