// Goal: what is written is read back as the same text, and a change touches nothing else.
#include "hl7/encoder.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace carestream::hl7 {
namespace {

using std::string;

constexpr std::string_view kAdt =
    "MSH|^~\\&|S|F|R|G|2026||ADT^A01|7|P|2.5\r\n"
    "PID|1||100^^^H&1.2&ISO~200||Doe^Jane\r"
    "\r"
    "OBX|1|ST|a||x|\n"
    "OBX|2|ST|b";

MessageEditor Edit(std::string_view bytes) {
    auto message = Message::Parse(string(bytes));
    EXPECT_TRUE(message) << message.error().ToString();
    return MessageEditor(*message);
}

TEST(EscapeText, WritesEscapes) {
    const Delimiters d;
    EXPECT_EQ(EscapeText("a|b^c&d~e\\f", d), "a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f");
    EXPECT_EQ(EscapeText("1\r\n2\r3\n4", d), "1\\.br\\2\\.br\\3\\.br\\4");
    EXPECT_EQ(EscapeText("\t", d), "\\X09\\");
    EXPECT_EQ(EscapeText("\"\"", d), "\\X2222\\");
    EXPECT_EQ(EscapeText("a\"\"", d), "a\"\"");
    EXPECT_EQ(EscapeText("a#b", d), "a#b");
    Delimiters other{'$', '%', '*', '!', '+', '#'};
    EXPECT_EQ(EscapeText("a|b%#!", other), "a|b!S!!P!!E!");
    other.escape = 0;
    EXPECT_EQ(EscapeText("a%b\nc", other), "a b c");
}

TEST(EscapeText, IsReadBack) {
    std::mt19937 random(7);
    const string alphabet = "|^~\\&ab.br\"XFC \t\n\xC3";
    for (int round = 0; round < 3000; ++round) {
        string text;
        for (auto i = random() % 12; i > 0; --i) {
            const char c = alphabet[random() % alphabet.size()];
            text += c == '\xC3' ? string("é") : string(1, c);
        }
        MessageEditor editor;
        editor.Append("MSH");
        editor.Append("NTE");
        ASSERT_TRUE(editor.SetText(1, 3, 1, 1, 0, text));
        const auto m = Message::Parse(editor.Encode());
        ASSERT_TRUE(m) << editor.Encode();
        bool clean = false;
        ASSERT_EQ(m->Decode(m->Field(1, 3), &clean), text) << editor.Encode();
        ASSERT_TRUE(clean);
    }
}

TEST(MessageEditor, GivesBackTheBytes) {
    EXPECT_EQ(Edit(kAdt).Encode(), kAdt);
}

TEST(MessageEditor, ChangesOneLeaf) {
    MessageEditor editor = Edit(kAdt);
    ASSERT_TRUE(editor.Set(ParsePath("PID-3[2].4.2").value(), "9.9"));
    ASSERT_TRUE(editor.Set(ParsePath("PID-5.1").value(), "O|Hara"));
    ASSERT_TRUE(editor.Set(ParsePath("MSH-10").value(), "8"));
    ASSERT_TRUE(editor.Set(ParsePath("OBX[2]-5").value(), "new"));
    ASSERT_TRUE(editor.Set(ParsePath("OBX[3]-1").value(), "3"));
    ASSERT_TRUE(editor.Set(ParsePath("PID-9.3").value(), ""));
    EXPECT_EQ(editor.Encode(),
              "MSH|^~\\&|S|F|R|G|2026||ADT^A01|8|P|2.5\r\n"
              "PID|1||100^^^H&1.2&ISO~200^^^&9.9||O\\F\\Hara^Jane||||\r"
              "\r"
              "OBX|1|ST|a||x|\n"
              "OBX|2|ST|b||new\r"
              "OBX|3");
}

TEST(MessageEditor, RefusesWhatCannotBe) {
    MessageEditor editor = Edit("MSH|^~\\&|A|||||||||||||||8859/1\rPID|1\r");
    EXPECT_EQ(editor.Set(ParsePath("PID-5.1").value(), "中").error().code, Code::kInvalid);
    EXPECT_EQ(editor.Set(ParsePath("PID-5.1").value(), "\xFF").error().code, Code::kInvalid);
    EXPECT_EQ(editor.Set(ParsePath("PID[4]-5").value(), "x").error().code, Code::kInvalid);
    EXPECT_EQ(editor.Set(ParsePath("PID[*]-5").value(), "x").error().code, Code::kInvalid);
    EXPECT_EQ(editor.Set(ParsePath("PID").value(), "x").error().code, Code::kInvalid);
    EXPECT_EQ(editor.Set(ParsePath("MSH-2").value(), "x").error().code, Code::kUnsupported);
    ASSERT_TRUE(editor.Set(ParsePath("PID-5.1").value(), "é"));
    EXPECT_EQ(editor.Field(1, 5), "\xE9");
    MessageEditor few = Edit("MSH|^|A\rPID|1\r");
    EXPECT_EQ(few.Set(ParsePath("PID-3[2]").value(), "x").error().code, Code::kUnsupported);
    EXPECT_TRUE(few.Set(ParsePath("PID-3.1.1").value(), "x"));
}

TEST(MessageEditor, BuildsAMessage) {
    MessageEditor editor;
    editor.Append("MSH");
    editor.SetField(0, 9, "ADT^A01");
    editor.SetField(0, 12, "2.5.1");
    editor.Append("PV1");
    editor.Insert(1, "PID");
    ASSERT_TRUE(editor.SetText(1, 5, 1, 2, 0, "Jane & Joe"));
    editor.SetField(2, 2, "I");
    EXPECT_EQ(editor.Encode(),
              "MSH|^~\\&|||||||ADT^A01|||2.5.1\rPID|||||^Jane \\T\\ Joe\rPV1||I\r");
    EXPECT_EQ(editor.Field(0, 1), "|");
    EXPECT_EQ(editor.FieldCount(0), 12);
    editor.Remove(2);
    EXPECT_EQ(editor.Encode(), "MSH|^~\\&|||||||ADT^A01|||2.5.1\rPID|||||^Jane \\T\\ Joe\r");
}

TEST(MessageEditor, BuildsInAnotherCharacterSet) {
    MessageEditor editor({}, "8859/1");
    editor.Append("MSH");
    editor.Append("PID");
    ASSERT_TRUE(editor.SetText(1, 5, 1, 1, 0, "Müller"));
    EXPECT_EQ(editor.Field(1, 5), "M\xFCller");
    EXPECT_FALSE(editor.SetText(1, 5, 1, 1, 0, "Łuk"));
    EXPECT_TRUE(IsCharset("UNICODE UTF-8"));
    EXPECT_FALSE(IsCharset("klingon"));
    EXPECT_FALSE(IsCharset("UTF-16"));
}

TEST(EncodableText, ReplacesOnlyWhatTheSetLacks) {
    bool replaced = true;
    EXPECT_EQ(EncodableText("Müller", "8859/1", &replaced), "Müller");
    EXPECT_FALSE(replaced);
    EXPECT_EQ(EncodableText("Müller Łuk ß “x” 漢", "ASCII", &replaced), "Muller Luk ss \"x\" ?");
    EXPECT_TRUE(replaced);
    EXPECT_EQ(EncodableText("Müller Łuk", "8859/1", &replaced), "Müller Luk");
    EXPECT_TRUE(replaced);
    EXPECT_EQ(EncodableText("a\xFF"
                            "b",
                            "UTF-8", &replaced),
              "a?b");
    EXPECT_TRUE(replaced);
}

TEST(MessageEditor, KeepsTheEndAtTheEnd) {
    MessageEditor editor = Edit("\x0bMSH|^~\\&|A\rPID|1\x1c\r");
    editor.SetField(editor.Append("PV1"), 1, "x");
    EXPECT_EQ(editor.Encode(), "\x0bMSH|^~\\&|A\rPID|1\rPV1|x\x1c\r");
    editor.Remove(2);
    EXPECT_EQ(editor.Encode(), "\x0bMSH|^~\\&|A\rPID|1\x1c\r");
}

TEST(MessageEditor, EditsInTwoByteSets) {
    MessageEditor editor = Edit("MSH|^~\\&|A|||||||||||||||BIG-5\rPID|1||\xB3\x5C\xA5\x5E^b\r");
    ASSERT_TRUE(editor.SetText(1, 3, 1, 2, 0, "許"));
    EXPECT_EQ(editor.Field(1, 3), "\xB3\x5C\xA5\x5E^\xB3\x5C");
}

TEST(MessageEditor, KeepsUnknownSegmentsAndChangesOnlyTheirFields) {
    const string bytes = "MSH|^~\\&|A\rPID|1\rZPID1|1|x^y\rOBX|1|||c|a\rb words|F\rPV1|1\r";
    const Result<Message> message = Message::Parse(bytes);
    ASSERT_TRUE(message);
    MessageEditor editor(*message);
    EXPECT_EQ(editor.Encode(), bytes);
    EXPECT_EQ(editor.SegmentId(2), kUnknownSegment);
    EXPECT_EQ(editor.Field(2, 3), "x^y");
    ASSERT_TRUE(editor.Set(ParsePath("?id[1]-3.2").value(), "z"));
    ASSERT_TRUE(editor.Set(ParsePath("?id[2]-2").value(), "G"));
    EXPECT_EQ(editor.Encode(), "MSH|^~\\&|A\rPID|1\rZPID1|1|x^z\rOBX|1|||c|a\rb words|G\rPV1|1\r");
    EXPECT_FALSE(editor.Set(ParsePath("?id[3]-2").value(), "x"));
}

}  // namespace
}  // namespace carestream::hl7
