#include "subscriptions/internal/context.h"

#include <algorithm>
#include <chrono>
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

Result<std::vector<NotifiedEvent>> LoadNotified(Context& context, Active& active, std::int64_t from,
                                                std::int64_t to, int limit,
                                                std::vector<store::Event>& loaded) {
    CARESTREAM_ASSIGN(rows, context.parts.subscriptions->Notifications(
                                active.definition.tenant, active.definition.id, from, to, limit));
    std::vector<std::int64_t> seqs;
    for (const store::Notification& row : rows) seqs.push_back(row.event);
    CARESTREAM_ASSIGN(events, context.parts.events->Load(seqs));
    loaded = std::move(events);
    std::vector<NotifiedEvent> notified;
    for (const store::Notification& row : rows) {
        NotifiedEvent one{row.number, row.made, nullptr};
        const auto event =
            std::find_if(loaded.begin(), loaded.end(),
                         [&](const store::Event& candidate) { return candidate.seq == row.event; });
        if (event != loaded.end()) {
            std::string& text = event->body.empty() ? event->before : event->body;
            auto body = fhir::ParseJson(text);
            bool changed = false;
            if (body && active.access.Show(event->type, *body, auth::Action::kRead, &changed)) {
                if (changed) text = fhir::ToJson(*body);
                one.event = &*event;
            }
        }
        notified.push_back(one);
    }
    return notified;
}

}  // namespace carestream::subscriptions
