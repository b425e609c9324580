#include "store/internal/batch.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "base/assert.h"
#include "fhir/json.h"
#include "store/internal/batch_load.h"
#include "store/internal/feed_apply.h"
#include "store/internal/rest_apply.h"
#include "store/internal/snapshot.h"
#include "store/internal/visit_move.h"

namespace carestream::store {
namespace {

// A changed resource on its way into the index.
struct Indexed {
    Entry* entry = nullptr;
    search::IndexEntries before;
    search::IndexEntries after;
};

Result<Indexed> ExtractBoth(const search::Indexer& indexer, Entry& entry) {
    Indexed indexed;
    indexed.entry = &entry;
    if (!entry.stored_body.empty()) {
        CARESTREAM_ASSIGN(before, fhir::ParseJson(entry.stored_body));
        indexed.before = indexer.Extract(before);
    }
    if (entry.deleted) return indexed;
    if (entry.node.has_value() && !entry.node->IsNull()) {
        indexed.after = indexer.Extract(*entry.node);
    } else {
        CARESTREAM_ASSIGN(after, fhir::ParseJson(entry.body));
        indexed.after = indexer.Extract(after);
    }
    return indexed;
}

std::vector<const RestWrite*> RestWritesOf(const WriteJob& job) {
    std::vector<const RestWrite*> writes;
    if (job.rest) writes.push_back(&*job.rest);
    if (job.transaction) {
        for (const RestWrite& write : job.transaction->writes) writes.push_back(&write);
    }
    return writes;
}

std::vector<const Booking*> BookingsOf(const std::vector<WriteJob*>& jobs) {
    std::vector<const Booking*> bookings;
    for (const WriteJob* job : jobs) {
        if (!job->transaction) continue;
        for (const Booking& booking : job->transaction->bookings) bookings.push_back(&booking);
    }
    return bookings;
}

}  // namespace

Result<void> BatchRunner::Run(pg::Connection& connection, const std::vector<WriteJob*>& jobs) {
    in_doubt_ = false;
    event_seq_ = 0;
    WorkingSet set(context_.definitions(), context_.codec());
    CARESTREAM_TRY(Load(connection, jobs, set, true));
    CARESTREAM_ASSIGN(plan, Plan(connection, jobs, set));
    changed_ = plan.changed;
    return Finish(connection, plan);
}

Result<BatchPlan> BatchRunner::Prepare(pg::Connection& connection,
                                       const std::vector<WriteJob*>& jobs, WorkingSet& set) {
    CARESTREAM_TRY(Load(connection, jobs, set, false));
    CARESTREAM_ASSIGN(plan, Plan(connection, jobs, set));
    set.NextBatch();
    return plan;
}

Result<void> BatchRunner::Commit(pg::Connection& connection, const BatchPlan& plan) {
    in_doubt_ = false;
    event_seq_ = 0;
    CARESTREAM_TRY(BeginBatch(connection));
    return Finish(connection, plan);
}

Result<BatchPlan> BatchRunner::Plan(pg::Connection& connection, const std::vector<WriteJob*>& jobs,
                                    WorkingSet& set) {
    CARESTREAM_TRY(Apply(connection, jobs, set));
    CARESTREAM_ASSIGN(index, Index(connection, set));
    for (WriteJob* job : jobs) {
        // Whom the new version is about is known by now.
        if (!job->rest || !job->rest_result) continue;
        StoredVersion& version = job->rest_result->version;
        const Entry* entry =
            set.FindId(job->rest->tenant, context_.TypeNumber(version.type), version.id);
        if (entry != nullptr) version.patient = entry->subject;
    }
    BatchPlan plan = MakePlan(context_, set, index, Outcomes(jobs));
    bookings_.AddTo(plan, context_.keys());
    return plan;
}

Result<void> BatchRunner::Finish(pg::Connection& connection, const BatchPlan& plan) {
    CARESTREAM_TRY(RunPlan(connection, plan));
    doubt_ = plan.sample;
    doubt_booking_ = plan.booking;
    in_doubt_ = true;
    if (plan.links) context_.parts().links->Forget();
    Result<std::int64_t> committed = CommitPlan(connection, plan);
    if (plan.links) context_.parts().links->Forget();
    // A server that answers with an error has not committed.
    if (!committed && connection.Usable()) in_doubt_ = false;
    if (!committed) return Fail(std::move(committed).error());
    in_doubt_ = false;
    event_seq_ = *committed;
    return {};
}

Result<void> BatchRunner::Load(pg::Connection& connection, const std::vector<WriteJob*>& jobs,
                               WorkingSet& set, bool lock) {
    Wanted wanted;
    for (const WriteJob* job : jobs) {
        if (job->feed) WantFeed(*job->feed, context_, wanted);
        for (const RestWrite* write : RestWritesOf(*job)) WantRest(*write, context_, wanted);
    }
    if (!wanted.identities.empty() || !wanted.ids.empty() || wanted.resources_max > 0) {
        CARESTREAM_TRY(ResolveWanted(connection, wanted, context_, set));
    }
    std::vector<Wanted::Id> ids;
    for (const WriteJob* job : jobs) {
        if (job->feed) WantIds(*job->feed, context_, set, ids);
    }
    CARESTREAM_TRY(FindIds(connection, std::move(ids), set));
    for (const WriteJob* job : jobs) {
        if (!job->feed || job->feed->changes.moves.empty()) continue;
        CARESTREAM_TRY(FindVisitResources(connection, *job->feed, context_, set));
    }
    std::vector<const FeedWrite*> processed;
    for (const WriteJob* job : jobs) {
        if (job->feed && job->feed->status == OutcomeStatus::kProcessed) {
            processed.push_back(&*job->feed);
        }
    }
    CARESTREAM_TRY(FindHeld(connection, processed, context_, set));
    std::unordered_set<Entry*> marked;
    std::vector<Entry*> wanted_rows;
    const auto mark = [&](Entry& entry) {
        if (entry.row_stored && !entry.loaded && marked.insert(&entry).second) {
            wanted_rows.push_back(&entry);
        }
    };
    for (const WriteJob* job : jobs) {
        if (job->feed) LockFeed(*job->feed, context_, set, mark);
        for (const RestWrite* write : RestWritesOf(*job)) LockRest(*write, context_, set, mark);
    }
    for (const auto& [visit, resources] : set.visit_resources) {
        mark(*set.FindPk(visit));
        for (const std::int64_t pk : resources) {
            if (Entry* entry = set.FindPk(pk)) mark(*entry);
        }
    }
    bookings_ = {};
    CARESTREAM_TRY(bookings_.Load(connection, BookingsOf(jobs)));
    if (lock) CARESTREAM_TRY(BeginBatch(connection));
    return LoadRows(connection, std::move(wanted_rows), set, lock);
}

Result<bool> BatchRunner::Exists(pg::Connection& connection, WriteJob& job) {
    SearchRequest request;
    request.tenant = job.rest->tenant;
    request.query = *job.rest->if_none_exist;
    request.query.count = 2;
    request.query.total = search::Query::Total::kNone;
    request.query.includes.clear();
    Result<SearchPage> page = searcher_.Run(connection, request);
    if (!page) {
        if (page.error().retryable) return Fail(std::move(page).error());
        job.rest_result = Fail(std::move(page).error());
        return true;
    }
    if (page->matches.empty()) return false;
    if (page->matches.size() > 1) {
        job.rest_result = Fail(Code::kPreconditionFailed, "If-None-Exist matches several resources",
                               job.rest->type);
        return true;
    }
    RestResult found;
    found.version = std::move(page->matches.front());
    found.unchanged = true;
    job.rest_result = std::move(found);
    return true;
}

Result<void> BatchRunner::Apply(pg::Connection& connection, const std::vector<WriteJob*>& jobs,
                                WorkingSet& set) {
    for (WriteJob* job : jobs) {
        if (job->rest && job->rest->if_none_exist) {
            CARESTREAM_ASSIGN(exists, Exists(connection, *job));
            if (exists) continue;
        }
        if (job->rest) job->rest_result = ApplyRest(*job->rest, context_, set);
        if (job->transaction) ApplyTransaction(*job, set);
        if (!job->feed) continue;
        if (job->feed->status != OutcomeStatus::kProcessed) {
            job->feed_result = FeedResult{};
            job->feed_result->status = job->feed->status;
            continue;
        }
        job->feed_result = ApplyFeed(*job->feed, context_, set);
        if (job->feed_result) continue;
        const Error& error = job->feed_result.error();
        if (error.retryable) return Fail(error);
        FeedResult dead;
        dead.status = OutcomeStatus::kDeadLetter;
        dead.stage = "write";
        dead.path = error.path;
        dead.reason = error.message;
        job->feed_result = std::move(dead);
    }
    return {};
}

void BatchRunner::ApplyTransaction(WriteJob& job, WorkingSet& set) {
    const RestTransaction& transaction = *job.transaction;
    if (const auto checked = bookings_.Check(transaction.bookings); !checked) {
        job.transaction_result = Fail(checked.error());
        return;
    }
    job.transaction_result = store::ApplyTransaction(transaction.writes, context_, set);
    if (job.transaction_result) bookings_.Apply(transaction.bookings, context_.Now());
}

Result<std::vector<IndexChange>> BatchRunner::Index(pg::Connection& connection, WorkingSet& set) {
    const std::int16_t patient_type = context_.TypeNumber("Patient");
    std::vector<Indexed> all;
    std::vector<Wanted::Id> patients;
    for (Entry& entry : set.entries()) {
        if (entry.versions.empty()) continue;
        CARESTREAM_ASSIGN(indexed, ExtractBoth(context_.indexer(), entry));
        const std::string& patient = indexed.after.patient_id;
        if (!patient.empty() && set.FindId(entry.tenant, patient_type, patient) == nullptr) {
            patients.push_back({entry.tenant, patient_type, patient});
        }
        all.push_back(std::move(indexed));
    }
    CARESTREAM_TRY(FindSubjects(connection, set, patients));
    std::vector<IndexChange> changes;
    changes.reserve(all.size());
    for (Indexed& indexed : all) {
        Entry& entry = *indexed.entry;
        if (!indexed.after.patient_id.empty()) {
            Entry* patient = set.FindId(entry.tenant, patient_type, indexed.after.patient_id);
            patient->reserved = true;
            entry.subject = patient->pk;
        } else if (!entry.deleted) {
            entry.subject = 0;
        }
        if (!entry.deleted) {
            entry.main_date = indexed.after.has_main_date ? indexed.after.main_date : kNoDate;
        }
        const crypto::TokenKey& key = context_.TokenKeyOf(entry.tenant);
        const std::uint32_t date = context_.MainDateOf(entry.type);
        // Nothing was, or is, in the index of what does not exist.
        const IndexRows old_rows =
            entry.stored_body.empty() ? IndexRows{} : MakeIndexRows(key, indexed.before, date);
        const IndexRows new_rows =
            entry.deleted ? IndexRows{} : MakeIndexRows(key, indexed.after, date);
        changes.push_back({&entry, Difference(old_rows, new_rows)});
    }
    return changes;
}

Result<void> BatchRunner::FindSubjects(pg::Connection& connection, WorkingSet& set,
                                       const std::vector<Wanted::Id>& patients) {
    CARESTREAM_TRY(FindIds(connection, patients, set));
    for (const Wanted::Id& patient : patients) {
        if (set.FindId(patient.tenant, patient.type, patient.id) != nullptr) continue;
        Entry& reserved = set.AddNew(patient.tenant, patient.type, patient.id, context_.NewPk());
        reserved.subject = reserved.pk;
    }
    return {};
}

std::vector<Outcome> BatchRunner::Outcomes(const std::vector<WriteJob*>& jobs) const {
    std::vector<Outcome> outcomes;
    for (WriteJob* job : jobs) {
        if (!job->feed) continue;
        const FeedWrite& write = *job->feed;
        FeedResult& result = *job->feed_result;
        Outcome& outcome = outcomes.emplace_back();
        outcome.write = &write;
        outcome.status = result.status;
        const bool own = !result.stage.empty();
        outcome.stage = own ? result.stage : write.stage;
        outcome.path = own ? result.path : write.path;
        outcome.reason = result.reason.empty() ? write.reason : result.reason;
        outcome.resources = &result.resources;
        if (!write.answer) continue;
        outcome.ack = write.answer(outcome.status, outcome.path, outcome.reason);
        result.ack = outcome.ack;
    }
    return outcomes;
}

Result<bool> BatchRunner::DidCommit(pg::Connection& connection,
                                    const std::vector<WriteJob*>& jobs) {
    std::vector<const FeedWrite*> writes;
    for (const WriteJob* job : jobs) {
        if (job->feed) writes.push_back(&*job->feed);
    }
    bool committed = false;
    if (!writes.empty()) {
        CARESTREAM_ASSIGN(done, DoneMessages(connection, writes));
        committed = done.size() == writes.size();
    } else if (doubt_.pk != 0) {
        CARESTREAM_ASSIGN(there, HasVersion(connection, doubt_));
        committed = there;
    } else if (!doubt_booking_.appointment.empty()) {
        CARESTREAM_ASSIGN(there, HasBooking(connection, doubt_booking_));
        committed = there;
    }
    if (committed && doubt_.pk != 0) {
        CARESTREAM_ASSIGN(head, EventHead(connection));
        event_seq_ = head;
    }
    in_doubt_ = false;
    return committed;
}

}  // namespace carestream::store
