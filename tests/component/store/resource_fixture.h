#pragma once
// A writer and a reader on a fresh database, with helpers to state messages and REST writes.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "fhir/change_set.h"
#include "fhir/definitions.h"
#include "fhir/json.h"
#include "search/index.h"
#include "store/internal/reader_impl.h"
#include "store/internal/writer_impl.h"
#include "tests/support/store_fixture.h"

namespace carestream::test {

inline constexpr Micros kDay0 = 1'780'000'000'000'000;  // 2026-05-28

// Shared by all tests of the process: loading them takes longer than most tests.
[[nodiscard]] std::shared_ptr<const fhir::Definitions> Definitions();
[[nodiscard]] std::shared_ptr<const search::Indexer> SharedIndexer();

[[nodiscard]] fhir::Node Json(const std::string& text);

// Moves by a second whenever asked, from any thread.
class TickClock final : public Clock {
public:
    [[nodiscard]] Micros Now() const override { return now_ += 1'000'000; }

private:
    mutable std::atomic<Micros> now_{kDay0};
};

class ResourceTest : public StoreTest {
protected:
    void SetUp() override;
    void TearDown() override;

    // Made on first use.
    [[nodiscard]] store::Writer& writer();
    [[nodiscard]] store::Reader& reader();
    [[nodiscard]] store::ResourceParts Parts();
    void StopWriter() { writer_.reset(); }

    // A change found by `system|value`; the provisional id follows from both.
    [[nodiscard]] fhir::Change Change(const std::string& type, const std::string& value,
                                      const std::string& json,
                                      fhir::ChangeMode mode = fhir::ChangeMode::kUpsert) const;
    [[nodiscard]] static std::string IdOf(const std::string& type, const std::string& value);
    // A message of the next seq, received one second after the one before.
    [[nodiscard]] store::FeedWrite Message(std::vector<fhir::Change> changes);

    [[nodiscard]] std::future<Result<store::FeedResult>> Submit(store::FeedWrite write);
    [[nodiscard]] Result<store::FeedResult> Feed(store::FeedWrite write);
    [[nodiscard]] Result<store::RestResult> Rest(store::RestWrite write);
    [[nodiscard]] Result<store::RestResult> Create(const std::string& json);
    [[nodiscard]] Result<store::RestResult> Update(const std::string& json);
    [[nodiscard]] Result<store::StoredVersion> Read(const std::string& type, const std::string& id);

    TickClock clock_;
    const std::shared_ptr<store::PatientLinks> links_ = std::make_shared<store::PatientLinks>();

private:
    std::int64_t next_seq_ = 1;
    std::unique_ptr<store::Writer> writer_;
    std::unique_ptr<store::Reader> reader_;
};

}  // namespace carestream::test
