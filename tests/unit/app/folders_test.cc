// Goal: files that are not read are named, mistakes lead to a file that opens, changes are told.
// Method: folders made for each test.
#include "app/folders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace carestream::app {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

class FoldersTest : public testing::Test {
protected:
    FoldersTest() { fs::create_directories(root_); }
    ~FoldersTest() override { fs::remove_all(root_); }

    void Write(const std::string& name, const std::string& text = "x") const {
        fs::create_directories((root_ / name).parent_path());
        std::ofstream(root_ / name) << text;
    }

    const fs::path root_ = fs::temp_directory_path() / ("cs_folders_" + std::to_string(::getpid()));
};

TEST_F(FoldersTest, UnreadFilesAreNamedWithTheRemedy) {
    for (const char* name :
         {"channels/a.yaml", "channels/b.yml", "channels/c.YAML", "channels/README.md",
          "mappings/segments/PID.yml", "mappings/tables/t.yaml", "mappings/yml"}) {
        Write(name);
    }
    std::vector<std::string> said;
    for (const Error& error : UnreadFiles(root_ / "channels", root_ / "mappings")) {
        said.push_back(error.ToString().substr(root_.string().size() + 1));
    }
    EXPECT_THAT(said, ElementsAre("channels/b.yml: is not read: rename it to b.yaml",
                                  "channels/c.YAML: is not read: rename it to c.yaml",
                                  "mappings/segments/PID.yml: is not read: rename it to PID.yaml"));
    EXPECT_THAT(UnreadFiles(root_ / "absent", {}), IsEmpty());
}

TEST_F(FoldersTest, MistakesLeadToTheFile) {
    Write("segments/PID.yaml");
    std::vector<Error> errors(3);
    errors[0].position = {"segments/PID.yaml", 28, 10};
    errors[1].position = {"/elsewhere/channel.yaml", 1, 1};
    errors[2].position = {"absent.yaml", 1, 1};
    LocateMappings(root_, errors);
    EXPECT_EQ(errors[0].position.file, (root_ / "segments/PID.yaml").string());
    EXPECT_EQ(errors[1].position.file, "/elsewhere/channel.yaml");
    EXPECT_EQ(errors[2].position.file, "absent.yaml");
}

TEST_F(FoldersTest, ChangesOfMappingsAreTold) {
    for (const char* name : {"a.yaml", "s/b.yaml", "s/c.yaml", "tests/t.yaml", "README.md"}) {
        Write(name);
    }
    const FileSums before = SumsOfMappings(root_);
    EXPECT_EQ(before.size(), 3u);
    EXPECT_THAT(ChangedMappings(before, SumsOfMappings(root_)), IsEmpty());
    Write("s/b.yaml", "y");
    Write("tests/t.yaml", "y");
    fs::remove(root_ / "s/c.yaml");
    Write("d.yaml");
    EXPECT_THAT(ChangedMappings(before, SumsOfMappings(root_)),
                ElementsAre("mapping d.yaml: added", "mapping s/b.yaml: changed",
                            "mapping s/c.yaml: removed"));
    for (int i = 0; i < 20; ++i) Write("n" + std::to_string(i) + ".yaml");
    const auto many = ChangedMappings(before, SumsOfMappings(root_));
    EXPECT_EQ(many.size(), 11u);
    EXPECT_EQ(many.back(), "... and 13 more mappings");
}

}  // namespace
}  // namespace carestream::app
