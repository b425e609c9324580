// Goal: real messages are read or refused with a named reason. Method: the project's shared corpus,
// read in place; files of `odd/` that are to be refused are listed here, with the reason.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "hl7/batch.h"
#include "hl7/encoder.h"
#include "hl7/header.h"
#include "hl7/message.h"
#include "hl7/path.h"

namespace carestream::hl7 {
namespace {

namespace fs = std::filesystem;
using std::string;

fs::path Corpus() {
    const char* shared = std::getenv("CARESTREAM_SHARED");
    const fs::path root =
        shared != nullptr ? fs::path(shared) : fs::path(CARESTREAM_SOURCE_DIR "/../shared");
    return root / "corpus/hl7v2";
}

string ReadFile(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return std::move(text).str();
}

std::vector<fs::path> Files(const fs::path& folder) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder)) {
        if (entry.path().extension() == ".hl7") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    return files;
}

void CheckRead(const Message& m) {
    EXPECT_EQ(MessageEditor(m).Encode(), m.bytes());
    const auto header = ScanHeader(m.bytes());
    ASSERT_TRUE(header);
    EXPECT_EQ(header->control_id, m.Repetition(0, 10, 1));
    EXPECT_EQ(header->message_code, m.Component(m.Repetition(0, 9, 1), 1));
    for (const Leaf& leaf : Leaves(m)) {
        const string text = PathOf(m, leaf);
        const auto path = ParsePath(text);
        ASSERT_TRUE(path) << text;
        const auto pieces = Resolve(m, *path);
        ASSERT_EQ(pieces.size(), 1u) << text;
        bool clean = false;
        (void)m.Decode(pieces[0], &clean);
        EXPECT_TRUE(clean) << text;
    }
}

TEST(Corpus, EachMessageIsReadAndGivenBack) {
    if (!fs::exists(Corpus())) GTEST_SKIP() << "no shared corpus at " << Corpus();
    int read = 0;
    for (const fs::path& file : Files(Corpus())) {
        SCOPED_TRACE(file.filename().string());
        const auto m = Message::Parse(ReadFile(file));
        ASSERT_TRUE(m) << m.error().ToString();
        CheckRead(*m);
        ++read;
    }
    EXPECT_GT(read, 400);
}

TEST(Corpus, OddFilesAreReadOrRefusedByName) {
    if (!fs::exists(Corpus())) GTEST_SKIP() << "no shared corpus at " << Corpus();
    const std::map<string, const char*> refused{
        {"hapi-hl7v2-ActiveInitiator-static.raw.hl7", "cannot be a delimiter"},
        {"hapi-hl7v2-CorrectInvalidMessageBeforeParsing-main.raw.hl7",
         "line after the MSH does not begin"},
        {"hapi-hl7v2-ExtendedMinLowerLayerProtocol-testReadBadMsh2.raw.hl7",
         "cannot be a delimiter"},
        {"hapi-hl7v2-ProcessorImpl-testReceiveWithInvalid.raw.hl7", "no encoding characters"},
        {"hapi-hl7v2-SimpleServer-testNoResponseBadMsh2.raw.hl7", "cannot be a delimiter"},
        {"mirth-StreamHandlers-readER7Batch.raw.hl7", "batch envelope"},
    };
    std::size_t refusals = 0;
    for (const fs::path& file : Files(Corpus() / "odd")) {
        SCOPED_TRACE(file.filename().string());
        const auto expected = refused.find(file.filename().string());
        const string text = ReadFile(file);
        for (const std::string_view bytes : SplitMessages(text)) {
            const auto m = Message::Parse(string(bytes));
            if (expected == refused.end()) {
                ASSERT_TRUE(m) << m.error().ToString();
                CheckRead(*m);
            } else {
                ASSERT_FALSE(m);
                ++refusals;
                EXPECT_THAT(m.error().message, testing::HasSubstr(expected->second));
            }
        }
    }
    EXPECT_EQ(refusals, refused.size());
}

}  // namespace
}  // namespace carestream::hl7
