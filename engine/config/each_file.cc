#include "config/each_file.h"

#include <iterator>
#include <utility>

#include "config/references.h"

namespace carestream::config {

void ReadEach(const std::vector<std::filesystem::path>& files, const std::string& display,
              const Spec& spec, std::vector<Error>& errors,
              const std::function<void(const Values& values, const std::string& file)>& take) {
    for (const std::filesystem::path& file : files) {
        const std::string name = display + file.filename().string();
        auto yaml = Yaml::ParseFile(file, name);
        if (!yaml) {
            errors.push_back(std::move(yaml).error());
            continue;
        }
        Read read = ReadSpec(spec, *yaml, References::OfProcess(file.parent_path()));
        const bool readable = read.errors.empty();
        std::move(read.errors.begin(), read.errors.end(), std::back_inserter(errors));
        if (readable) take(read.values, name);
    }
}

void UniqueNames::Add(const std::string& name, const std::string& file, const Position& position,
                      std::vector<Error>& errors) {
    const auto [first, added] = file_of_.emplace(name, file);
    if (added) return;
    errors.push_back(Error{
        Code::kInvalid, "'" + name + "' is also in " + first->second, {}, position, 0, false});
}

}  // namespace carestream::config
