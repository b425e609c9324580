#include "store/internal/partitions.h"

#include <charconv>
#include <chrono>
#include <string>

namespace carestream::store {
namespace {

// 1970-01-05 was the first Monday.
constexpr Micros kFirstMonday = 4LL * 86'400 * 1'000'000;
constexpr std::string_view kJournalPrefix = "journal_";

// "20261123"
std::string DayName(Micros time) {
    std::string name;
    for (const char c : FormatInstant(time).substr(0, 10)) {
        if (c != '-') name += c;
    }
    return name;
}

// Made apart and attached: unlike CREATE ... PARTITION OF this does not stop readers and writers.
std::string MakePartition(const std::string& table, Micros start) {
    const std::string name = PartitionName(table, start);
    const std::string from = FormatInstant(start);
    const std::string to = FormatInstant(start + kWeekMicros);
    return "create table " + name + " (like " + table + " including all); alter table " + table +
           " attach partition " + name + " for values from ('" + from + "') to ('" + to + "');";
}

}  // namespace

Micros WeekStart(Micros time) {
    // Rounds down also for the four days before the first Monday.
    return kFirstMonday + ((time - kFirstMonday + kWeekMicros) / kWeekMicros - 1) * kWeekMicros;
}

std::string PartitionName(std::string_view table, Micros start) {
    return std::string(table) + "_" + DayName(start);
}

std::optional<Micros> PartitionStart(std::string_view name) {
    if (!name.starts_with(kJournalPrefix)) return std::nullopt;
    const std::string_view digits = name.substr(kJournalPrefix.size());
    int number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (digits.size() != 8 || error != std::errc() || end != digits.data() + digits.size()) {
        return std::nullopt;
    }
    const std::chrono::year_month_day day{
        std::chrono::year(number / 10'000),
        std::chrono::month(static_cast<unsigned>(number / 100 % 100)),
        std::chrono::day(static_cast<unsigned>(number % 100))};
    if (!day.ok()) return std::nullopt;
    return std::chrono::sys_days(day).time_since_epoch().count() * 86'400LL * 1'000'000;
}

Result<void> Partitions::Ensure(pg::Connection& connection, Micros time) {
    const Micros start = WeekStart(time);
    {
        const std::lock_guard lock(mutex_);
        if (weeks_.contains(start)) return {};
    }
    const std::string name = PartitionName("journal", start);
    pg::Params params;
    params.Text(name);
    CARESTREAM_ASSIGN(found,
                      connection.Query("select 1 from pg_class c join pg_namespace n on "
                                       "n.oid = c.relnamespace where c.relname = $1::text and "
                                       "n.nspname = current_schema()",
                                       params));
    if (found.empty()) {
        const Result<void> made = connection.Execute(
            "begin;" + MakePartition("journal", start) + MakePartition("outcome", start) +
            MakePartition("message_key", start) + "commit;");
        if (!made) {
            connection.Rollback();
            // 42P07: another session made them meanwhile.
            if (connection.sqlstate() != "42P07") return made;
        }
    }
    const std::lock_guard lock(mutex_);
    weeks_.insert(start);
    return {};
}

void Partitions::Forget() {
    const std::lock_guard lock(mutex_);
    weeks_.clear();
}

}  // namespace carestream::store
