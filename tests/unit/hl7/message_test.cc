// Goal: one message's bytes are read as the standard says, and as feeds write. Method: rows of
// bytes and what must be found at paths; the notes that a repair leaves.
#include "hl7/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "hl7/encoder.h"
#include "hl7/path.h"

namespace carestream::hl7 {
namespace {

using std::string;
using testing::ElementsAre;
using testing::HasSubstr;

Message MustParse(string bytes, const ParseOptions& options = {}) {
    Result<Message> message = Message::Parse(std::move(bytes), options);
    EXPECT_TRUE(message) << message.error().ToString();
    if (!message) std::abort();
    return std::move(*message);
}

string Get(const Message& message, std::string_view path) {
    const auto pieces = Resolve(message, ParsePath(path).value());
    return pieces.empty() ? "" : string(pieces.front());
}

std::vector<string> Notes(const Message& message) {
    std::vector<string> notes;
    for (const Note& note : message.notes()) notes.push_back(note.path + ": " + note.message);
    return notes;
}

constexpr std::string_view kAdt =
    "MSH|^~\\&|SEND|FAC|RECV|RFAC|20260101120000||ADT^A01^ADT_A01|77|P|2.5.1\r"
    "EVN||20260101120000\r"
    "PID|1||100^^^HOSP&1.2.3&ISO^MR~200^^^OTHER^PI||Doe^Jane^Q||19700102|F\r"
    "OBX|1|NM|A||1|\r"
    "OBX|2|ST|B||\"\"\r";

TEST(Message, FindsPiecesByNumber) {
    const Message m = MustParse(string(kAdt));
    EXPECT_EQ(m.bytes(), kAdt);
    EXPECT_EQ(m.segment_count(), 5u);
    EXPECT_EQ(m.SegmentId(2), "PID");
    EXPECT_EQ(m.SegmentBytes(1), "EVN||20260101120000");
    EXPECT_EQ(m.OccurrenceCount("OBX"), 2);
    EXPECT_EQ(m.OccurrenceCount("ZZZ"), 0);
    EXPECT_EQ(m.FindSegment("OBX", 2), 4u);
    EXPECT_EQ(m.FindSegment("OBX", 3), m.segment_count());
    EXPECT_EQ(m.Occurrence(4), 2);
    EXPECT_EQ(m.FieldCount(0), 12);
    EXPECT_EQ(m.FieldCount(3), 6);
    EXPECT_EQ(m.Field(0, 1), "|");
    EXPECT_EQ(m.Field(0, 2), "^~\\&");
    EXPECT_EQ(m.Field(0, 12), "2.5.1");
    EXPECT_EQ(m.Field(0, 13), "");
    EXPECT_EQ(m.Field(9, 1), "");
    EXPECT_EQ(m.RepetitionCount(0, 2), 1);
    EXPECT_EQ(m.RepetitionCount(2, 3), 2);
    EXPECT_EQ(m.RepetitionCount(2, 4), 0);
    EXPECT_EQ(m.Repetition(2, 3, 2), "200^^^OTHER^PI");
    EXPECT_EQ(m.Repetition(2, 3, 3), "");
    EXPECT_EQ(m.ComponentCount(m.Repetition(2, 3, 1)), 5);
    EXPECT_EQ(m.Subcomponent(m.Component(m.Repetition(2, 3, 1), 4), 2), "1.2.3");
    EXPECT_TRUE(IsNull(m.Field(4, 5)));
    EXPECT_THAT(m.notes(), testing::IsEmpty());
}

TEST(Message, NamesValuedLeavesByPath) {
    const Message m = MustParse(
        "MSH|^~\\&|A\r"
        "PID|||1^^^X&Y~2\r"
        "OBX|1||c^d\r"
        "OBX|2||\"\"\r");
    std::vector<string> paths;
    for (const Leaf& leaf : Leaves(m)) paths.push_back(PathOf(m, leaf));
    EXPECT_THAT(paths,
                ElementsAre("MSH-3.1", "PID-3[1].1", "PID-3[1].4.1", "PID-3[1].4.2", "PID-3[2].1",
                            "OBX[1]-1.1", "OBX[1]-3.1", "OBX[1]-3.2", "OBX[2]-1.1", "OBX[2]-3.1"));
}

TEST(Message, UnknownSegmentsAreLeavesToo) {
    const Message m = MustParse(
        "MSH|^~\\&|A\r"
        "PID|||1\r"
        "ZPID1|1|evil^name|20200101\r"
        "NTE|1|||c|one\r"
        "two words|F\r");
    std::vector<string> paths;
    for (const Leaf& leaf : Leaves(m)) paths.push_back(PathOf(m, leaf));
    EXPECT_THAT(paths, ElementsAre("MSH-3.1", "PID-3.1", "?id[1]-1.1", "?id[1]-2.1", "?id[1]-3.1",
                                   "?id[1]-3.2", "?id[1]-4.1", "NTE-1.1", "NTE-4.1", "NTE-5.1",
                                   "?id[2]-2.1"));
    EXPECT_EQ(m.SegmentId(2), kUnknownSegment);
    EXPECT_EQ(m.FieldCount(2), 4);
    EXPECT_EQ(m.OccurrenceCount("PID"), 1);
    EXPECT_EQ(m.OccurrenceCount(kUnknownSegment), 2);
}

TEST(Message, LeavesOfAHugeFieldTakeLinearTime) {
    string bytes = "MSH|^~\\&|A\rPID|||";
    for (int i = 0; i < 200'000; ++i) bytes += "a~";
    const Message m = MustParse(std::move(bytes));
    const std::vector<Leaf> leaves = Leaves(m);
    ASSERT_EQ(leaves.size(), 200'001u);
    std::size_t size = 0;
    for (const Leaf& leaf : leaves) size += PathOf(m, leaf).size();
    EXPECT_GT(size, 0u);
}

struct LenientCase {
    const char* name;
    string bytes;
    string path;
    string value;
    string note;  // part of one of the notes; "" = there must be none
};
class Lenient : public testing::TestWithParam<LenientCase> {};

TEST_P(Lenient, ReadsAndNotes) {
    const LenientCase& c = GetParam();
    const Message m = MustParse(c.bytes);
    EXPECT_EQ(m.bytes(), c.bytes);
    EXPECT_EQ(Get(m, c.path), c.value);
    if (c.note.empty()) {
        EXPECT_THAT(Notes(m), testing::IsEmpty());
    } else {
        EXPECT_THAT(Notes(m), testing::Contains(HasSubstr(c.note)));
    }
    EXPECT_EQ(MessageEditor(m).Encode(), c.bytes);
}

INSTANTIATE_TEST_SUITE_P(
    Feeds, Lenient,
    testing::Values(
        LenientCase{"no_last_end", "MSH|^~\\&|A\rPID|1|x", "PID-2", "x", ""},
        LenientCase{"lf", "MSH|^~\\&|A\nPID|1|x\n", "PID-2", "x", "line feeds"},
        LenientCase{"crlf", "MSH|^~\\&|A\r\nPID|1|x\r\n", "PID-2", "x", "line feeds"},
        LenientCase{"mixed", "MSH|^~\\&|A\rPID|1|x\nPV1|2\r\n", "PV1-1", "2", "line feeds"},
        LenientCase{"bom", "\xEF\xBB\xBFMSH|^~\\&|A\rPID|1|x\r", "PID-2", "x", "byte order"},
        LenientCase{"blank_lead", "\r\n \nMSH|^~\\&|A\rPID|1|x\r", "PID-2", "x", "before the MSH"},
        LenientCase{"mllp", "\x0bMSH|^~\\&|A\rPID|1|x\r\x1c\r", "PID-2", "x", "MLLP end"},
        LenientCase{"mllp_no_cr", "\x0bMSH|^~\\&|A\rPID|1|x\x1c", "PID-2", "x", "MLLP start"},
        LenientCase{"blank_lines", "MSH|^~\\&|A\r\r\rPID|1|x\r\r", "PID-2", "x", "empty lines"},
        LenientCase{"indented", "MSH|^~\\&|A\r  PID|1|x\r", "PID-2", "x", "PID: blanks before"},
        LenientCase{"few_encoding_characters", "MSH|^~|A&B\rPID|1|x&y\\F\\\r", "PID-2.1.1",
                    "x&y\\F\\", "fewer than four"},
        LenientCase{"truncation", "MSH|^~\\&#|A\rPID|1|x\r", "MSH-3", "A", ""},
        LenientCase{"doubled_escape", "MSH|^~\\\\&|A\rPID|1|x&y\r", "PID-2.1.2", "y",
                    "MSH-2: escape character written twice"},
        LenientCase{"other_delimiters", "MSH$%~\\&$A\rPID$1$x%y\r", "PID-2.2", "y", ""},
        LenientCase{"only_msh", "MSH|^~\\&", "MSH-2", "^~\\&", ""},
        LenientCase{"bare_id", "MSH|^~\\&|A\rPID\rPV1|1|I\r", "PV1-2", "I", "PID: a segment id"},
        LenientCase{"z_segment", "MSH|^~\\&|A\rZ01|1|x\r", "Z01-2", "x", ""},
        LenientCase{"comment_after_msh", "MSH|^~\\&|A|B\r# hello |\rPID|1|x\r", "PID-2", "x",
                    "begins with #"},
        LenientCase{"comment_in_pid", "MSH|^~\\&|A\rPID|1|x\r#COMMENT\rPV1|1|I\r", "PID-2", "x",
                    "PID: a line behind this segment that begins with #"},
        LenientCase{"broken_text", "MSH|^~\\&|A\rOBX|1|TX|c||line one\nline two|||||F\r", "OBX-5",
                    "line one\nline two", "OBX: a line that does not begin"},
        LenientCase{"fields_after_broken_text",
                    "MSH|^~\\&|A\rOBX|1|TX|c||line one\r\r\rline two|u||||F\r", "OBX-5",
                    "line one\r\r\rline two", "does not begin"},
        LenientCase{"fields_after_broken_observation",
                    "MSH|^~\\&|A\rOBX|1|TX|c||line one\rline two|u||||F\rOBX|2|TX|c\r", "OBX[1]-10",
                    "F", "OBX[1]: a line that does not begin"},
        LenientCase{"fields_after_broken_text_are_unknown",
                    "MSH|^~\\&|A\rNTE|1|L|line one\rline two|u||||F\r", "?id-6", "F",
                    "?id: a line, or the rest of one"},
        LenientCase{"fields_after_broken_text_are_not_the_segments",
                    "MSH|^~\\&|A\rNTE|1|L|line one\rline two|u||||F\r", "NTE-4", "",
                    "unknown segment"},
        LenientCase{"long_id", "MSH|^~\\&|A\rPID|1||66001\rZPID1|1|evil|2020\r", "PID-3", "66001",
                    "?id: a line"},
        LenientCase{"long_id_is_apart", "MSH|^~\\&|A\rPID|1||66001\rZPID1|1|evil|2020\r", "?id-3",
                    "evil", "?id: a line"},
        LenientCase{"long_id_is_no_field", "MSH|^~\\&|A\rPID|1||66001\rZPID1|1|evil|2020\r",
                    "PID-4", "", "?id: a line"},
        LenientCase{"what_stands_for_the_id", "MSH|^~\\&|A\rPID|1||66001\rPID2|x\rPV1|1|I\r",
                    "?id-1", "PID2", "?id: a line"},
        LenientCase{"not_another_pid", "MSH|^~\\&|A\rPID|1||66001\rPID2|x|y\r", "PID[2]-1", "",
                    "?id: a line"},
        LenientCase{"after_an_unknown_one", "MSH|^~\\&|A\rPID|1||6\rPID2|x\rPV1|1|I\r", "PV1-2",
                    "I", "?id: a line"},
        LenientCase{"several_unknown_ones", "MSH|^~\\&|A\rPID|1||6\rpid|x\rPID2|y\r", "?id[2]-2",
                    "y", "(2 times, the first here)"},
        LenientCase{"line_of_fields", "MSH|^~\\&|A\rNK1|1|A\r||E|F\r", "?id-3", "E", "?id: a line"},
        LenientCase{"text_behind_unknown", "MSH|^~\\&|A\rNTE|1\rpid|x\rmore text here|z\r",
                    "?id[1]-2", "x\rmore text here", "?id[1]: a line, or the rest"},
        LenientCase{"value_is_no_id", "MSH|^~\\&|A\rOBX|1|TX|c||one\ra^b|u\r", "OBX-5", "one\ra^b",
                    "does not begin"},
        LenientCase{"start_byte_in_text", "MSH|^~\\&|A\rNTE|1||a\x0bMSX|\r", "NTE-3", "a\x0bMSX",
                    ""},
        LenientCase{"msh_in_text", "MSH|^~\\&|A\rNTE|1||a\rMSH: what is it\r", "NTE-3",
                    "a\rMSH: what is it", "does not begin"},
        LenientCase{"short_text_line", "MSH|^~\\&|A\rNTE|1||a\nb\nc\n", "NTE-3", "a\nb\nc",
                    "(2 times, the first here)"},
        LenientCase{"capitals_are_text_too", "MSH|^~\\&|A\rOBX|1|TX|c||see\rCXR\rof today|u\r",
                    "OBX-5", "see\rCXR\rof today", "OBX: a line that does not begin"},
        LenientCase{"lower_case_is_text", "MSH|^~\\&|A\rNTE|1||a\rpid or not\r", "NTE-3",
                    "a\rpid or not", "does not begin"},
        LenientCase{"nul_bytes_at_end", string("MSH|^~\\&|A\rPID|1|x\r\0\0", 22), "PID-2", "x",
                    "empty lines"}),
    [](const auto& row) { return string(row.param.name); });

struct RefusedCase {
    const char* name;
    string bytes;
    string path;
    string message;
    std::size_t offset = 0;
};
class Refused : public testing::TestWithParam<RefusedCase> {};

TEST_P(Refused, NamesTheReason) {
    const RefusedCase& c = GetParam();
    const Result<Message> m = Message::Parse(c.bytes);
    ASSERT_FALSE(m);
    EXPECT_EQ(m.error().code, Code::kInvalid);
    EXPECT_EQ(m.error().path, c.path);
    EXPECT_THAT(m.error().message, HasSubstr(c.message));
    EXPECT_EQ(m.error().offset_bytes, c.offset);
}

INSTANTIATE_TEST_SUITE_P(
    Reasons, Refused,
    testing::Values(
        RefusedCase{"empty", "", "MSH", "empty", 0},
        RefusedCase{"blank", " \r\n", "MSH", "empty", 3},
        RefusedCase{"no_msh", "PID|1\r", "MSH", "no MSH", 0},
        RefusedCase{"xml", "<?xml version=\"1.0\"?>", "MSH", "no MSH", 0},
        RefusedCase{"batch", "FHS|^~\\&|A\rMSH|^~\\&|A\r", "MSH", "batch envelope (FHS)", 0},
        RefusedCase{"utf16_mark", "\xFF\xFEM", "MSH", "UTF-16", 0},
        RefusedCase{"utf16", string("\0M\0S\0H", 6), "MSH", "UTF-16", 0},
        RefusedCase{"msh_alone", "MSH", "MSH-1", "ends before", 3},
        RefusedCase{"msh_cr", "MSH\rPID|1", "MSH-1", "ends before", 3},
        RefusedCase{"no_msh_2", "MSH||A\r", "MSH-2", "no encoding", 4},
        RefusedCase{"letters", "MSHABCDEFGHIJ", "MSH-1", "cannot be a delimiter", 3},
        RefusedCase{"sentence", "MSH segment missing", "MSH-1", "cannot be a delimiter", 3},
        RefusedCase{"equal", "MSH|^^\\&|A\r", "MSH-2", "same character", 5},
        RefusedCase{"equal_to_field", "MSH{{{{{|A\r", "MSH-2", "no encoding", 4},
        RefusedCase{"high_byte", "MSH|^\xEF\xBF\xBD\\&|A\r", "MSH-2", "cannot be a delimiter", 5},
        RefusedCase{"long_msh_2", "MSH|^~\\&#%$!|A\r", "MSH-2", "more encoding", 4},
        RefusedCase{"line_after_msh", "MSH|^~\\&|A\rPI|1\r", "MSH", "segment id", 11},
        RefusedCase{"text_after_bare_id", "MSH|^~\\&|A\rPID\rsome text|1\r", "MSH", "segment id",
                    11},
        RefusedCase{"text_in_pid", "MSH|^~\\&|A\rPID|1||6\rsome text\r", "PID", "segment id", 20},
        RefusedCase{"value_in_pid", "MSH|^~\\&|A\rPID|1||6||Li-\rLu^Max||1970\r", "PID",
                    "segment id", 25},
        RefusedCase{"number_in_pid", "MSH|^~\\&|A\rPID|1||6||Apt\r#5^Springfield||1970\r", "PID",
                    "segment id", 25},
        RefusedCase{"text_in_second_pid", "MSH|^~\\&|A\rPID|1\rPID|2\rsome text\r", "PID[2]",
                    "segment id", 23},
        RefusedCase{"glued", "MSH|^~\\&|A\rPID|1||6\x0bMSH|^~\\&|A\r", "MSH[2]",
                    "a second MSH begins here", 19},
        RefusedCase{"glued_batch",
                    "MSH|^~\\&|A\rPID|1||6\x0b"
                    "FHS|^~\\&|A\r",
                    "MSH[2]", "a second MSH begins here", 19},
        RefusedCase{"glued_line", "MSH|^~\\&|A\rPID|1\r\x0bMSH|^~\\&|A\r", "MSH[2]",
                    "a second MSH begins here", 17},
        RefusedCase{"msh_behind_controls", "MSH|^~\\&|A\rNTE|1\r\x01 \x02MSH|^~\\&|A\r", "MSH[2]",
                    "a second MSH begins here", 17},
        RefusedCase{"msh_behind_a_mark", "MSH|^~\\&|A\rNTE|1\r\xEF\xBB\xBFMSH|^~\\&|A\r", "MSH[2]",
                    "a second MSH begins here", 17},
        RefusedCase{"msh_of_other_delimiters", "MSH|^~\\&|A\rNTE|1\rMSH$%~\\&$A\r", "MSH[2]",
                    "a second MSH begins here", 17},
        RefusedCase{"second_msh", "MSH|^~\\&|A\rMSH|^~\\&|A\r", "MSH[2]", "second MSH", 11}),
    [](const auto& row) { return string(row.param.name); });

TEST(Message, LimitsAreKept) {
    ParseOptions options;
    options.message_bytes_max = 20;
    EXPECT_EQ(Message::Parse("MSH|^~\\&|A\rPID|1|x\rPV1", options).error().code, Code::kLimit);
    options = {};
    options.segments_max = 2;
    EXPECT_TRUE(Message::Parse("MSH|^~\\&|A\rPID|1\r", options));
    EXPECT_EQ(Message::Parse("MSH|^~\\&|A\rPID|1\rPV1|1", options).error().code, Code::kLimit);
}

TEST(Message, NothingButDelimitersMeetsALimit) {
    for (const char c : {'|', '^', '~', '&', '\r', '\n'}) {
        const auto m = Message::Parse("MSH|^~\\&|A\rPID|1|x" + string(9u << 20, c));
        ASSERT_FALSE(m) << static_cast<int>(c);
        EXPECT_EQ(m.error().code, Code::kLimit);
    }
    // A document in one value is no such thing.
    EXPECT_TRUE(Message::Parse("MSH|^~\\&|A\rOBX|1|ED|||^^^Base64^" + string(9u << 20, 'A')));
}

TEST(Message, ManyDifferentIdsAreFound) {
    string bytes = "MSH|^~\\&|A\r";
    std::vector<string> ids;
    for (char a = 'A'; a <= 'Z'; ++a) {
        for (char b = '0'; b <= '9'; ++b) ids.push_back(string("Z") + a + b);
    }
    for (int round = 0; round < 3; ++round) {
        for (const string& id : ids) bytes += id + "|" + id + std::to_string(round) + "\r";
    }
    const Message m = MustParse(std::move(bytes));
    for (const string& id : ids) {
        ASSERT_EQ(m.OccurrenceCount(id), 3);
        EXPECT_EQ(m.Field(m.FindSegment(id, 3), 1), id + "2");
    }
    EXPECT_EQ(m.OccurrenceCount("PID"), 0);
}

TEST(Message, MovesWithoutLosingItsViews) {
    Message a = MustParse(string(kAdt));
    const std::string_view name = a.Field(2, 5);
    const Message b = std::move(a);
    EXPECT_EQ(name, "Doe^Jane^Q");
    EXPECT_EQ(b.Field(2, 5).data(), name.data());
}

}  // namespace
}  // namespace carestream::hl7
