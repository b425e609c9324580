#pragma once
// Collects every mistake of the content, and reads YAML with the checks that all files share.
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "config/yaml.h"

namespace carestream::mapping::internal {

class Problems {
public:
    void Add(Position position, std::string message) {
        errors_.push_back(Error{Code::kInvalid, std::move(message), {}, std::move(position)});
    }
    void Add(Error error) { errors_.push_back(std::move(error)); }
    // An error found inside a plain text of the file: the column moves by `offset_bytes`.
    void AddInside(const config::Yaml& yaml, const Error& error);
    [[nodiscard]] std::size_t size() const { return errors_.size(); }
    // In file order.
    [[nodiscard]] std::vector<Error> Take();

    // False, and a problem for each unknown key with the nearest name, unless `yaml` is a map of
    // these keys.
    bool CheckKeys(const config::Yaml& yaml, std::string_view what,
                   std::initializer_list<std::string_view> allowed);
    // The text of a scalar member; nullopt if absent. A member of another kind is a problem.
    std::optional<std::string> Text(const config::Yaml& map, std::string_view key);
    // A scalar, or a list of scalars, as (text, place) pairs.
    std::vector<std::pair<std::string, const config::Yaml*>> Texts(const config::Yaml& yaml,
                                                                   std::string_view what);
    std::optional<bool> Flag(const config::Yaml& map, std::string_view key);

private:
    std::vector<Error> errors_;
};

}  // namespace carestream::mapping::internal
