#pragma once
// Reads that see every commit answered before. All calls return at once; the callback runs on a
// database thread, but where it is said. `Cancel` of a token makes a waiting or running request end
// with kUnavailable.
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "search/query.h"
#include "store/access_audit.h"
#include "store/types.h"

namespace carestream::store {

using CancelToken = std::shared_ptr<std::atomic<bool>>;

struct SearchRequest {
    Tenant tenant = 1;
    search::Query query;
    std::string position;  // "" = first page, else SearchPage::next of an earlier answer
    // Reverse includes are kept to the compartment of this patient, where their type has one.
    std::string patient_id;
    CancelToken cancel;
    // What cannot be opened is left out and named in SearchPage::unreadable. Else it is an error,
    // kInvalid: whoever decides by what is there must not take it for absent.
    bool leave_out_unreadable = false;
};

struct SearchPage {
    std::vector<StoredVersion> matches;
    std::vector<StoredVersion> included;
    // Left out, because their bodies are there and cannot be opened (damaged, a lost key):
    // "Observation/abc/_history/3". Whether a body would have matched is not always known.
    std::vector<std::string> unreadable;
    std::string
        next;  // position of the next page or "": opaque, unsigned (the REST layer seals it)
    std::int64_t total = -1;    // -1: not counted
    bool total_capped = false;  // at least `total`
};

struct HistoryRequest {
    Tenant tenant = 1;
    std::string type;
    std::string id;
    int count = 20;
    std::int32_t before_version = 0;  // 0 = newest first page
};

struct HistoryPage {
    std::vector<StoredVersion> versions;  // newest first
    bool more = false;
    std::int64_t total = 0;
};

class Reader {
public:
    virtual ~Reader() = default;
    // Errors: kNotFound; a deleted resource comes back with `deleted`.
    virtual void Read(Tenant tenant, std::string type, std::string id,
                      Callback<StoredVersion> done) = 0;
    virtual void ReadVersion(Tenant tenant, std::string type, std::string id, std::int32_t version,
                             Callback<StoredVersion> done) = 0;
    virtual void History(HistoryRequest request, Callback<HistoryPage> done) = 0;
    // Ids of the patient and of all that are linked to it by merges, in either direction; empty
    // when there is no such patient. Who was asked for a moment ago is answered before it returns.
    virtual void LinkedIds(Tenant tenant, std::string patient_id,
                           Callback<std::vector<std::string>> done) = 0;
    // Errors: kLimit (too costly, says what to add), kInvalid (position).
    virtual void Search(SearchRequest request, Callback<SearchPage> done) = 0;
    // Rows of the audit. Errors: kInvalid (position). An unknown number gives an empty page.
    virtual void Accesses(AccessQuery query, Callback<AccessPage> done) = 0;
    // Answers what waits; what is asked from now on is answered kUnavailable. Returns when nothing
    // runs any more. Idempotent.
    virtual void Stop() = 0;
};

}  // namespace carestream::store
