#pragma once
// How a query is answered. Two ways, both bounded:
//   collect   all resources that one criterion names, when they are few: any order, exact
//   scan      along an index in the wanted order, filtering, until the page is full
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/internal/search_criteria.h"
#include "store/internal/sql_text.h"

namespace carestream::store {

// More than this are not collected.
constexpr int kCollectMax = 2'000;
// Rows looked at for one page.
constexpr int kExamineMax = 10'000;
constexpr std::int64_t kTotalMax = 10'000;

enum class Lead : std::uint8_t { kIds, kTokens, kPatient, kDate, kNumber, kEvents, kIdOrder };

enum class Order : std::uint8_t {
    kPk,  // creation, newest first
    kMainDate,
    kUpdated,
    kDate,    // of Plan::parameter
    kNumber,  // likewise
    kId,
    kMemory,  // of collected ones by a date or number that the row does not have
};

struct Plan {
    bool scan = false;
    Lead lead = Lead::kEvents;
    std::optional<std::size_t> lead_criterion;  // index into usable
    Order order = Order::kUpdated;
    bool descending = true;
    std::uint32_t parameter = 0;
    // Decided on the body, beside those with `recheck`.
    std::vector<const search::Criterion*> matcher;
};

// Where a page ends. Which members count is the plan's matter.
struct Cursor {
    bool scan = false;
    std::int64_t key = 0;   // micros, or bits of a double
    std::int64_t key2 = 0;  // high of a date, version of an event
    std::int64_t pk = 0;
    Micros ceiling = 0;  // of events: the time of the first page
    std::string id;      // of kId

    [[nodiscard]] std::string ToText() const;
    [[nodiscard]] static Result<Cursor> Parse(std::string_view text);
};

// What to do first: collecting where a criterion may be selective. Error: kLimit (no criterion
// leads; says what to add).
[[nodiscard]] Result<Plan> ChoosePlan(const UsableQuery& query,
                                      std::optional<std::size_t> rarest_token);
// What to do when `collect` met too many. Error: kLimit.
[[nodiscard]] Result<Plan> FallBack(const UsableQuery& query, const Plan& collect);

// Does every candidate of `plan` fulfil the criterion by how it was found? The one that leads; and,
// of patients, one that those of the lead are among.
[[nodiscard]] bool IsLed(const UsableQuery& query, const Plan& plan, const UsableCriterion& usable);

// Criteria that can lead by token: for the choice of the rarest.
[[nodiscard]] std::vector<std::size_t> TokenLeads(const UsableQuery& query);

// The statement for one step. Columns: candidates counted, their last key, key2, pk, id; then of
// each resource (null when there is none): pk, key, key2, id, version, updated, body. `candidates`
// bounds what is looked at, `rows` what is returned.
void WriteStep(const UsableQuery& query, const Plan& plan, const Cursor* after, Micros ceiling,
               int candidates, int rows, SqlText& sql);
// Columns: candidates counted, matching ones counted.
void WriteCount(const UsableQuery& query, const Plan& plan, int candidates, SqlText& sql);

}  // namespace carestream::store
