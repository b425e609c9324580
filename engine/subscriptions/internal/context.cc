#include "subscriptions/internal/context.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <utility>

#include "fhir/json.h"

namespace carestream::subscriptions {

bool Inbox::Post(Command command) {
    {
        const std::lock_guard lock(mutex_);
        if (closed_) return false;
        commands_.push_back(std::move(command));
    }
    ready_.notify_one();
    return true;
}

void Inbox::Wake() {
    {
        const std::lock_guard lock(mutex_);
        woken_ = true;
    }
    ready_.notify_one();
}

void Inbox::Close() {
    std::vector<Command> dropped;  // destroyed outside of the lock: they answer when they go
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        dropped.swap(commands_);
    }
    ready_.notify_one();
}

std::vector<Inbox::Command> Inbox::Wait(Micros wait_at_most) {
    std::unique_lock lock(mutex_);
    ready_.wait_for(lock, std::chrono::microseconds(wait_at_most),
                    [&] { return closed_ || woken_ || !commands_.empty(); });
    woken_ = false;
    return std::exchange(commands_, {});
}

bool Inbox::closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
}

bool Context::Note(const Active& active, const std::vector<NotifiedEvent>& events) const {
    const Definition& definition = active.definition;
    const bool told = definition.topic.empty() ? !definition.payload.empty()
                                               : definition.content != Content::kEmpty;
    if (parts.audit == nullptr || !told || !definition.owner) return true;
    store::AccessRow row;
    row.tenant = definition.tenant;
    row.at = Now();
    row.issuer = definition.owner->issuer;
    row.subject = definition.owner->subject;
    row.client = definition.owner->client;
    row.claimed_patient = definition.owner->patient;
    row.open = definition.owner->open;
    row.interaction = "operation";
    row.operation = "notification";
    row.type = "Subscription";
    row.id = definition.id;
    row.status = 200;
    for (const NotifiedEvent& one : events) {
        if (one.event == nullptr) continue;
        ++row.returned;
        const std::string& patient = one.event->patient;
        auto& ids = row.patient_ids;
        if (!patient.empty() && std::find(ids.begin(), ids.end(), patient) == ids.end()) {
            ids.push_back(patient);
        }
    }
    return row.returned == 0 || parts.audit->Append(std::move(row));
}

void Context::SetStatus(const ActivePtr& active, const std::string& status,
                        const std::string& error) {
    active->definition.status = status;
    const store::Tenant tenant = active->definition.tenant;
    const std::string id = active->definition.id;
    store::Writer& writer = parts.writer;
    // A client that writes meanwhile wins: its version comes by its own event.
    parts.reader.Read(
        tenant, "Subscription", id,
        [&writer, tenant, id, status, error](const Result<store::StoredVersion>& found) {
            if (!found || found->deleted) return;
            auto resource = fhir::ParseJson(found->body);
            if (!resource ||
                (resource->TextOf("status") == status && resource->TextOf("error") == error)) {
                return;
            }
            resource->Set("status", fhir::Node::String(status));
            resource->Remove("error");
            if (!error.empty()) resource->Set("error", fhir::Node::String(error));
            store::RestWrite write;
            write.tenant = tenant;
            write.method = store::RestMethod::kUpdate;
            write.type = "Subscription";
            write.id = id;
            write.resource = std::move(*resource);
            write.if_match = found->version;
            writer.SubmitRest(std::move(write), [](const Result<store::RestResult>&) {});
        });
}

namespace {

using Resources = std::map<std::string, fhir::Node>;  // by "Observation/abc"

std::string NameOf(const store::Event& event) {
    return event.type + "/" + event.id;
}

// What the events are about as it is now, without what is gone or cannot be opened.
Result<Resources> ReadCurrent(Context& context, const std::vector<store::Event>& events) {
    using Answer = std::promise<Result<store::StoredVersion>>;
    std::map<std::string, std::shared_ptr<Answer>> asked;
    for (const store::Event& event : events) {
        const auto [place, added] = asked.try_emplace(NameOf(event), std::make_shared<Answer>());
        if (!added) continue;
        context.parts.reader.Read(event.tenant, event.type, event.id,
                                  [answer = place->second](Result<store::StoredVersion> found) {
                                      answer->set_value(std::move(found));
                                  });
    }
    Resources resources;
    Result<void> outcome;
    for (const auto& [name, answer] : asked) {
        auto found = answer->get_future().get();
        if (!found && found.error().retryable) outcome = Fail(std::move(found).error());
        if (!found || found->deleted) continue;
        if (auto body = fhir::ParseJson(found->body)) resources[name] = std::move(*body);
    }
    CARESTREAM_TRY(std::move(outcome));
    return resources;
}

// Takes what `who` may not see out of `body`. What he may not see as it is now he is not told as it
// was: it may have been labelled since, or be another's.
bool Show(auth::Access& who, const store::Event& event, const Resources& current, fhir::Node& body,
          bool& changed) {
    if (who.IsFree(event.type, auth::Action::kRead)) return true;
    if (event.kind != store::EventKind::kDeleted) {
        const auto now = current.find(NameOf(event));
        if (now == current.end() || !who.Sees(event.type, now->second, auth::Action::kRead)) {
            return false;
        }
    }
    bool taken_out = false;
    if (!who.Show(event.type, body, auth::Action::kRead, &taken_out)) return false;
    changed = changed || taken_out;
    return true;
}

// One event as the owner, and `also`, may be told it.
void ShowEvent(Active& active, auth::Access* also, const store::Event& event,
               const Resources& current, NotifiedEvent& one) {
    auto body = fhir::ParseJson(event.body.empty() ? event.before : event.body);
    bool changed = false;
    if (!body || !Show(active.access, event, current, *body, changed) ||
        (also != nullptr && !Show(*also, event, current, *body, changed))) {
        return;
    }
    one.event = &event;
    if (changed && !event.body.empty()) {
        one.shown = std::make_shared<const std::string>(fhir::ToJson(*body));
    }
}

}  // namespace

Result<std::vector<NotifiedEvent>> LoadNotified(Context& context, Active& active, std::int64_t from,
                                                std::int64_t to, int limit,
                                                std::vector<store::Event>& loaded,
                                                auth::Access* also) {
    CARESTREAM_ASSIGN(rows, context.parts.subscriptions->Notifications(
                                active.definition.tenant, active.definition.id, from, to, limit));
    std::vector<std::int64_t> seqs;
    for (const store::Notification& row : rows) seqs.push_back(row.event);
    CARESTREAM_ASSIGN(events, context.parts.events->Load(seqs));
    loaded = std::move(events);
    const auto free = [&](auth::Access& who) {
        return who.IsFree(active.definition.type, auth::Action::kRead);
    };
    Resources current;
    if (!free(active.access) || (also != nullptr && !free(*also))) {
        CARESTREAM_ASSIGN(read, ReadCurrent(context, loaded));
        current = std::move(read);
    }
    std::vector<NotifiedEvent> notified;
    for (const store::Notification& row : rows) {
        NotifiedEvent one{row.number, row.made};
        const auto event =
            std::find_if(loaded.begin(), loaded.end(),
                         [&](const store::Event& candidate) { return candidate.seq == row.event; });
        if (event != loaded.end()) ShowEvent(active, also, *event, current, one);
        notified.push_back(std::move(one));
    }
    return notified;
}

}  // namespace carestream::subscriptions
