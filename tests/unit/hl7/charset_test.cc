// Goal: text arrives as UTF-8 by the declared character set, and what cannot be decoded is said.
// Method: rows of MSH-18, fallback, bytes and the text that must come out. Expected texts are
// written as UTF-8 here; the bytes were taken from the standards of the sets.
#include "hl7/internal/charset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "hl7/encoder.h"
#include "hl7/header.h"
#include "hl7/message.h"
#include "hl7/path.h"

namespace carestream::hl7 {
namespace {

using std::string;
using testing::HasSubstr;

string WithCharset(const string& charset, const string& value) {
    return "MSH|^~\\&|A|B|C|D|||ADT^A01|1|P|2.5||||||" + charset + "\rPID|1||" + value + "^x|z\r";
}

struct Row {
    const char* name;
    string declared;
    string fallback;
    string bytes;
    string text;  // expected, if clean
    bool clean = true;
    string note;
    string charset;
};
class Charsets : public testing::TestWithParam<Row> {};

TEST_P(Charsets, Decodes) {
    const Row& row = GetParam();
    ParseOptions options;
    options.fallback_charset = row.fallback;
    const auto m = Message::Parse(WithCharset(row.declared, row.bytes), options);
    ASSERT_TRUE(m) << m.error().ToString();
    const auto raw = Resolve(*m, ParsePath("PID-3.1").value());
    ASSERT_EQ(raw.size(), 1u);
    EXPECT_EQ(raw[0], row.bytes);
    bool clean = false;
    const string text = m->Decode(raw[0], &clean);
    EXPECT_EQ(clean, row.clean);
    EXPECT_EQ(text, row.clean ? row.text : row.bytes);
    EXPECT_EQ(m->charset(), row.charset);
    string notes;
    for (const Note& note : m->notes()) notes += note.path + ": " + note.message + "\n";
    if (row.note.empty()) {
        EXPECT_EQ(notes, "");
    } else {
        EXPECT_THAT(notes, HasSubstr(row.note));
    }
    // Neighbours are not touched, and the editor gives back the bytes.
    EXPECT_EQ(Resolve(*m, ParsePath("PID-3.2").value()).at(0), "x");
    EXPECT_EQ(Resolve(*m, ParsePath("PID-4").value()).at(0), "z");
    EXPECT_EQ(MessageEditor(*m).Encode(), m->bytes());
}

INSTANTIATE_TEST_SUITE_P(
    Table0211, Charsets,
    testing::Values(
        Row{"empty_is_fallback", "", "UTF-8", "M\xC3\xBCller", "Müller", true, "", "UTF-8"},
        Row{"empty_latin_fallback", "", "ISO-8859-1", "M\xFCller", "Müller", true, "",
            "ISO-8859-1"},
        Row{"utf8", "UNICODE UTF-8", "ISO-8859-1", "\xF0\x9F\x98\x80", "😀", true, "", "UTF-8"},
        Row{"utf8_short_name", "utf-8", "UTF-8", "\xC3\xA9", "é", true, "", "UTF-8"},
        Row{"utf8_broken", "UNICODE UTF-8", "UTF-8", "M\xFCller", "", false,
            "PID-3: bytes that are not UTF-8", "UTF-8"},
        Row{"latin1", "8859/1", "UTF-8", "Fran\xE7ois", "François", true, "", "ISO-8859-1"},
        Row{"latin1_lies_windows", "8859/1", "UTF-8", "O\x92Neil \x80", "O’Neil €", true,
            "windows-1252", "ISO-8859-1"},
        Row{"latin1_undefined", "8859/1", "UTF-8", "\x81", "", false, "windows-1252", "ISO-8859-1"},
        Row{"latin2", "8859/2", "UTF-8",
            "\xA3\xF3"
            "d\xBC",
            "Łódź", true, "", "ISO-8859-2"},
        Row{"cyrillic", "8859/5", "UTF-8", "\xBC\xD8\xE0", "Мир", true, "", "ISO-8859-5"},
        Row{"greek", "8859/7", "UTF-8", "\xC1\xE8\xDE\xED\xE1", "Αθήνα", true, "", "ISO-8859-7"},
        Row{"hebrew", "8859/8", "UTF-8", "\xF9\xEC\xE5\xED", "שלום", true, "", "ISO-8859-8"},
        Row{"turkish", "8859/9", "UTF-8",
            "\xDD"
            "stanbul",
            "İstanbul", true, "", "ISO-8859-9"},
        Row{"latin9", "8859/15", "UTF-8", "\xA4", "€", true, "", "ISO-8859-15"},
        Row{"ascii_is_utf8", "ASCII", "UTF-8", "M\xC3\xBCller", "Müller", true, "valid UTF-8",
            "UTF-8"},
        Row{"ascii_is_fallback", "ASCII", "ISO-8859-1", "M\xFCller", "Müller", true,
            "read as the fallback ISO-8859-1", "ISO-8859-1"},
        Row{"ascii_is_nothing", "ASCII", "UTF-8", "M\xFCller", "", false,
            "PID-3: bytes that are not US-ASCII", "US-ASCII"},
        Row{"iso_ir6", "ISO IR6", "UTF-8", "plain", "plain", true, "", "US-ASCII"},
        Row{"unknown_name", "KLINGON", "ISO-8859-1", "\xE9", "é", true, "unknown character set",
            "ISO-8859-1"},
        Row{"utf16_refused", "UNICODE UTF-16", "UTF-8", "a", "a", true, "unknown character set",
            "UTF-8"},
        Row{"unknown_fallback", "", "nonsense", "\xC3\xA9", "é", true, "fallback character set",
            "UTF-8"},
        Row{"windows_by_icu_name", "windows-1251", "UTF-8", "\xCC\xE8\xF0", "Мир", true, "",
            "windows-1251"},
        // Second bytes that are delimiters: | ^ ~ and the escape character.
        Row{"gb18030", "GB 18030-2000", "UTF-8", "\xD6\xD0\xCE\xC4", "中文", true, "", "GB18030"},
        Row{"gb18030_bar", "GB 18030-2000", "UTF-8", "\x81\x7C\x81\x5E\x81\x7E\x81\x5C", "亅乛亊乗",
            true, "", "GB18030"},
        Row{"big5_backslash", "BIG-5", "UTF-8", "\xB3\x5C\xA5\x7C", "許四", true, "", "Big5"},
        Row{"sjis_backslash", "ISO IR14", "UTF-8", "\x95\x5C\x8E\xA6", "表示", true, "",
            "Shift_JIS"},
        Row{"katakana", "ISO IR14", "UTF-8", "\xD4\xCF\xC0\xDE", "ﾔﾏﾀﾞ", true, "", "Shift_JIS"},
        Row{"euc_kr", "KS X 1001", "UTF-8", "\xC7\xD1\xB1\xDB", "한글", true, "", "EUC-KR"},
        Row{"iso2022_kanji", "~ISO IR87", "UTF-8", "\x1B$B;3ED\x1B(B", "山田", true, "",
            "ISO-2022-JP"}),
    [](const auto& row) { return string(row.param.name); });

TEST(Charset, Iso2022HidesNoDelimitersAndShowsNone) {
    // 0x7C 0x5E and friends inside the two-byte set are halves of characters.
    const string kanji = "\x1B$B;3ED!|\x1B(B";
    const auto m = Message::Parse(WithCharset("~ISO IR87", kanji));
    ASSERT_TRUE(m);
    const auto raw = Resolve(*m, ParsePath("PID-3.1").value());
    ASSERT_EQ(raw.at(0), kanji);
    bool clean = false;
    EXPECT_EQ(m->Decode(raw[0], &clean), "山田●");
    EXPECT_TRUE(clean);
}

TEST(Charset, HeaderSeesTheSameFields) {
    const string bytes = "MSH|^~\\&|\xB3\x5C\xA5\x7C|B|C|D|||ADT^A01|77|P|2.5||||||BIG-5\rPID|1\r";
    const auto header = ScanHeader(bytes);
    ASSERT_TRUE(header);
    EXPECT_EQ(header->control_id, "77");
    EXPECT_EQ(header->sending_application, "\xB3\x5C\xA5\x7C");
    const auto m = Message::Parse(bytes);
    ASSERT_TRUE(m);
    EXPECT_EQ(m->Field(0, 10), "77");
    EXPECT_EQ(m->charset(), "Big5");
}

// The sender writes Latin-1 and calls it Shift_JIS, in which E9 7C would be one character.
TEST(Charset, AWrongNameHidesNoDelimiters) {
    const std::string bytes =
        "MSH|^~\\&|S|CAF\xe9|R|RF|2026||ADT^A01|7|P|2.5||||||ISO IR14\rPID|1||7||Ren\xe9|||F\r";
    const auto header = ScanHeader(bytes);
    ASSERT_TRUE(header);
    EXPECT_EQ(header->sending_facility, "CAF\xe9");
    EXPECT_EQ(header->control_id, "7");
    const auto m = Message::Parse(bytes);
    ASSERT_TRUE(m);
    EXPECT_EQ(m->Field(0, 4), "CAF\xe9");
    EXPECT_EQ(m->Field(1, 5), "Ren\xe9");
    EXPECT_EQ(m->Field(1, 8), "F");
}

TEST(Charset, WritesBackWhatItReads) {
    for (const char* name : {"UTF-8", "8859/1", "8859/15", "GB 18030-2000", "KS X 1001", "BIG-5",
                             "ISO IR14", "ISO IR87", "ISO IR159", "CNS 11643-1992", "8859/2"}) {
        const auto charset = internal::FindCharset(name);
        ASSERT_TRUE(charset) << name;
        string bytes;
        ASSERT_TRUE(internal::FromUtf8(*charset, "plain", bytes)) << name;
        string text;
        ASSERT_TRUE(internal::ToUtf8(*charset, bytes, text)) << name;
        EXPECT_EQ(text, "plain");
        EXPECT_FALSE(internal::FromUtf8(*charset, "\xFF", bytes)) << name;
    }
    string bytes;
    EXPECT_FALSE(internal::FromUtf8(*internal::FindCharset("8859/1"), "中", bytes));
    EXPECT_FALSE(internal::FromUtf8(*internal::FindCharset("8859/2"), "中", bytes));
    EXPECT_EQ(bytes, "");
}

struct EscapeRow {
    const char* raw;
    const char* text;
};

TEST(Escapes, AreResolved) {
    const EscapeRow rows[] = {
        {"plain", "plain"},
        {"a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f", "a|b^c&d~e\\f"},
        {"\\H\\bold\\N\\", "bold"},
        {"a\\.br\\b\\.BR\\c", "a\nb\nc"},
        {"a\\.sp\\b\\.sp2\\c\\.sp+1\\d", "a\nb\n\nc\nd"},
        {"a\\.sk3\\b", "a   b"},
        {"\\.in+2\\a\\.ti-1\\b\\.fi\\c\\.nf\\d\\.ce\\e", "abcd\ne"},
        {"\\X0D0A\\", "\r\n"},
        {"\\X41\\\\X42\\", "AB"},
        {"\\XC3A9\\", "é"},
        {"\\XC3\\\\XA9\\", "é"},
        {"\\C2842\\", "\\C2842\\"},
        {"\\M244243\\x\\Zabc\\", "\\M244243\\x\\Zabc\\"},
        {"C:\\temp\\new", "C:\\temp\\new"},
        {"1\\2", "1\\2"},
        {"a\\", "a\\"},
        {"\\\\", "\\\\"},
        {"\\foo\\F\\", "\\foo|"},
        {"\\X4\\", "\\X4\\"},
        {"\\P\\", "#"},
    };
    for (const EscapeRow& row : rows) {
        const auto m = Message::Parse(string("MSH|^~\\&|A\rNTE|1||") + row.raw + "\r");
        ASSERT_TRUE(m);
        bool clean = false;
        EXPECT_EQ(m->Decode(m->Field(1, 3), &clean), row.text) << row.raw;
        EXPECT_TRUE(clean);
    }
}

TEST(Escapes, WhatStaysRawIsNoted) {
    const auto m = Message::Parse(
        "MSH|^~\\&|A\rNTE|1||\\C2842\\a\\T\\\rNTE|2||C:\\temp\rNTE|3||\\Zx\\|\\q\\\r");
    ASSERT_TRUE(m);
    ASSERT_EQ(m->notes().size(), 2u);
    EXPECT_EQ(m->notes()[0].path, "NTE[1]-3");
    EXPECT_THAT(m->notes()[0].message, HasSubstr("C, M or Z kept as written (2"));
    EXPECT_EQ(m->notes()[1].path, "NTE[2]-3");
    EXPECT_THAT(m->notes()[1].message, HasSubstr("without a known sequence"));
}

TEST(Escapes, HexIsInTheDeclaredSet) {
    const auto m = Message::Parse(WithCharset("8859/1", "\\XE9\\"));
    ASSERT_TRUE(m);
    EXPECT_EQ(m->Decode(m->Field(1, 3)), "é^x");
}

}  // namespace
}  // namespace carestream::hl7
