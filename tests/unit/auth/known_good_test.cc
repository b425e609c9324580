// Goal: only the very token that was good is taken for good, with what it was found to say.
#include "auth/internal/known_good.h"

#include <gtest/gtest.h>

#include <string>

namespace carestream::auth {
namespace {

KnownGood::Token Of(const std::string& subject) {
    KnownGood::Token token;
    token.keys = std::make_shared<const KeySet>();
    token.validity = {1, 2};
    token.principal.subject = subject;
    return token;
}

TEST(KnownGood, IsOneText) {
    KnownGood known;
    EXPECT_EQ(known.Find("a.b.c"), nullptr);
    const auto first = Of("first");
    known.Add("a.b.c", first);
    EXPECT_EQ(known.Find("a.b.c")->principal.subject, "first");
    EXPECT_EQ(known.Find("a.b.c")->keys, first.keys);
    EXPECT_EQ(known.Find("a.b.c")->validity.expires, 2);
    EXPECT_EQ(known.Find("a.b.d"), nullptr);
    known.Add("a.b.c", Of("second"));  // checked again, under other keys
    EXPECT_EQ(known.Find("a.b.c")->principal.subject, "second");
}

TEST(KnownGood, ForgetsWhatIsNotAskedFor) {
    KnownGood known(10);
    known.Add("first", Of("first"));
    for (int i = 0; i < 15; ++i) {
        known.Add(std::to_string(i), Of("x"));
        EXPECT_NE(known.Find("first"), nullptr) << i;  // it is asked for again and again
    }
    for (int i = 100; i < 130; ++i) known.Add(std::to_string(i), Of("x"));
    EXPECT_EQ(known.Find("first"), nullptr);
    EXPECT_EQ(known.Find("0"), nullptr);
}

TEST(KnownGood, ManyLongOnesAreForgottenEarlier) {
    KnownGood known(1'000, 100);
    const auto text = [](char c) { return std::string(40, c); };
    for (char c = 'a'; c <= 'f'; ++c) known.Add(text(c), Of("x"));
    EXPECT_NE(known.Find(text('f')), nullptr);
    EXPECT_EQ(known.Find(text('a')), nullptr);
}

}  // namespace
}  // namespace carestream::auth
