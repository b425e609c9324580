#include "scheduling/internal/context.h"

#include <future>
#include <utility>

#include "fhir/json.h"

namespace carestream::scheduling {

Context::Context(SchedulerOptions scheduler_options, SchedulerParts scheduler_parts)
    : options(std::move(scheduler_options)),
      parts(std::move(scheduler_parts)),
      rules(std::make_shared<Rules>(parts.keys.id_key(std::to_string(options.tenant)),
                                    parts.templates, parts.clock)),
      tokens(parts.keys.token_key(std::to_string(options.tenant))),
      inbox(std::make_shared<Inbox>(options.waiting_max)) {}

Result<Stored> Context::Read(const std::string& type, const std::string& id) {
    std::promise<Result<store::StoredVersion>> promise;
    parts.reader.Read(options.tenant, type, id, [&](Result<store::StoredVersion> found) {
        promise.set_value(std::move(found));
    });
    Result<store::StoredVersion> found = promise.get_future().get();
    if (!found && found.error().code == Code::kNotFound) return Stored{};
    if (!found) return Fail(std::move(found).error());
    Stored stored;
    stored.version = found->version;
    if (found->deleted) return stored;
    CARESTREAM_ASSIGN(node, fhir::ParseJson(found->body));
    stored.node = std::move(node);
    stored.body = std::move(found->body);
    return stored;
}

Result<std::vector<store::StoredVersion>> Context::Search(const std::string& type,
                                                          const net::Parameters& search) {
    CARESTREAM_ASSIGN(query, search::ParseQuery(*parts.definitions, type, search));
    std::vector<store::StoredVersion> found;
    std::string position;
    do {
        store::SearchRequest request;
        request.tenant = options.tenant;
        request.query = query;
        request.position = position;
        std::promise<Result<store::SearchPage>> promise;
        parts.reader.Search(std::move(request), [&](Result<store::SearchPage> page) {
            promise.set_value(std::move(page));
        });
        Result<store::SearchPage> page = promise.get_future().get();
        if (!page) return Fail(std::move(page).error());
        for (store::StoredVersion& one : page->matches) found.push_back(std::move(one));
        position = std::move(page->next);
    } while (!position.empty() && !inbox->closed());
    return found;
}

store::RestWrite Context::Update(std::string_view type, const std::string& id,
                                 fhir::Node resource, std::int32_t version) const {
    store::RestWrite write;
    write.tenant = options.tenant;
    write.method = store::RestMethod::kUpdate;
    write.type = type;
    write.id = id;
    write.resource = std::move(resource);
    write.if_match = version;
    write.as_of = Now() - kClockSlack;
    return write;
}

Result<std::vector<store::RestResult>> Context::Write(store::RestTransaction transaction) {
    std::promise<Result<std::vector<store::RestResult>>> promise;
    parts.writer.SubmitTransaction(std::move(transaction),
                                   [&](Result<std::vector<store::RestResult>> results) {
                                       promise.set_value(std::move(results));
                                   });
    return promise.get_future().get();
}

void Context::Changed(State before, State after, std::string_view input) {
    parts.metrics
        .counter("carestream_booking_changes_total", "Bookings that came into a state.",
                 {{"state", std::string(ToString(after))}})
        .Add();
    const bool unclear = after == State::kAmbiguous;
    parts.log.Write(unclear ? telemetry::Level::kWarn : telemetry::Level::kInfo, "scheduling.state",
                    std::string(ToString(before)) + " -> " + std::string(ToString(after)),
                    {{"input", std::string(input)}});
}

Error SlotIsTaken() {
    return Error{Code::kConflict,
                 "the slot is taken: choose another one that $find gives",
                 "slot",
                 {},
                 0,
                 false};
}

bool WasOvertaken(const Error& error) {
    return error.code == Code::kPreconditionFailed ||
           (error.code == Code::kConflict && error.path == "booking");
}

}  // namespace carestream::scheduling
