#include "hl7/ack.h"

#include <gtest/gtest.h>

#include "hl7/message.h"

namespace carestream::hl7 {
namespace {

using std::string;

constexpr Micros kTime = 1764014828123456;  // 2025-11-24T20:07:08Z

Header Scan(const string& bytes) {
    auto header = ScanHeader(bytes);
    EXPECT_TRUE(header) << header.error().ToString();
    return header ? *header : Header{};
}

TEST(Header, ReadsTheMshAlone) {
    const Header h = Scan(
        "MSH|^~\\&|SEND^1.2^ISO|FAC|RECV|RF|2026||ADT^A01^ADT_A01|77|P^T|2.5^USA|||AL|NE||UNICODE "
        "UTF-8~ASCII\rPID|not|looked|at\r");
    EXPECT_EQ(h.sending_application, "SEND^1.2^ISO");
    EXPECT_EQ(h.sending_facility, "FAC");
    EXPECT_EQ(h.receiving_application, "RECV");
    EXPECT_EQ(h.receiving_facility, "RF");
    EXPECT_EQ(h.message_code, "ADT");
    EXPECT_EQ(h.trigger_event, "A01");
    EXPECT_EQ(h.structure, "ADT_A01");
    EXPECT_EQ(h.control_id, "77");
    EXPECT_EQ(h.processing_id, "P");
    EXPECT_EQ(h.version, "2.5");
    EXPECT_EQ(h.accept_ack, "AL");
    EXPECT_EQ(h.application_ack, "NE");
    EXPECT_EQ(h.charset, "UNICODE UTF-8~ASCII");
    EXPECT_TRUE(h.enhanced());
}

TEST(Header, FirstBytesSuffice) {
    const Header h = Scan("\x0b\xEF\xBB\xBF\rMSH|^~\\&|S");
    EXPECT_EQ(h.sending_application, "S");
    EXPECT_EQ(h.control_id, "");
    EXPECT_FALSE(h.enhanced());
    EXPECT_FALSE(ScanHeader("PID|1"));
    EXPECT_FALSE(ScanHeader(""));
}

TEST(Ack, OriginalModeSwapsAndRepeats) {
    const Header h = Scan("MSH|^~\\&|S|SF|R|RF|2026||ADT^A01^ADT_A01|77|P|2.5.1\r");
    const string ack = BuildAck(h, AckCode::kAA, "4711", kTime);
    EXPECT_EQ(ack,
              "MSH|^~\\&|R|RF|S|SF|20251124200708+0000||ACK^A01^ACK|4711|P|2.5.1\r"
              "MSA|AA|77\r");
    EXPECT_EQ(ack, BuildAck(h, AckCode::kAA, "4711", kTime));
}

TEST(Ack, EchoesNoFramingBytes) {
    const Header h = Scan("MSH|^~\\&|S\x0bMSH|F|R|RF|2026||ADT^A01|77\x1c|P|2.5.1\r");
    EXPECT_EQ(BuildAck(h, AckCode::kAA, "4711", kTime),
              "MSH|^~\\&|R|RF|SMSH|F|20251124200708+0000||ACK^A01^ACK|4711|P|2.5.1\r"
              "MSA|AA|77\r");
}

TEST(Ack, NamesNoCharsetThatWouldHideADelimiter) {
    Header h = Scan("MSH|^~\\&|S|SF|R|RF|2026||ADT^A01|77|P|2.5.1\r");
    h.charset = "ISO IR14";
    EXPECT_NE(BuildAck(h, AckCode::kAA, "1", kTime).find("||||||ISO IR14\r"), string::npos);
    h.control_id = "7\xf8";  // no Shift_JIS: it would take the segment's end with it
    const string ack = BuildAck(h, AckCode::kAA, "1", kTime);
    EXPECT_EQ(ack.find("ISO IR14"), string::npos);
    EXPECT_NE(ack.find("MSA|AA|7\xf8\r"), string::npos);
}

TEST(Ack, UsesTheSendersDelimitersAndCharset) {
    const Header h = Scan("MSH$%*!+#$S%x$SF$R$RF$2026$$ADT%A01$7!F!7$T$2.7$$$$$$8859/1\r");
    const string ack = BuildAck(h, AckCode::kCE, "1$2", kTime,
                                {{"PID^1^3^1^4", 101, 'E', "caf\xC3\xA9 costs 5$ \xE4\xB8\xAD"}});
    EXPECT_EQ(ack,
              "MSH$%*!+#$R$RF$S%x$SF$20251124200708!T!0000$$ACK%A01%ACK$1!F!2$T$2.7$$$$$$8859/1\r"
              "MSA$CE$7!F!7\r"
              "ERR$$PID%1%3%1%4$101%Required field missing%HL70357$E$$$$caf?? costs 5!F! ???\r");
    const auto m = Message::Parse(ack);
    ASSERT_TRUE(m);
    EXPECT_EQ(m->Decode(m->Field(0, 7)), "20251124200708+0000");
}

TEST(Ack, ErrorsOfTheNewForm) {
    const Header h = Scan("MSH|^~\\&|S|SF|R|RF|2026||ORU^R01|77|P|2.5\r");
    EXPECT_EQ(BuildAck(h, AckCode::kAR, "1", kTime,
                       {{"MSH^1^11", 202, 'E', "T is refused here"}, {"", 207, 'F', ""}}),
              "MSH|^~\\&|R|RF|S|SF|20251124200708+0000||ACK^R01^ACK|1|P|2.5\r"
              "MSA|AR|77\r"
              "ERR||MSH^1^11|202^Unsupported processing id^HL70357|E||||T is refused here\r"
              "ERR|||207^Application internal error^HL70357|F\r");
}

TEST(Ack, ErrorsOfTheOldForm) {
    const Header h = Scan("MSH|^~\\&|S|SF|R|RF|1999||ADT^A01|77|P|2.3\r");
    EXPECT_EQ(BuildAck(h, AckCode::kAE, "1", kTime, {{"PID^1^3", 101, 'E', "no identifier"}}),
              "MSH|^~\\&|R|RF|S|SF|20251124200708+0000||ACK^A01|1|P|2.3\r"
              "MSA|AE|77|no identifier\r"
              "ERR|PID^1^3^101&Required field missing&HL70357\r");
}

TEST(Ack, OldVersionsHaveShorterTypes) {
    const auto type = [](const string& version, const string& event) {
        const Header h = Scan("MSH|^~\\&|S|SF|R|RF|1999||ADT" + event + "|77|P|" + version + "\r");
        const auto m = Message::Parse(BuildAck(h, AckCode::kAA, "1", kTime));
        return string(m->Field(0, 9));
    };
    EXPECT_EQ(type("2.1", "^A01"), "ACK");
    EXPECT_EQ(type("2.2", "^A01"), "ACK^A01");
    EXPECT_EQ(type("2.3", "^A01"), "ACK^A01");
    EXPECT_EQ(type("2.3.1", "^A01"), "ACK^A01^ACK");
    EXPECT_EQ(type("2.8.2", "^A01"), "ACK^A01^ACK");
    EXPECT_EQ(type("2.5", ""), "ACK");
    EXPECT_EQ(type("", "^A01"), "ACK^A01^ACK");
    EXPECT_EQ(type("x.y", "^A01"), "ACK^A01^ACK");
}

TEST(Ack, FewDelimitersAreEnough) {
    const Header h = Scan("MSH|^|S|SF|R|RF|1999||ADT^A01|77|P|2.3\r");
    EXPECT_EQ(BuildAck(h, AckCode::kAE, "1", kTime, {{"PID^1^3", 101, 'E', "a^b"}}),
              "MSH|^|R|RF|S|SF|20251124200708+0000||ACK^A01|1|P|2.3\r"
              "MSA|AE|77|a b\r"
              "ERR|PID^1^3^101\r");
}

TEST(Ack, AcceptAckByMsh15) {
    const std::tuple<const char*, bool, bool> rows[] = {{"", true, true},
                                                        {"AL", true, true},
                                                        {"NE", false, false},
                                                        {"ER", false, true},
                                                        {"SU", true, false}};
    for (const auto& [value, on_success, on_error] : rows) {
        Header h;
        h.accept_ack = value;
        EXPECT_EQ(WantsAcceptAck(h, true), on_success) << value;
        EXPECT_EQ(WantsAcceptAck(h, false), on_error) << value;
    }
}

}  // namespace
}  // namespace carestream::hl7
