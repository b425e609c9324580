// Goal: the SSE2 pass and the table pass find the same, whatever the length and alignment.
#include "hl7/internal/scan.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace carestream::hl7::internal {
namespace {

void ExpectSame(std::string_view bytes, std::size_t begin, std::size_t end, char field,
                char escape) {
    Scan fast;
    Scan plain;
    ScanBytes(bytes, begin, end, field, escape, fast);
    ScanBytesScalar(bytes, begin, end, field, escape, plain);
    ASSERT_EQ(fast.has_escape, plain.has_escape);
    ASSERT_EQ(fast.has_high, plain.has_high);
    ASSERT_EQ(fast.fields.size(), plain.fields.size());
    for (std::size_t i = 0; i < fast.fields.size(); ++i) ASSERT_EQ(fast.fields[i], plain.fields[i]);
    ASSERT_EQ(fast.lines.size(), plain.lines.size());
    for (std::size_t i = 0; i < fast.lines.size(); ++i) {
        ASSERT_EQ(fast.lines[i].offset, plain.lines[i].offset);
        ASSERT_EQ(fast.lines[i].fields_before, plain.lines[i].fields_before);
    }
}

TEST(Scan, BothPassesAgree) {
    std::mt19937 random(20260101);
    const std::string alphabet("|^~\\&\r\nabc\0\x80\xff", 13);
    for (int round = 0; round < 3000; ++round) {
        const std::size_t size = random() % 300;
        // Few rounds have high bytes or escapes, so that both flags are seen unset too.
        const std::size_t letters = round % 3 == 0 ? alphabet.size() : 10;
        std::string bytes;
        for (std::size_t i = 0; i < size; ++i) bytes += alphabet[random() % letters];
        const std::size_t begin = size == 0 ? 0 : random() % size;
        ExpectSame(bytes, begin, size, '|', round % 5 == 0 ? '\0' : '\\');
    }
}

TEST(Scan, FindsWhatIsThere) {
    Scan scan;
    ScanBytes("ab|c\r|\n", 0, 7, '|', '\\', scan);
    ASSERT_EQ(scan.fields.size(), 2u);
    EXPECT_EQ(scan.fields[1], 5u);
    ASSERT_EQ(scan.lines.size(), 2u);
    EXPECT_EQ(scan.lines[0].offset, 4u);
    EXPECT_EQ(scan.lines[0].fields_before, 1u);
    EXPECT_EQ(scan.lines[1].fields_before, 2u);
    EXPECT_FALSE(scan.has_escape);
    EXPECT_FALSE(scan.has_high);
}

}  // namespace
}  // namespace carestream::hl7::internal
