#include "store/internal/partitions.h"

#include <string>

namespace carestream::store {
namespace {

constexpr Micros kWeek = 7LL * 86'400 * 1'000'000;
// 1970-01-05 was the first Monday.
constexpr Micros kFirstMonday = 4LL * 86'400 * 1'000'000;

Micros WeekStart(std::int64_t week) {
    return kFirstMonday + week * kWeek;
}

std::int64_t WeekOf(Micros time) {
    // Rounds down also for the four days before the first Monday.
    return (time - kFirstMonday + kWeek) / kWeek - 1;
}

// "20261123"
std::string DayName(Micros time) {
    std::string name;
    for (const char c : FormatInstant(time).substr(0, 10)) {
        if (c != '-') name += c;
    }
    return name;
}

// Made apart and attached: unlike CREATE ... PARTITION OF this does not stop readers and writers.
std::string MakePartition(const std::string& table, std::int64_t week) {
    const std::string name = table + "_" + DayName(WeekStart(week));
    const std::string from = FormatInstant(WeekStart(week));
    const std::string to = FormatInstant(WeekStart(week + 1));
    return "create table " + name + " (like " + table + " including all); alter table " + table +
           " attach partition " + name + " for values from ('" + from + "') to ('" + to + "');";
}

}  // namespace

Result<void> Partitions::Ensure(pg::Connection& connection, Micros time) {
    const std::int64_t week = WeekOf(time);
    if (weeks_.contains(week)) return {};
    const std::string name = "journal_" + DayName(WeekStart(week));
    pg::Params params;
    params.Text(name);
    CARESTREAM_ASSIGN(found,
                      connection.Query("select 1 from pg_class c join pg_namespace n on "
                                       "n.oid = c.relnamespace where c.relname = $1::text and "
                                       "n.nspname = current_schema()",
                                       params));
    if (found.empty()) {
        const Result<void> made = connection.Execute(
            "begin;" + MakePartition("journal", week) + MakePartition("outcome", week) +
            MakePartition("message_key", week) + "commit;");
        if (!made) {
            connection.Rollback();
            // 42P07: another session made them meanwhile.
            if (connection.sqlstate() != "42P07") return made;
        }
    }
    weeks_.insert(week);
    return {};
}

}  // namespace carestream::store
