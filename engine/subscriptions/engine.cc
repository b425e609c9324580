#include "subscriptions/engine.h"

#include <algorithm>
#include <future>
#include <map>
#include <thread>
#include <unordered_map>
#include <utility>

#include "auth/owner.h"
#include "fhir/json.h"
#include "subscriptions/internal/hooks.h"
#include "subscriptions/internal/sockets.h"

namespace carestream::subscriptions {

namespace {

constexpr const char* kConsumer = "subscriptions";
constexpr int kEventsARound = 256;
constexpr int kPage = 500;
constexpr int kEventsOfMax = 200;
constexpr int kStatusMax = 1'000;
constexpr Micros kSecond = 1'000'000;
constexpr Micros kPoll = kSecond;  // in case a wake-up was lost with a daemon
constexpr Micros kAfterOutage = 300'000;
constexpr Micros kComplainEvery = 30 * kSecond;
constexpr Micros kPruneEvery = 60 * kSecond;
constexpr int kPruneRows = 5'000;
constexpr int kWaitingMax = 64;  // texts of one socket
constexpr Micros kTokenLife = 60 * kSecond;

std::string KeyOf(store::Tenant tenant, const std::string& id) {
    return std::to_string(tenant) + "/" + id;
}

Error NotThere() {
    return Error{Code::kNotFound, "no such subscription", "Subscription", {}, 0, false};
}

}  // namespace

struct Engine::Core {
    Core(EngineOptions options, EngineParts parts)
        : context{std::move(options), std::move(parts)},
          hooks(context),
          sockets(context),
          too_old(context.parts.metrics.counter("carestream_events_too_old_total",
                                                "Events that woke nobody: their news is older "
                                                "than subscriptions.notify_max_age.")),
          lag(context.parts.metrics.histogram("carestream_notification_match_seconds",
                                              "From the commit of an event to its matches'.")),
          matched(context.parts.metrics.counter("carestream_notifications_matched_total",
                                                "Events that subscriptions were matched by.")) {}

    Context context;
    Hooks hooks;
    Sockets sockets;
    telemetry::Counter& too_old;
    telemetry::Histogram& lag;
    telemetry::Counter& matched;
    std::int64_t cursor = 0;
    std::unordered_map<std::string, store::SubscriptionState> states;  // "1/<id>", until claimed
    std::unordered_map<std::string, std::vector<std::string>> linked_ahead;  // of a page, loading
    Micros prune_at = 0;
    Micros complain_at = 0;
    Micros expire_at = 0;
    std::atomic<std::size_t> count = 0;
    std::thread thread;

    [[nodiscard]] DefinitionRules Rules(const topics::Topics& topics) const {
        return {*context.parts.definitions, topics, context.options.plain_hosts,
                context.options.heartbeat_s_min};
    }

    void Run();
    Result<void> Load();
    Result<void> LoadPage(store::Tenant tenant, std::string& position);
    void LinkAhead(store::Tenant tenant,
                   const std::vector<std::pair<std::string, fhir::Node>>& read);
    // `resource` null: it was deleted.
    Result<void> Apply(store::Tenant tenant, const std::string& id, const fhir::Node* resource);
    Result<void> LinkPatients(Active& active);
    [[nodiscard]] Result<std::vector<std::string>> Linked(store::Tenant tenant,
                                                          const std::string& patient);
    // True: there was something, look again at once.
    Result<bool> Round();
    Result<void> Look(const store::Event& event);
    void FireTimers();
    void Housekeeping();
    Result<void> SaveDelivery();
    // Lets go what waited long enough; the rest gets a timer.
    void Release(const ActivePtr& active);
    void KickAny(const ActivePtr& active, const std::vector<NotifiedEvent>& fresh = {});
    [[nodiscard]] bool MaySee(const Active& active, auth::Access& access) const;
    [[nodiscard]] std::string StatusBundle(store::Tenant tenant,
                                           const std::vector<std::string>& ids,
                                           const std::vector<std::string>& statuses,
                                           auth::Access& access, const std::string& base) const;
    [[nodiscard]] Result<std::string> EventsBundle(const EventsQuery& query, auth::Access& access);
    [[nodiscard]] Result<std::string> TokenParameters(store::Tenant tenant,
                                                      const std::vector<std::string>& ids,
                                                      auth::Access& access, const std::string& url);
};

void Engine::Core::Run() {
    bool loaded = false;
    while (!context.inbox->closed()) {
        Micros wait = kAfterOutage;
        if (!loaded) {
            const auto load = Load();
            loaded = load.has_value();
            if (!loaded) {
                context.parts.log.Warn("subscriptions.load", load.error().ToString());
            }
        }
        if (loaded) {
            const auto more = Round();
            if (!more && context.Now() >= complain_at) {
                context.parts.log.Warn("subscriptions.round", more.error().ToString());
                complain_at = context.Now() + kComplainEvery;
            }
            wait = !more ? kAfterOutage : *more ? 0 : kPoll;
            FireTimers();
            Housekeeping();
            if (!context.timers.empty()) {
                wait = std::min(wait,
                                std::max<Micros>(0, context.timers.begin()->first - context.Now()));
            }
        }
        for (auto& command : context.inbox->Wait(wait)) command();
    }
}

// Subscriptions first, then events after the cursor: what was written in between comes twice, and
// the second time changes nothing.
Result<void> Engine::Core::Load() {
    CARESTREAM_ASSIGN(at, context.parts.events->Cursor(kConsumer));
    CARESTREAM_ASSIGN(all, context.parts.subscriptions->States());
    states.clear();
    for (store::SubscriptionState& state : all) {
        std::string key = KeyOf(state.tenant, state.id);
        states[std::move(key)] = std::move(state);
    }
    std::string position;
    do {
        CARESTREAM_TRY(LoadPage(context.options.tenant, position));
    } while (!position.empty() && !context.inbox->closed());
    cursor = at;
    return {};
}

Result<void> Engine::Core::LoadPage(store::Tenant tenant, std::string& position) {
    CARESTREAM_ASSIGN(query, search::ParseQuery(*context.parts.definitions, "Subscription",
                                                {{"status", "requested,active,error,off"},
                                                 {"_count", std::to_string(kPage)}}));
    store::SearchRequest request;
    request.tenant = tenant;
    request.query = std::move(query);
    request.position = position;
    request.leave_out_unreadable = true;  // one that is damaged keeps no other from being told
    std::promise<Result<store::SearchPage>> promise;
    context.parts.reader.Search(std::move(request), [&](Result<store::SearchPage> page) {
        promise.set_value(std::move(page));
    });
    CARESTREAM_ASSIGN(page, promise.get_future().get());
    for (const std::string& name : page.unreadable) {
        context.parts.log.Error("subscriptions.load", "a stored version cannot be opened",
                                {{"resource", name}});
    }
    std::vector<std::pair<std::string, fhir::Node>> read;
    for (const store::StoredVersion& version : page.matches) {
        auto resource = fhir::ParseJson(version.body);
        if (resource) read.emplace_back(version.id, std::move(*resource));
    }
    LinkAhead(tenant, read);
    for (const auto& [id, resource] : read) CARESTREAM_TRY(Apply(tenant, id, &resource));
    linked_ahead.clear();
    position = page.next;
    return {};
}

// Asks for the links of a page's patients at once, instead of waiting for one after the other.
void Engine::Core::LinkAhead(store::Tenant tenant,
                             const std::vector<std::pair<std::string, fhir::Node>>& read) {
    const auto topics = context.parts.topics();
    std::map<std::string, std::promise<Result<std::vector<std::string>>>> asked;
    for (const auto& [id, resource] : read) {
        const auto definition = ReadDefinition(resource, Rules(*topics));
        if (!definition) continue;
        for (const std::string& patient : ConfinedTo(*definition)) asked[patient];
    }
    for (auto& [patient, promise] : asked) {
        context.parts.reader.LinkedIds(tenant, patient,
                                       [&promise](Result<std::vector<std::string>> ids) {
                                           promise.set_value(std::move(ids));
                                       });
    }
    for (auto& [patient, promise] : asked) {
        auto ids = promise.get_future().get();
        if (ids) linked_ahead[patient] = std::move(*ids);
    }
}

Result<void> Engine::Core::Apply(store::Tenant tenant, const std::string& id,
                                 const fhir::Node* resource) {
    const ActivePtr before = context.registry.Find(tenant, id);
    const auto topics = context.parts.topics();
    Result<Definition> definition =
        resource == nullptr ? Fail(NotThere()) : ReadDefinition(*resource, Rules(*topics));
    if (!definition) {
        if (before != nullptr) {
            sockets.Drop(before);
            states[KeyOf(tenant, id)] = before->state;
        }
        context.registry.Remove(tenant, id);
        if (resource == nullptr) {
            states.erase(KeyOf(tenant, id));
            (void)context.parts.subscriptions->Remove(tenant, id);
        } else {
            // It was right when it was written: its topic is gone since, for example.
            context.parts.log.Warn("subscription.unusable", definition.error().ToString(),
                                   {{"subscription", id}});
        }
    } else {
        definition->tenant = tenant;
        definition->id = id;
        auto active = std::make_shared<Active>(*context.parts.definitions, *std::move(definition),
                                               context.options.policy,
                                               context.options.burst_pause);
        if (before != nullptr) {
            active->state = before->state;
            active->burst = before->burst;
            active->released = before->released;
            active->told = before->told;
            active->under_way = false;
            active->serial = 0;
            active->last_sent = before->last_sent;
        } else if (const auto found = states.find(KeyOf(tenant, id)); found != states.end()) {
            active->state = found->second;
            states.erase(found);
            active->released = active->told = active->state.number;
        }
        // The client, or the handshake that is to come, begins anew.
        if (active->definition.status == "requested") {
            active->state.failures = 0;
            active->state.next_at = 0;
            active->state.failing_since = 0;
        }
        CARESTREAM_TRY(LinkPatients(*active));
        if (before != nullptr) sockets.Replace(before, active);
        context.registry.Put(active);
        if (active->state.next_at > context.Now()) context.Later(active->state.next_at, *active);
        if (active->definition.end != 0) context.Later(active->definition.end, *active);
        context.Later(context.Now(), *active);
    }
    count = context.registry.size();
    return {};
}

Result<std::vector<std::string>> Engine::Core::Linked(store::Tenant tenant,
                                                      const std::string& patient) {
    std::vector<std::string> all;
    if (const auto known = linked_ahead.find(patient); known != linked_ahead.end()) {
        all = known->second;
    } else {
        std::promise<Result<std::vector<std::string>>> promise;
        context.parts.reader.LinkedIds(tenant, patient, [&](Result<std::vector<std::string>> ids) {
            promise.set_value(std::move(ids));
        });
        CARESTREAM_ASSIGN(ids, promise.get_future().get());
        all = std::move(ids);
    }
    if (std::find(all.begin(), all.end(), patient) == all.end()) all.push_back(patient);
    return all;
}

Result<void> Engine::Core::LinkPatients(Active& active) {
    std::vector<std::string> all;
    for (const std::string& patient : ConfinedTo(active.definition)) {
        CARESTREAM_ASSIGN(linked, Linked(active.definition.tenant, patient));
        for (std::string& id : linked) {
            if (std::find(all.begin(), all.end(), id) == all.end()) all.push_back(std::move(id));
        }
    }
    Confine(active, std::move(all));
    return {};
}

// What an event says about the subscriptions themselves.
Result<void> Engine::Core::Look(const store::Event& event) {
    if (event.type == "Subscription") {
        const auto resource =
            event.body.empty() ? Result<fhir::Node>() : fhir::ParseJson(event.body);
        const ActivePtr before = context.registry.Find(event.tenant, event.id);
        // Written by the engine itself: nothing new.
        if (before != nullptr && resource && !event.body.empty() && !event.before.empty()) {
            auto earlier = fhir::ParseJson(event.before);
            fhir::Node now = *resource;
            if (earlier && now.TextOf("status") == before->definition.status) {
                for (fhir::Node* node : {&*earlier, &now}) {
                    node->Remove("status");
                    node->Remove("error");
                    node->Remove("meta");
                }
                if (now == *earlier) return {};
            }
        }
        CARESTREAM_TRY(
            Apply(event.tenant, event.id, event.body.empty() || !resource ? nullptr : &*resource));
    }
    const auto has_link = [](const std::string& body) {
        return body.find("\"link\"") != std::string::npos;
    };
    if (event.type != "Patient" || (!has_link(event.body) && !has_link(event.before))) return {};
    // Merged or parted: whoever follows one of them follows others from now on.
    CARESTREAM_ASSIGN(linked, Linked(event.tenant, event.id));
    for (const std::string& patient : linked) {
        for (const ActivePtr& active : context.registry.OfPatient(event.tenant, patient)) {
            Definition written = active->definition;
            written.criteria = active->written;
            Active probe(*context.parts.definitions, std::move(written), context.options.policy);
            CARESTREAM_TRY(LinkPatients(probe));
            context.registry.SetPatients(active, probe.patients);
        }
    }
    return {};
}

Result<bool> Engine::Core::Round() {
    CARESTREAM_ASSIGN(events, context.parts.events->Read(cursor, kEventsARound));
    if (events.empty()) return false;
    const auto topics = context.parts.topics();
    // By id: an event of the round may replace the object itself.
    struct Told {
        store::Tenant tenant;
        std::vector<NotifiedEvent> events;
    };
    std::map<std::string, Told> told;
    std::vector<store::SubscriptionMatch> matches;
    const Micros now = context.Now();
    for (const store::Event& event : events) {
        if (event.unreadable) {
            context.parts.log.Error("subscriptions.event", "a stored version cannot be opened",
                                    {{"resource", event.type + "/" + event.id}});
            continue;
        }
        CARESTREAM_TRY(Look(event));
        if (!context.registry.IsWanted(event.tenant, event.type)) continue;
        const Micros news = event.sent == 0 ? event.received : std::min(event.sent, event.received);
        if (event.updated - news > context.options.notify_max_age) {
            too_old.Add();
            continue;
        }
        const auto parsed = ParseEvent(event, *topics);
        if (!parsed) {
            context.parts.log.Error("subscriptions.event", parsed.error().ToString());
            continue;
        }
        for (auto& [active, shown] : context.registry.Match(*parsed)) {
            const auto [place, added] =
                told.try_emplace(active->definition.id, Told{event.tenant, {}});
            auto& list = place->second.events;
            const std::int64_t number = added ? active->state.number + 1 : list.back().number + 1;
            list.push_back({number, now, &event, std::move(shown)});
            matches.push_back({event.tenant, active->definition.id, number, event.seq});
        }
    }
    CARESTREAM_TRY(context.parts.subscriptions->Record(kConsumer, events.back().seq, matches));
    cursor = events.back().seq;
    matched.Add(static_cast<double>(matches.size()));
    for (const store::Event& event : events) {
        lag.Observe(static_cast<double>(context.Now() - event.updated) / 1e6);
    }
    for (const auto& [id, one] : told) {
        const ActivePtr active = context.registry.Find(one.tenant, id);
        if (active == nullptr) continue;
        active->state.number = one.events.back().number;
        for (const NotifiedEvent& notified : one.events) {
            active->burst.Add(notified.event->patient, now);
        }
        KickAny(active, one.events);
    }
    return true;
}

void Engine::Core::Release(const ActivePtr& active) {
    const Micros due = active->burst.due();
    if (due > context.Now()) return context.Later(due, *active);
    if (due != 0) active->burst.Told(context.Now());
    active->released = active->state.number;
}

void Engine::Core::KickAny(const ActivePtr& active, const std::vector<NotifiedEvent>& fresh) {
    const Micros end = active->definition.end;
    if (end != 0 && end <= context.Now() && active->definition.status != "off") {
        context.SetStatus(active, "off", "");
        sockets.Drop(active);
        return;
    }
    Release(active);
    if (active->definition.channel == ChannelType::kRestHook) {
        hooks.Kick(active, fresh);
    } else {
        sockets.Kick(active, fresh);
    }
}

void Engine::Core::FireTimers() {
    const Micros now = context.Now();
    while (!context.timers.empty() && context.timers.begin()->first <= now) {
        const auto [at, due] = *context.timers.begin();
        context.timers.erase(context.timers.begin());
        const ActivePtr active = context.registry.Find(due.tenant, due.id);
        if (active == nullptr || active->timer_at != at) continue;
        active->timer_at = 0;
        if (active->definition.end != 0) context.Later(active->definition.end, *active);
        KickAny(active);
        if (active->state.next_at > now) context.Later(active->state.next_at, *active);
    }
}

void Engine::Core::Housekeeping() {
    if (!SaveDelivery()) return;
    const Micros now = context.Now();
    if (now >= expire_at) expire_at = std::min(sockets.Expire(), now + kSecond);
    if (now < prune_at) return;
    const auto gone = context.parts.subscriptions->Prune(now - context.options.keep, kPruneRows);
    prune_at = gone && *gone == kPruneRows ? now : now + kPruneEvery;
}

Result<void> Engine::Core::SaveDelivery() {
    const auto changed = hooks.TakeChanged();
    if (changed.empty()) return {};
    // Lost with an outage: then it is sent again after the next start, which is allowed.
    return context.parts.subscriptions->SaveDelivery(changed);
}

bool Engine::Core::MaySee(const Active& active, auth::Access& access) const {
    return auth::MayHear(access, active.definition.type, active.definition.owner);
}

std::string Engine::Core::StatusBundle(store::Tenant tenant, const std::vector<std::string>& ids,
                                       const std::vector<std::string>& statuses,
                                       auth::Access& access, const std::string& base) const {
    std::vector<ActivePtr> asked;
    if (ids.empty()) {
        asked = context.registry.All();
    } else {
        for (const std::string& id : ids) {
            if (ActivePtr active = context.registry.Find(tenant, id)) asked.push_back(active);
        }
    }
    std::string entries;
    int total = 0;
    for (const ActivePtr& active : asked) {
        const Definition& definition = active->definition;
        const bool wanted = statuses.empty() || std::find(statuses.begin(), statuses.end(),
                                                          definition.status) != statuses.end();
        if (definition.tenant != tenant || !wanted || !MaySee(*active, access)) continue;
        if (++total > kStatusMax) continue;
        if (!entries.empty()) entries += ',';
        entries += R"({"fullUrl":")" + base + "/Subscription/" + definition.id +
                   R"(/$status","resource":)" +
                   StatusParameters(definition, {definition.status, active->state.number},
                                    NotificationType::kQueryStatus, {}, definition.content, base) +
                   R"(,"search":{"mode":"match"}})";
    }
    return R"({"resourceType":"Bundle","type":"searchset","total":)" + std::to_string(total) +
           (entries.empty() ? "}" : R"(,"entry":[)" + entries + "]}");
}

Result<std::string> Engine::Core::EventsBundle(const EventsQuery& query, auth::Access& access) {
    const ActivePtr active = context.registry.Find(query.tenant, query.id);
    if (active == nullptr || !MaySee(*active, access)) return Fail(NotThere());
    Content content = active->definition.content;
    if (!query.content.empty()) {
        const auto asked = ParseContent(query.content);
        if (!asked) {
            return Fail(Code::kInvalid, "empty, id-only and full-resource are offered", "content");
        }
        content = *asked;
    }
    const std::int64_t to = query.to == 0 ? active->state.number : query.to;
    std::vector<store::Event> loaded;
    CARESTREAM_ASSIGN(events, LoadNotified(context, *active, query.from, to, kEventsOfMax, loaded,
                                           &access));
    for (const NotifiedEvent& one : events) {
        const bool tells = one.event != nullptr && content != Content::kEmpty;
        if (tells && query.note_patient && !one.event->patient.empty()) {
            query.note_patient(one.event->patient);
        }
    }
    return NotificationBundle(active->definition, {active->definition.status, active->state.number},
                              NotificationType::kQueryEvent, events, content, query.base_url,
                              context.Now());
}

Result<std::string> Engine::Core::TokenParameters(store::Tenant tenant,
                                                  const std::vector<std::string>& ids,
                                                  auth::Access& access, const std::string& url) {
    std::vector<ActivePtr> bound;
    for (const std::string& id : ids) {
        const ActivePtr active = context.registry.Find(tenant, id);
        if (active == nullptr || !MaySee(*active, access)) return Fail(NotThere());
        if (active->definition.channel != ChannelType::kWebSocket) {
            return Fail(Code::kInvalid, "the subscription's channel is no websocket", "id");
        }
        bound.push_back(active);
    }
    const Micros expires = context.Now() + kTokenLife;
    const std::string token = sockets.MakeToken(bound, access.principal(), expires);
    if (token.empty()) {
        return Fail(Error{Code::kUnavailable, "too many tokens wait to be used", {}, {}, 0, true});
    }
    std::string out =
        R"({"resourceType":"Parameters","parameter":[{"name":"token","valueString":")" + token +
        R"("},{"name":"expiration","valueDateTime":")" + FormatInstant(expires) + "\"}";
    for (const ActivePtr& active : bound) {
        out += R"(,{"name":"subscription","valueString":")" + active->definition.id + "\"}";
    }
    out += R"(,{"name":"websocket-url","valueUrl":)";
    fhir::WriteJsonString(url, out);
    return out + "}]}";
}

Engine::Engine(EngineOptions options, EngineParts parts)
    : core_(std::make_unique<Core>(std::move(options), std::move(parts))) {}

Engine::~Engine() {
    Stop();
}

void Engine::Start() {
    core_->thread = std::thread([this] { core_->Run(); });
}

void Engine::Stop() {
    core_->context.inbox->Close();
    if (core_->thread.joinable()) core_->thread.join();
}

void Engine::Wake() {
    core_->context.inbox->Wake();
}

Result<void> Engine::Check(const auth::Principal& principal, fhir::Node& subscription) const {
    if (subscription.TextOf("status") != "off") {
        if (core_->count >= static_cast<std::size_t>(core_->context.options.subscriptions_max)) {
            return Fail(Code::kLimit, "there are as many subscriptions as this server takes",
                        "Subscription");
        }
        const fhir::Node* channel = subscription.Find("channel");
        const bool websocket = channel != nullptr && channel->TextOf("type") == "websocket";
        // Who is told over a socket that he opens himself needs no handshake.
        subscription.Set("status", fhir::Node::String(websocket ? "active" : "requested"));
        subscription.Remove("error");
    }
    auth::SetOwner(subscription, principal);
    const auto topics = core_->context.parts.topics();
    CARESTREAM_TRY(ReadDefinition(subscription, core_->Rules(*topics)));
    return {};
}

namespace {

// The answer of a command that never runs: it is destroyed with it.
class Once {
public:
    explicit Once(Engine::Answer done) : done_(std::move(done)) {}
    Once(const Once&) = delete;
    Once& operator=(const Once&) = delete;
    ~Once() {
        if (done_) {
            done_(Fail(Error{Code::kUnavailable, "the server is stopping", {}, {}, 0, true}));
        }
    }
    void operator()(Result<std::string> result) { std::exchange(done_, {})(std::move(result)); }

private:
    Engine::Answer done_;
};

}  // namespace

void Engine::Status(store::Tenant tenant, std::vector<std::string> ids,
                    std::vector<std::string> statuses, std::shared_ptr<auth::Access> access,
                    std::string base_url, Answer done) {
    auto once = std::make_shared<Once>(std::move(done));
    core_->context.inbox->Post([this, tenant, ids = std::move(ids), statuses = std::move(statuses),
                                access = std::move(access), base = std::move(base_url), once] {
        (*once)(core_->StatusBundle(tenant, ids, statuses, *access, base));
    });
}

void Engine::EventsOf(EventsQuery query, std::shared_ptr<auth::Access> access, Answer done) {
    auto once = std::make_shared<Once>(std::move(done));
    core_->context.inbox->Post([this, query = std::move(query), access = std::move(access), once] {
        (*once)(core_->EventsBundle(query, *access));
    });
}

void Engine::BindingToken(store::Tenant tenant, std::vector<std::string> ids,
                          std::shared_ptr<auth::Access> access, std::string websocket_url,
                          Answer done) {
    auto once = std::make_shared<Once>(std::move(done));
    core_->context.inbox->Post([this, tenant, ids = std::move(ids), access = std::move(access),
                                url = std::move(websocket_url), once] {
        (*once)(core_->TokenParameters(tenant, ids, *access, url));
    });
}

void Engine::Opened(PeerPtr peer) {
    core_->context.inbox->Post([this, peer = std::move(peer)] { core_->sockets.Opened(peer); });
}

void Engine::Heard(PeerPtr peer, store::Tenant tenant, std::string text) {
    if (peer->waiting.fetch_add(1) >= kWaitingMax) {
        peer->Close("too many messages");
        return;
    }
    core_->context.inbox->Post([this, peer = std::move(peer), tenant, text = std::move(text)] {
        --peer->waiting;
        core_->sockets.Heard(peer, tenant, text);
    });
}

void Engine::Gone(const PeerPtr& peer) {
    core_->context.inbox->Post([this, peer] { core_->sockets.Gone(peer); });
}

std::size_t Engine::size() const {
    return core_->count;
}

}  // namespace carestream::subscriptions
