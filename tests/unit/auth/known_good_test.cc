// Goal: only the very token that was good, under the very keys, is taken for good.
#include "auth/internal/known_good.h"

#include <gtest/gtest.h>

#include <string>

namespace carestream::auth {
namespace {

TEST(KnownGood, IsOneTextUnderOneKeySet) {
    KnownGood known;
    const auto keys = std::make_shared<const KeySet>();
    const auto others = std::make_shared<const KeySet>();
    EXPECT_FALSE(known.Has("a.b.c", keys));
    known.Add("a.b.c", keys);
    EXPECT_TRUE(known.Has("a.b.c", keys));
    EXPECT_FALSE(known.Has("a.b.d", keys));
    EXPECT_FALSE(known.Has("a.b.c", others));  // the keys were changed
    known.Add("a.b.c", others);
    EXPECT_TRUE(known.Has("a.b.c", others));
    EXPECT_FALSE(known.Has("a.b.c", keys));
}

TEST(KnownGood, ForgetsWhatIsNotAskedFor) {
    KnownGood known(10);
    const auto keys = std::make_shared<const KeySet>();
    known.Add("first", keys);
    for (int i = 0; i < 15; ++i) {
        known.Add(std::to_string(i), keys);
        EXPECT_TRUE(known.Has("first", keys)) << i;  // it is asked for again and again
    }
    for (int i = 100; i < 130; ++i) known.Add(std::to_string(i), keys);
    EXPECT_FALSE(known.Has("first", keys));
    EXPECT_FALSE(known.Has("0", keys));
}

}  // namespace
}  // namespace carestream::auth
