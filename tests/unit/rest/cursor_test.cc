// Goal: a paging link can be followed, and neither changed, moved nor read. Method: real keys;
// every byte of a cursor is changed once.
#include "rest/internal/cursor.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace carestream::rest {
namespace {

class CursorTest : public testing::Test {
protected:
    CursorTest()
        : folder_(std::filesystem::temp_directory_path() /
                  ("cs_cursor_" + std::to_string(::getpid()))),
          keys_(crypto::KeyRing::Create(folder_).value()) {}
    ~CursorTest() override { std::filesystem::remove_all(folder_); }

    std::filesystem::path folder_;
    crypto::KeyRing keys_;
    static constexpr Micros kNow = 1'700'000'000'000'000;
};

TEST_F(CursorTest, ComesBackAsItWas) {
    for (const Cursor& cursor : {Cursor{}, Cursor{1, "p", ""},
                                 Cursor{~0ull, std::string("\0\xff 12", 5), "name=x&a=b c"}}) {
        const std::string sealed = SealCursor(keys_, "main", "search|Patient|", kNow, cursor);
        EXPECT_EQ(sealed.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                           "0123456789-_"),
                  std::string::npos);
        const auto opened = OpenCursor(keys_, "main", "search|Patient|", sealed);
        ASSERT_TRUE(opened.has_value());
        EXPECT_EQ(*opened, cursor);
    }
}

TEST_F(CursorTest, AnyChangeIsRefused) {
    const Cursor cursor{42, "position", "name=Example"};
    const std::string sealed = SealCursor(keys_, "main", "search|Patient|", kNow, cursor);
    EXPECT_EQ(sealed.find("Example"), std::string::npos);
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        std::string changed = sealed;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        EXPECT_FALSE(OpenCursor(keys_, "main", "search|Patient|", changed).has_value()) << i;
        EXPECT_FALSE(OpenCursor(keys_, "main", "search|Patient|", sealed.substr(0, i)).has_value());
    }
    EXPECT_FALSE(OpenCursor(keys_, "main", "search|Patient|", sealed + "A").has_value());
    EXPECT_FALSE(OpenCursor(keys_, "main", "search|Patient|", "").has_value());
    EXPECT_FALSE(OpenCursor(keys_, "main", "search|Patient|", "not base64!").has_value());
}

TEST_F(CursorTest, BelongsToItsTenantAndScope) {
    const std::string sealed = SealCursor(keys_, "main", "search|Patient|", kNow, {1, "p", {}});
    EXPECT_FALSE(OpenCursor(keys_, "other", "search|Patient|", sealed).has_value());
    EXPECT_FALSE(OpenCursor(keys_, "main", "search|Observation|", sealed).has_value());
    EXPECT_FALSE(OpenCursor(keys_, "main", "search|Patient|7", sealed).has_value());
}

}  // namespace
}  // namespace carestream::rest
