#pragma once
// Documents that are generated from the declarations of this program's configuration and committed:
// JSON Schemas for editors and the reference page for people.
#include <string>
#include <vector>

namespace carestream::app {

struct Document {
    std::string path;  // from the root of the repository: "schemas/config/channel.json"
    std::string text;
};

[[nodiscard]] std::vector<Document> ConfigurationDocuments();

}  // namespace carestream::app
