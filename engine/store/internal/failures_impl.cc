#include "store/internal/failures_impl.h"

#include <utility>

#include "store/internal/session.h"

namespace carestream::store {
namespace {

using pg::Params;

// $1 tenant, $2 pause in milliseconds, $3 limit.
const pg::Statement kUntold{
    "f_untold",
    "select tenant, direction, channel, kind, path, count, first, last, message, reason from "
    "failure where tenant = $1::int2 and told < count and (told_at is null or told_at <= now() - "
    "$2::int8 * interval '1 millisecond') order by last limit $3::int4"};
const pg::Statement kTold{
    "f_told",
    "update failure set told = greatest(told, $6::int8), told_at = now() where tenant = $1::int2 "
    "and direction = $2::int2 and channel = $3::text collate \"C\" and kind = $4::text collate "
    "\"C\" and path = $5::text collate \"C\""};

class FailuresImpl final : public Failures {
public:
    explicit FailuresImpl(pg::ConnectOptions options) : session_(std::move(options)) {}

    Result<std::vector<Failure>> Untold(Tenant tenant, std::int64_t pause_ms, int limit) override {
        CARESTREAM_ASSIGN(rows,
                          session_.Run(kUntold, Params().Int2(tenant).Int8(pause_ms).Int4(limit)));
        std::vector<Failure> failures;
        for (int row = 0; row < rows.size(); ++row) {
            failures.push_back({rows.Int2(row, 0), static_cast<FailureDirection>(rows.Int2(row, 1)),
                                std::string(rows.Text(row, 2)), std::string(rows.Text(row, 3)),
                                std::string(rows.Text(row, 4)), rows.Int8(row, 5),
                                rows.Timestamp(row, 6), rows.Timestamp(row, 7), rows.Int8(row, 8),
                                std::string(rows.Text(row, 9))});
        }
        return failures;
    }

    Result<void> Told(const Failure& failure) override {
        Params params;
        params.Int2(failure.tenant).Int2(static_cast<std::int16_t>(failure.direction));
        params.Text(failure.channel).Text(failure.kind).Text(failure.path).Int8(failure.count);
        CARESTREAM_TRY(session_.Run(kTold, params));
        return {};
    }

private:
    Session session_;
};

}  // namespace

std::unique_ptr<Failures> MakeFailures(pg::ConnectOptions options) {
    options.application = "carestream failures";
    return std::make_unique<FailuresImpl>(std::move(options));
}

}  // namespace carestream::store
