// Goal: a file is there whole and once, and a folder that cannot be written is no lost message.
#include "adapters/file/destination.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "base/file.h"

namespace carestream::adapters::file {
namespace {

namespace fs = std::filesystem;
using channel::Sending;

class FileDestinationTest : public testing::Test {
protected:
    FileDestinationTest()
        : folder_(fs::temp_directory_path() / ("cs_file_" + std::to_string(::getpid()))) {
        fs::create_directories(folder_);
        destination_ = MakeDestination({folder_, ".hl7"});
    }
    ~FileDestinationTest() override { fs::remove_all(folder_); }

    Sending::End Send(const std::string& control_id, const std::string& bytes) {
        Sending::End end = Sending::End::kInDoubt;
        destination_->Send({control_id, bytes}, [&](const Sending& sending) { end = sending.end; });
        return end;
    }
    std::set<std::string> Names() const {
        std::set<std::string> names;
        for (const auto& entry : fs::directory_iterator(folder_)) {
            names.insert(entry.path().filename().string());
        }
        return names;
    }

    const fs::path folder_;
    std::unique_ptr<channel::Destination> destination_;
};

TEST_F(FileDestinationTest, EachMessageIsAFileAndARepetitionChangesNothing) {
    EXPECT_EQ(Send("CSAB1", "MSH|1\r"), Sending::End::kTaken);
    EXPECT_EQ(Send("CSAB1", "MSH|1\r"), Sending::End::kTaken);
    EXPECT_EQ(Send("CSAB2", "MSH|2\r"), Sending::End::kTaken);
    EXPECT_EQ(Names(), (std::set<std::string>{"CSAB1.hl7", "CSAB2.hl7"}));
    EXPECT_EQ(ReadFile(folder_ / "CSAB1.hl7").value(), "MSH|1\r");
}

TEST_F(FileDestinationTest, AnotherMessageWithTheSameNumberOverwritesNothing) {
    EXPECT_EQ(Send("A", "one"), Sending::End::kTaken);
    EXPECT_EQ(Send("A", "two"), Sending::End::kTaken);
    EXPECT_EQ(Send("A", "two"), Sending::End::kTaken);
    EXPECT_EQ(Names().size(), 2u);
    EXPECT_EQ(ReadFile(folder_ / "A.hl7").value(), "one");
}

TEST_F(FileDestinationTest, ANumberCannotLeaveTheFolder) {
    EXPECT_EQ(Send("../../etc/x", "one"), Sending::End::kTaken);
    EXPECT_EQ(Names(), (std::set<std::string>{"______etc_x.hl7"}));
}

TEST_F(FileDestinationTest, AFolderThatIsGoneIsUnsent) {
    fs::remove_all(folder_);
    bool open = true;
    destination_->Open([&](const Result<void>& opened) { open = opened.has_value(); });
    EXPECT_FALSE(open);
    EXPECT_EQ(Send("A", "one"), Sending::End::kUnsent);
    fs::create_directories(folder_);
    EXPECT_EQ(Send("A", "one"), Sending::End::kTaken);
}

}  // namespace
}  // namespace carestream::adapters::file
