// Goal: the committed schemas and reference page say what the code does. GOLDEN_UPDATE=1 writes
// them.
#include "app/documents.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "fhir/json.h"

namespace carestream::app {
namespace {

std::string ReadText(const std::filesystem::path& file) {
    std::ifstream stream(file);
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
}

TEST(Documents, AreAsCommitted) {
    for (const Document& document : ConfigurationDocuments()) {
        const auto file = std::filesystem::path(CARESTREAM_SOURCE_DIR) / document.path;
        if (std::getenv("GOLDEN_UPDATE") != nullptr) {
            std::filesystem::create_directories(file.parent_path());
            std::ofstream(file) << document.text;
        }
        EXPECT_EQ(ReadText(file), document.text) << "GOLDEN_UPDATE=1 writes " << document.path;
        if (file.extension() == ".json") {
            EXPECT_TRUE(fhir::ParseJson(document.text)) << document.path;
        }
    }
}

}  // namespace
}  // namespace carestream::app
