#include "app/admin.h"

#include <algorithm>
#include <chrono>
#include <iterator>

#include "app/internal/access_admin.h"
#include "app/internal/admin_answer.h"
#include "app/internal/link_admin.h"
#include "app/internal/outbound_pages.h"
#include "base/text.h"
#include "fhir/json.h"
#include "net/url.h"

namespace carestream::app {

namespace {

using fhir::Node;
using net::Request;
using net::Response;

constexpr std::size_t kJobsMax = 64;
constexpr auto kRefresh = std::chrono::seconds(3);

Node ChannelNode(const channel::ChannelStatus& status) {
    Node node = Node::Object();
    node.Set("name", Node::String(status.name));
    node.Set("source", Node::String(status.source));
    node.Set("listening", Node::Boolean(status.listening));
    node.Set("connections", Number(status.connections));
    node.Set("received", Number(status.receiver.received));
    node.Set("duplicates", Number(status.receiver.duplicates));
    node.Set("nacked", Number(status.receiver.refused));
    node.Set("held", Number(static_cast<std::int64_t>(status.receiver.held)));
    node.Set("last_received", Instant(status.receiver.last_received));
    return node;
}

Node ChannelNodes(const channel::Supervisor& supervisor) {
    Node all = Node::Array();
    for (const auto& status : supervisor.Channels()) all.Append(ChannelNode(status));
    return all;
}

// The acknowledgment that the sender got: kept with the outcome, or that of the commit. A sender
// that waits for the outcome has none yet; only the channel as it is now tells which do.
std::string AnswerSent(const store::MessageSummary& message, const channel::Generation& now) {
    if (message.status != "pending" || message.attempts > 0) return message.answer;
    const auto channel = now.Find(message.channel);
    // Refusals go out at once, and so does the CA of accept mode.
    const bool waits = message.answer == "AA" && channel &&
                       channel->settings.ack_after == channel::AckAfter::kProcessing;
    return waits ? "" : message.answer;
}

Node SummaryNode(const store::MessageSummary& summary, const channel::Generation& now) {
    Node node = Node::Object();
    node.Set("seq", Number(summary.seq));
    node.Set("received", Instant(summary.received));
    node.Set("channel", Node::String(summary.channel));
    node.Set("event", Node::String(summary.event));
    node.Set("answer", Node::String(AnswerSent(summary, now)));
    node.Set("status", Node::String(summary.status));
    node.Set("stage", Node::String(summary.stage));
    node.Set("path", Node::String(summary.path));
    node.Set("reason", Node::String(summary.reason));
    node.Set("attempts", Number(summary.attempts));
    return node;
}

Node Listed(const char* name, const std::vector<store::MessageSummary>& summaries,
            const channel::Generation& now) {
    Node list = Node::Array();
    for (const auto& summary : summaries) list.Append(SummaryNode(summary, now));
    Node node = Node::Object();
    node.Set(name, std::move(list));
    return node;
}

Node DetailNode(const store::MessageDetail& detail, const channel::Generation& now) {
    Node node = SummaryNode(detail.summary, now);
    node.Set("raw", Node::String(AsUtf8(detail.raw)));
    if (auto loss = fhir::ParseJson(detail.loss_report)) node.Set("loss", std::move(*loss));
    Node resources = Node::Array();
    for (const auto& resource : detail.resources) {
        Node one = Node::Object();
        one.Set("reference", Node::String(resource.type + "/" + resource.id));
        one.Set("version", Number(resource.version));
        one.Set("created", Node::Boolean(resource.created));
        resources.Append(std::move(one));
    }
    node.Set("resources", std::move(resources));
    node.Set("generation", Number(detail.generation));
    node.Set("map", Node::String(detail.map_name));
    node.Set("map_version", Node::String(detail.map_version));
    return node;
}

Node ConflictNode(const store::IdentityConflict& conflict,
                  const std::map<std::string, store::Tenant>& tenants) {
    Node node = Node::Object();
    node.Set("id", Number(conflict.id));
    node.Set("at", Instant(conflict.at));
    std::string tenant = std::to_string(conflict.tenant);
    for (const auto& [name, number] : tenants) {
        if (number == conflict.tenant) tenant = name;
    }
    node.Set("tenant", Node::String(tenant));
    node.Set("kept", Node::String(conflict.kept));
    node.Set("other", Node::String(conflict.other));
    node.Set("seq", Number(conflict.seq));
    node.Set("resolved", Instant(conflict.resolved));
    node.Set("resolved_by", Node::String(conflict.resolved_by));
    node.Set("note", Node::String(conflict.note));
    return node;
}

void Send(net::Responder& responder, Response response) {
    response.headers.emplace_back("Cache-Control", "no-store");
    responder.Send(std::move(response));
}

Result<store::DeadLetterFilter> FilterOfBody(const std::string& body) {
    auto node = fhir::ParseJson(body.empty() ? "{}" : body);
    if (!node || !node->IsObject()) return Fail(Code::kInvalid, "the body must be a JSON object");
    store::DeadLetterFilter filter;
    for (const fhir::Member& member : node->members()) {
        if (member.name == "seqs") {
            for (const Node& item : member.value.items()) {
                CARESTREAM_ASSIGN(
                    seq, ParseNumber(item.text(), std::numeric_limits<std::int64_t>::max()));
                filter.seqs.push_back(seq);
            }
        } else if (member.name == "limit") {
            CARESTREAM_ASSIGN(limit,
                              ParseNumber(member.value.text(), std::numeric_limits<int>::max()));
            filter.limit = static_cast<int>(limit);
        } else if (member.name == "channel") {
            filter.channel = member.value.text();
        } else if (member.name == "stage") {
            filter.stage = member.value.text();
        } else if (member.name == "path") {
            filter.path = member.value.text();
        } else if (member.name == "reason") {
            filter.reason = member.value.text();
        } else {
            return Fail(Code::kInvalid, "unknown member '" + member.name + "'");
        }
    }
    if (filter.seqs.empty() && filter.channel.empty() && filter.stage.empty() &&
        filter.path.empty() && filter.reason.empty()) {
        return Fail(Code::kInvalid,
                    "name messages by 'seqs', or narrow by channel, stage, path or reason");
    }
    return filter;
}

}  // namespace

Admin::Admin(AdminParts parts)
    : parts_(std::move(parts)),
      thread_([this] { Run(); }),
      status_thread_([this] { RunStatus(); }) {}

Admin::~Admin() {
    Stop();
}

void Admin::Stop() {
    std::deque<Job> left;
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
        left.swap(jobs_);
        std::move(status_jobs_.begin(), status_jobs_.end(), std::back_inserter(left));
        status_jobs_.clear();
        wake_.notify_all();
    }
    for (const Job& job : left) job.responder->Send(Failure(503, "the daemon stops"));
    if (thread_.joinable()) thread_.join();
    if (status_thread_.joinable()) status_thread_.join();
}

net::HttpHandler Admin::handler() {
    return [this](Request request, std::shared_ptr<net::Responder> responder) {
        const std::lock_guard lock(mutex_);
        const bool status = request.method == "GET" && request.path == "/status";
        std::deque<Job>& jobs = status ? status_jobs_ : jobs_;
        if (stop_ || jobs.size() >= kJobsMax) {
            responder->Send(Failure(503, stop_ ? "the daemon stops" : "too many requests wait"));
            return;
        }
        jobs.push_back(
            {std::move(request), std::move(responder), std::chrono::steady_clock::now()});
        wake_.notify_all();
    };
}

void Admin::Run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        wake_.wait(lock, [this] { return stop_ || !jobs_.empty(); });
        if (stop_) return;
        Job job = std::move(jobs_.front());
        jobs_.pop_front();
        lock.unlock();
        Send(*job.responder, Answer(job.request));
        lock.lock();
    }
}

void Admin::RunStatus() {
    auto refresh_at = std::chrono::steady_clock::now();
    std::unique_lock lock(mutex_);
    while (!stop_) {
        wake_.wait_until(lock, refresh_at, [this] { return stop_ || !status_jobs_.empty(); });
        if (stop_) return;
        const auto began = std::chrono::steady_clock::now();
        lock.unlock();
        const bool answers = RefreshStatus();
        lock.lock();
        refresh_at = std::chrono::steady_clock::now() + kRefresh;
        // A failure is news for those too who asked while it was waited for; an answer might be
        // older than what they asked about.
        std::deque<Job> told;
        while (!status_jobs_.empty() && (!answers || status_jobs_.front().came <= began)) {
            told.push_back(std::move(status_jobs_.front()));
            status_jobs_.pop_front();
        }
        lock.unlock();
        for (const Job& job : told) Send(*job.responder, Status(answers));
        lock.lock();
    }
}

// False: it did not answer, and what it said before stands.
bool Admin::RefreshStatus() {
    const auto status = parts_.messages.Status();
    const std::lock_guard lock(mutex_);
    if (status) status_ = *status;
    return status.has_value();
}

store::StoreStatus Admin::store_status() const {
    const std::lock_guard lock(mutex_);
    return status_;
}

Response Admin::Answer(const Request& request) {
    const std::string_view path = request.path;
    const bool get = request.method == "GET";
    const bool post = request.method == "POST";
    if (post && path == "/reload") return Reload();
    if (get && path == "/channels") return Channels();
    if (get && path == "/messages") return Find(request);
    if (get && path.starts_with("/messages/")) return Show(request);
    if (get && path == "/deadletters") return DeadLetters(request);
    if (get && path == "/deadletters/groups") return Groups();
    if (post && path == "/messages/outcomes") return Outcomes(request);
    if (post && path == "/deadletters/replay") return Replay(request);
    if (post && path == "/deadletters/discard") return Discard(request);
    if (get && path == "/links") return ListLinks(parts_, request);
    if (post && path == "/links/code") return MakeLinkCode(parts_, request);
    if (post && path == "/links/revoke") return RevokeLinks(parts_, request);
    if (get && path == "/audit") return ListAccesses(parts_, request);
    if (get && path == "/conflicts") return Conflicts(request);
    if (post && path == "/conflicts/resolve") return ResolveConflict(request);
    if (path.starts_with("/outbound")) {
        return AnswerOutbound(parts_.outbound, request, ActorOf(request));
    }
    if (path == "/bookings" || path.starts_with("/bookings/")) {
        return parts_.bookings(request, ActorOf(request));
    }
    return Failure(404, "no such request; engine/app/README.md lists them");
}

Response Admin::Status(bool answers) {
    const store::StoreStatus store = store_status();
    const Condition condition = parts_.condition(store, answers);
    Node node = Node::Object();
    node.Set("state", Node::String(condition.state));
    node.Set("headline", Node::String(condition.headline));
    node.Set("since", Instant(condition.since));
    node.Set("remedy", Node::String(condition.remedy));
    node.Set("version", Node::String(parts_.version));
    node.Set("generation", Number(parts_.supervisor.generation()->number));
    node.Set("uptime_seconds", Number((parts_.clock.Now() - parts_.started) / 1'000'000));
    node.Set("database_answers", Node::Boolean(answers));
    node.Set("pending", Number(store.pending));
    node.Set("more_pending", Node::Boolean(store.more_pending));
    node.Set("oldest_pending", Instant(store.oldest_pending));
    node.Set("dead_letters", Number(store.dead_letters));
    node.Set("more_dead_letters", Node::Boolean(store.more_dead_letters));
    node.Set("identity_conflicts", Number(store.identity_conflicts));
    node.Set("resources", Number(store.resources));
    node.Set("store_bytes", Number(store.bytes));
    node.Set("channels", ChannelNodes(parts_.supervisor));
    node.Set("outbound", OutboundNodes(parts_.outbound));
    return Json(200, node);
}

Response Admin::Reload() {
    const Reloaded reloaded = parts_.reload();
    Node node = Node::Object();
    if (!reloaded.errors.empty()) {
        node.Set("error", Node::String("refused, the generation in force stays: " +
                                       std::to_string(reloaded.errors.size()) + " errors"));
        Node& errors = node.Set("errors", Node::Array());
        for (const Error& error : reloaded.errors) errors.Append(Node::String(error.ToString()));
        return Json(422, node);
    }
    node.Set("generation", Number(reloaded.generation));
    Node& changes = node.Set("changes", Node::Array());
    for (const std::string& change : reloaded.changes) changes.Append(Node::String(change));
    return Json(200, node);
}

Response Admin::Channels() const {
    Node node = Node::Object();
    node.Set("channels", ChannelNodes(parts_.supervisor));
    node.Set("outbound", OutboundNodes(parts_.outbound));
    return Json(200, node);
}

Response Admin::Find(const Request& request) {
    const auto parameters = net::ParseForm(request.query);
    if (!parameters) return Failure(parameters.error());
    const std::string kind = Parameter(*parameters, "kind");
    const std::string value = Parameter(*parameters, "value");
    if (kind != "control" && kind != "patient" && kind != "visit" && kind != "order") {
        return Failure(400, "'kind' is control, patient, visit or order");
    }
    if (value.empty()) return Failure(400, "'value' is missing");
    const auto tenant = TenantOf(parts_.tenants, Parameter(*parameters, "tenant"));
    if (!tenant) return Failure(tenant.error());
    const auto limit = LimitOf(Parameter(*parameters, "limit"));
    if (!limit) return Failure(limit.error());
    const auto found = parts_.messages.Find(*tenant, {kind, value}, *limit);
    if (!found) return Failure(found.error());
    return Json(200, Listed("messages", *found, *parts_.supervisor.generation()));
}

Response Admin::Show(const Request& request) {
    const auto seq = ParseNumber(request.path.substr(std::string_view("/messages/").size()),
                                 std::numeric_limits<std::int64_t>::max());
    if (!seq) return Failure(seq.error());
    const auto detail = parts_.messages.Show(*seq, ActorOf(request));
    if (!detail) return Failure(detail.error());
    return Json(200, DetailNode(*detail, *parts_.supervisor.generation()));
}

Response Admin::DeadLetters(const Request& request) {
    const auto parameters = net::ParseForm(request.query);
    if (!parameters) return Failure(parameters.error());
    const auto limit = LimitOf(Parameter(*parameters, "limit"));
    if (!limit) return Failure(limit.error());
    store::DeadLetterFilter filter;
    filter.channel = Parameter(*parameters, "channel");
    filter.stage = Parameter(*parameters, "stage");
    filter.path = Parameter(*parameters, "path");
    filter.reason = Parameter(*parameters, "reason");
    filter.limit = *limit;
    const auto found = parts_.messages.DeadLetters(filter);
    if (!found) return Failure(found.error());
    const auto total = parts_.messages.CountDeadLetters(filter);
    if (!total) return Failure(total.error());
    Node node = Listed("dead_letters", *found, *parts_.supervisor.generation());
    node.Set("total", Number(*total));
    return Json(200, node);
}

Response Admin::Groups() {
    const auto groups = parts_.messages.DeadLetterGroups();
    if (!groups) return Failure(groups.error());
    Node list = Node::Array();
    for (const store::DeadLetterGroup& group : *groups) {
        Node one = Node::Object();
        one.Set("stage", Node::String(group.stage));
        one.Set("path", Node::String(group.path));
        one.Set("reason", Node::String(group.reason));
        one.Set("count", Number(group.count));
        one.Set("oldest_seq", Number(group.oldest_seq));
        one.Set("newest_seq", Number(group.newest_seq));
        list.Append(std::move(one));
    }
    Node node = Node::Object();
    node.Set("groups", std::move(list));
    return Json(200, node);
}

Response Admin::Outcomes(const Request& request) {
    const auto filter = FilterOfBody(request.body);
    if (!filter) return Failure(filter.error());
    if (filter->seqs.size() > kListMax) {
        return Failure(400, "at most " + std::to_string(kListMax) + " messages at once");
    }
    const auto found = parts_.messages.Summaries(filter->seqs);
    if (!found) return Failure(found.error());
    return Json(200, Listed("messages", *found, *parts_.supervisor.generation()));
}

Response Admin::Replay(const Request& request) {
    const auto filter = FilterOfBody(request.body);
    if (!filter) return Failure(filter.error());
    const auto seqs = parts_.messages.Reopen(*filter, ActorOf(request));
    if (!seqs) return Failure(seqs.error());
    parts_.supervisor.Replay(*seqs);
    Node list = Node::Array();
    for (const std::int64_t seq : *seqs) list.Append(Number(seq));
    Node node = Node::Object();
    node.Set("replayed", std::move(list));
    return Json(200, node);
}

Response Admin::Conflicts(const Request& request) {
    const auto parameters = net::ParseForm(request.query);
    if (!parameters) return Failure(parameters.error());
    const auto limit = LimitOf(Parameter(*parameters, "limit"));
    if (!limit) return Failure(limit.error());
    store::ConflictFilter filter;
    filter.all = Parameter(*parameters, "all") == "true";
    if (const std::string text = Parameter(*parameters, "after"); !text.empty()) {
        const auto after = ParseNumber(text, std::numeric_limits<std::int64_t>::max());
        if (!after) return Failure(after.error());
        filter.after = *after;
    }
    // One more than asked for tells whether there is a next page.
    filter.limit = std::max(*limit, 1) + 1;
    auto found = parts_.messages.Conflicts(filter);
    if (!found) return Failure(found.error());
    const bool more = found->size() == static_cast<std::size_t>(filter.limit);
    if (more) found->pop_back();
    Node node = Node::Object();
    Node& list = node.Set("conflicts", Node::Array());
    for (const auto& conflict : *found) list.Append(ConflictNode(conflict, parts_.tenants));
    node.Set("more", Node::Boolean(more));
    return Json(200, node);
}

Response Admin::ResolveConflict(const Request& request) {
    const auto body = fhir::ParseJson(request.body);
    if (!body || !body->IsObject()) return Failure(400, "the body must be a JSON object");
    const Node* number = body->Find("id");
    if (number == nullptr) return Failure(400, "'id' is missing");
    const auto id = ParseNumber(number->text(), std::numeric_limits<std::int64_t>::max());
    if (!id) return Failure(id.error());
    const auto done =
        parts_.messages.ResolveConflict(*id, std::string(body->TextOf("note")), ActorOf(request));
    if (!done) return Failure(done.error());
    Node node = Node::Object();
    node.Set("resolved", Number(*id));
    return Json(200, node);
}

Response Admin::Discard(const Request& request) {
    const auto filter = FilterOfBody(request.body);
    if (!filter) return Failure(filter.error());
    const auto count = parts_.messages.Discard(*filter, ActorOf(request));
    if (!count) return Failure(count.error());
    Node node = Node::Object();
    node.Set("discarded", Number(*count));
    return Json(200, node);
}

}  // namespace carestream::app
