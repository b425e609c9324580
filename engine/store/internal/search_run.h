#pragma once
// Answers searches on one session: plan, steps until the page is full, includes, total.
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "store/internal/body_codec.h"
#include "store/internal/pg.h"
#include "store/internal/search_plan.h"
#include "store/internal/sql_text.h"
#include "store/internal/writer_impl.h"
#include "store/reader.h"

namespace carestream::store {

// Confined to one thread and one session at a time; Forget() after the session was replaced.
class Searcher {
public:
    Searcher(const ResourceParts& parts, std::shared_ptr<const BodyCodec> codec)
        : parts_(parts), codec_(std::move(codec)) {}

    // Errors: as Reader::Search, and retryable outages.
    [[nodiscard]] Result<SearchPage> Run(pg::Connection& connection, const SearchRequest& request);

private:
    struct Match {
        StoredVersion version;
        Cursor cursor;
        bool unreadable = false;  // there, and its body cannot be opened
    };
    struct Step {
        int candidates = 0;
        Cursor last;  // of the candidates
        std::vector<Match> rows;
    };
    struct Fill {
        std::vector<Match> matches;
        std::vector<std::string> unreadable;  // as SearchPage's; some may be there twice
        bool more = false;
        Cursor next;
        int examined = 0;
    };

    [[nodiscard]] Result<void> Prepare(pg::Connection& connection, const SearchRequest& request,
                                       UsableQuery& query);
    [[nodiscard]] Result<Plan> FirstPlan(pg::Connection& connection, const UsableQuery& query);
    [[nodiscard]] Result<std::int64_t> CountHash(pg::Connection& connection,
                                                 const std::vector<std::int64_t>& hashes);
    // Plans, falls back and fills one page of `count` after `position`.
    [[nodiscard]] Result<Fill> FillPage(pg::Connection& connection, const UsableQuery& query,
                                        const std::string& position, int count);
    [[nodiscard]] Result<Fill> FillByScan(pg::Connection& connection, const UsableQuery& query,
                                          const Plan& plan, const Cursor* after, int count);
    // nullopt: too many to collect.
    [[nodiscard]] Result<std::optional<Fill>> FillByCollect(pg::Connection& connection,
                                                            const UsableQuery& query,
                                                            const Plan& plan, const Cursor* after,
                                                            int count);
    [[nodiscard]] Result<Step> RunStep(pg::Connection& connection, const UsableQuery& query,
                                       const Plan& plan, const Cursor* after, Micros ceiling,
                                       int candidates, int rows);
    [[nodiscard]] Match TakeMatch(const pg::Rows& rows, int row, const UsableQuery& query,
                                  const Plan& plan) const;
    // False: damaged, or its key is lost. No outage says that, so trying again changes nothing.
    [[nodiscard]] bool OpenBody(Tenant tenant, std::string_view sealed,
                                StoredVersion& version) const;
    // What cannot be opened is refused, and named in `fill`. Of the first matches the tree is kept.
    [[nodiscard]] Result<bool> Accepts(const UsableQuery& query, const Plan& plan, Match& match,
                                       Fill& fill) const;
    // Sorts by what only the body tells and cuts the page.
    [[nodiscard]] Result<void> SortInMemory(const Plan& plan, const Cursor* after, int count,
                                            Fill& fill) const;
    [[nodiscard]] Result<void> AddTotal(pg::Connection& connection, const UsableQuery& query,
                                        const SearchRequest& request, SearchPage& page);
    [[nodiscard]] Result<void> AddIncludes(pg::Connection& connection, const SearchRequest& request,
                                           SearchPage& page);
    [[nodiscard]] Result<void> AddReverse(pg::Connection& connection, const SearchRequest& request,
                                          const search::Include& include, SearchPage& page);

    const crypto::TokenKey& TokenKeyOf(Tenant tenant);
    std::uint32_t MainDateOf(std::string_view type);

    const ResourceParts& parts_;
    std::shared_ptr<const BodyCodec> codec_;
    ShapeCache shapes_;
    std::map<Tenant, crypto::TokenKey> token_keys_;
    std::map<std::string, std::uint32_t, std::less<>> main_dates_;
};

}  // namespace carestream::store
