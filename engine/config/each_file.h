#pragma once
// Folders whose files hold one thing each, by one Spec.
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/spec.h"

namespace carestream::config {

// Reads each file and hands over what could be read: `take` gets the values, and the file's name
// with `display` before it. Mistakes go to `errors`, with file:line:column.
void ReadEach(const std::vector<std::filesystem::path>& files, const std::string& display,
              const Spec& spec, std::vector<Error>& errors,
              const std::function<void(const Values& values, const std::string& file)>& take);

// Names that stand in one file only.
class UniqueNames {
public:
    // A name that is in another file, too, is a mistake at `position`.
    void Add(const std::string& name, const std::string& file, const Position& position,
             std::vector<Error>& errors);

private:
    std::map<std::string, std::string> file_of_;
};

}  // namespace carestream::config
