// Goal: what a long-lived writer remembers is bounded, and what belongs together is forgotten
// together.
#include "store/internal/working_set.h"

#include <gtest/gtest.h>

#include "store/internal/body_codec.h"
#include "tests/component/store/resource_fixture.h"
#include "tests/support/store_fixture.h"

namespace carestream::store {
namespace {

class WorkingSetTest : public test::StoreTest {
protected:
    // Entries as they are after a batch that read or wrote them.
    void Add(std::int64_t from, int count) {
        const auto patient =
            static_cast<std::int16_t>(test::Definitions()->ResourceTypeNumber("Patient"));
        for (std::int64_t pk = from; pk < from + count; ++pk) {
            set_.AddNew(1, patient, "p" + std::to_string(pk), pk).row_stored = true;
        }
    }

    std::shared_ptr<const BodyCodec> codec_ = BodyCodec::Create(keys(), {}).value();
    WorkingSet set_{*test::Definitions(), *codec_};
};

TEST_F(WorkingSetTest, ForgetsWhatNobodyUses) {
    constexpr int kEach = 500;
    for (int batch = 0; batch < 20; ++batch) {
        Add(1 + batch * kEach, kEach);
        // The snapshot of a patient, which was kept for ever.
        set_.held[{1 + batch * kEach, std::int16_t{1}}] = {7};
        set_.NextBatch();
    }
    EXPECT_EQ(set_.FindPk(1), nullptr);
    EXPECT_EQ(set_.FindPk(10 * kEach), nullptr);
    EXPECT_NE(set_.FindPk(20 * kEach), nullptr);
    EXPECT_LT(set_.held.size(), 10u);
}

TEST_F(WorkingSetTest, ALinkKeepsItsEndsAndNothingElse) {
    constexpr int kEach = 500;
    Add(1, kEach);
    set_.SetLink(1, 2);
    set_.SetLink(2, 3);
    set_.SetLink(10, 11);
    for (int batch = 1; batch < 20; ++batch) {
        set_.NextBatch();
        Add(1 + batch * kEach, kEach);
        ASSERT_NE(set_.FindPk(3), nullptr);
    }
    ASSERT_NE(set_.FindPk(1), nullptr);
    EXPECT_EQ(set_.Canonical(*set_.FindPk(1)).pk, 3);
    EXPECT_EQ(set_.FindPk(4), nullptr);
    EXPECT_EQ(set_.FindPk(10), nullptr);
    EXPECT_EQ(set_.FindPk(11), nullptr);
}

}  // namespace
}  // namespace carestream::store
