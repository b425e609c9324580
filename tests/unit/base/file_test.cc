#include "base/file.h"

#include <gtest/gtest.h>

#include <fstream>

namespace carestream {
namespace {

TEST(File, ReadsEveryByteOrSaysSo) {
    const std::filesystem::path folder = testing::TempDir();
    const std::filesystem::path file = folder / "carestream_file_test";
    const std::string bytes("a\r\n\0\xff", 5);
    std::ofstream(file, std::ios::binary) << bytes;
    EXPECT_EQ(ReadFile(file).value(), bytes);
    std::ofstream(file, std::ios::trunc);
    EXPECT_EQ(ReadFile(file).value(), "");
    std::filesystem::remove(file);
    for (const auto& wrong : {file, folder}) {
        const auto read = ReadFile(wrong);
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().ToString(), wrong.string() + ": cannot be read");
    }
}

}  // namespace
}  // namespace carestream
