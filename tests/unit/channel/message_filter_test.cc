// Goal: what passes a filter and what an edit changes is what its text says. Method: one message.
#include "channel/message_filter.h"

#include <gtest/gtest.h>

namespace carestream::channel {
namespace {

constexpr const char* kMessage =
    "MSH|^~\\&|EHR|MAIN|CS|MAIN|20260101||ADT^A01|1|P|2.5.1\r"
    "PID|1||100^^^MAIN^MR~200^^^LAB^PI||Roe^Jane||1980|F\rPV1|1|I|W\\T\\1^2\r";

hl7::Message Message() {
    return std::move(*hl7::Message::Parse(kMessage));
}

TEST(MessageConditionTest, HoldsAsItReads) {
    const auto holds = [](const char* text) {
        const auto condition = MessageCondition::Parse(text);
        EXPECT_TRUE(condition) << text << ": " << condition.error().message;
        return condition && condition->Holds(Message());
    };
    for (const char* text :
         {"PID-8 == F", "PID-8==F", "PV1-2 in [I, E]", "PID-8 != M", "PV1-2 not in [O, 'P']",
          "PID-3 valued", "PID-19 empty", "PID-3.1 == 100", "PID-3[2].1 == 200",
          "PID-3[*].1 == 200", "PID-5.1 == \"Roe\"", "ZZZ-1 empty", "PV1-3.1 == W&1",
          "PID-3[*].4 != XX"}) {
        EXPECT_TRUE(holds(text)) << text;
    }
    for (const char* text :
         {"PID-8 == M", "PID-8 != F", "PV1-2 in [O]", "PV1-2 not in [I]", "PID-3 empty",
          "PID-19 valued", "PID-3.1 == 200", "ZZZ-1 == x", "PID-3[*].4 != LAB"}) {
        EXPECT_FALSE(holds(text)) << text;
    }
}

TEST(MessageConditionTest, WhatIsNoneIsRefused) {
    for (const char* text : {"", "PID-8", "PID-8 is F", "PID-8 ==", "8 == F", "PID-8 in F",
                             "PID-8 in []", "PID-8 not F", "PID-8 valued too"}) {
        EXPECT_FALSE(MessageCondition::Parse(text)) << text;
    }
}

std::string Edited(const std::vector<std::pair<const char*, const char*>>& edits) {
    std::vector<MessageEdit> parsed;
    for (const auto& [path, text] : edits) parsed.push_back(ParseEdit(path, text).value());
    const hl7::Message message = Message();
    hl7::MessageEditor editor(message);
    const auto done = ApplyEdits(parsed, editor);
    return done ? editor.Encode() : done.error().path + ": " + done.error().message;
}

TEST(MessageEditTest, ChangesNothingButWhatItNames) {
    EXPECT_EQ(Edited({}), kMessage);
    std::string expected = kMessage;
    expected.replace(expected.find("|CS|"), 4, "|LAB|");
    EXPECT_EQ(Edited({{"MSH-5", "LAB"}}), expected);
    EXPECT_NE(Edited({{"PID-8", ""}}).find("||1980|\r"), std::string::npos);
    EXPECT_NE(Edited({{"PID-3[2].4", "X|Y"}}).find("200^^^X\\F\\Y^PI"), std::string::npos);
    // A value that is not there cannot be removed, and no segment is made for it.
    EXPECT_EQ(Edited({{"ZPI-3", ""}, {"PV1[2]-4", ""}}), kMessage);
}

TEST(MessageEditTest, WhatMayNotBeEditedIsRefused) {
    for (const char* path : {"PID", "PID-3[*]", "OBX[*]-5", "MSH-1", "MSH-2", "MSH-10", "x"}) {
        EXPECT_FALSE(ParseEdit(path, "a")) << path;
    }
}

}  // namespace
}  // namespace carestream::channel
