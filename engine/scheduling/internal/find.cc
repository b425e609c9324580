#include "scheduling/internal/find.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "fhir/json.h"
#include "rest/outcome.h"
#include "scheduling/internal/parameters.h"
#include "scheduling/internal/resources.h"

namespace carestream::scheduling {

namespace {

constexpr int kFindDefault = 50;
constexpr int kFindSpare = 200;
constexpr int kSchedulesMax = 100;  // of one practitioner or location
constexpr int kFindMax = 200;
constexpr int kPagesMax = 20;  // of slots that one $find looks at
constexpr Micros kDay = 86'400LL * 1'000'000;
constexpr Micros kFindSpanMax = 93 * kDay;
constexpr Micros kFindSpan = 14 * kDay;

// Whose Schedules are meant.
struct ActorFilter {
    std::string name;  // of the parameter
    std::string type;
    std::string value;  // an id, or "system|value"
    [[nodiscard]] bool by_identifier() const { return value.find('|') != std::string::npos; }
};

// A $find as a search of Slot.
struct FindQuery {
    net::Parameters search;
    std::vector<ActorFilter> actors;  // all of them are meant
    int count = kFindDefault;
};

Result<FindQuery> ReadFind(const rest::OperationCall& call, const Rules& rules) {
    const Micros now = rules.Now();
    FindQuery find;
    const std::string start = ValueOf(call, "start");
    const std::string end = ValueOf(call, "end");
    const Micros from = start.empty() ? now : InstantOf(start);
    const Micros to = end.empty() ? from + kFindSpan : InstantOf(end);
    if (from == 0) return Fail(Code::kInvalid, "a date or time as 2026-12-01T08:00:00Z", "start");
    if (to == 0) return Fail(Code::kInvalid, "a date or time as 2026-12-01T08:00:00Z", "end");
    if (to <= from) return Fail(Code::kInvalid, "the end is to be after the start", "end");
    if (to - from > kFindSpanMax) {
        return Fail(Code::kInvalid, "at most 93 days at once: ask for less", "end");
    }
    find.search = {{"status", "free"},
                   {"start", "ge" + FormatInstant(std::max(from, now))},
                   {"start", "lt" + FormatInstant(to)}};
    if (const std::string schedule = ValueOf(call, "schedule"); !schedule.empty()) {
        const std::string named = rules.ScheduleIdOf(schedule);
        find.search.emplace_back(
            "schedule", "Schedule/" + (named.empty() ? IdOf(schedule, "Schedule") : named));
    }
    for (const auto& [name, type] :
         {std::pair{"practitioner", "Practitioner"}, std::pair{"location", "Location"}}) {
        if (const std::string value = ValueOf(call, name); !value.empty()) {
            const bool token = value.find('|') != std::string::npos;
            find.actors.push_back({name, type, token ? value : IdOf(value, type)});
        }
    }
    for (const char* name : {"service-type", "specialty", "appointment-type"}) {
        if (const std::string value = ValueOf(call, name); !value.empty()) {
            find.search.emplace_back(name, value);
        }
    }
    if (const std::string count = ValueOf(call, "_count"); !count.empty()) {
        const auto [last, error] =
            std::from_chars(count.data(), count.data() + count.size(), find.count);
        if (error != std::errc() || last != count.data() + count.size() || find.count < 1 ||
            find.count > kFindMax) {
            return Fail(Code::kInvalid, "a whole number from 1 to " + std::to_string(kFindMax),
                        "_count");
        }
    }
    find.search.emplace_back("_sort", "start");
    // More, because what begins too soon is left out; if that is not enough, there are more pages.
    find.search.emplace_back("_count", std::to_string(find.count + kFindSpare));
    find.search.emplace_back("_include", "Slot:schedule");
    return find;
}

// What is proposed, as the entries of a Bundle.
struct Proposals {
    std::string entries;
    int total = 0;
    bool more = false;
    std::string looked_to;  // start of the last slot that was looked at
};

Result<void> Propose(const store::SearchPage& page, int count, const Rules& rules,
                     Proposals& found) {
    std::map<std::string, fhir::Node> schedules;
    for (const store::StoredVersion& one : page.included) {
        CARESTREAM_ASSIGN(node, fhir::ParseJson(one.body));
        schedules["Schedule/" + one.id] = std::move(node);
    }
    for (const store::StoredVersion& one : page.matches) {
        CARESTREAM_ASSIGN(slot, fhir::ParseJson(one.body));
        const SlotRef ref = RefOf(slot);
        const bool bookable = rules.CheckBookable(ref.schedule, InstantOf(ref.start)).has_value();
        found.more = bookable && found.total == count;
        if (found.more) return {};
        found.looked_to = ref.start;
        if (!bookable) continue;
        const auto schedule = schedules.find(ref.schedule);
        fhir::Node proposal =
            Proposal(slot, schedule == schedules.end() ? nullptr : &schedule->second);
        found.entries += found.total++ == 0 ? R"({"resource":)" : R"(,{"resource":)";
        fhir::WriteJson(proposal, found.entries);
        found.entries += R"(,"search":{"mode":"match"}})";
    }
    found.more = !page.next.empty();
    return {};
}

std::string BundleOf(const Proposals& found) {
    std::string entries = found.entries;
    if (found.more) {
        entries +=
            (entries.empty() ? "" : ",") + std::string(R"({"resource":)") +
            rest::OutcomeJson({{"information", "incomplete",
                                "there are more: ask from " + found.looked_to + " on", "start"}}) +
            R"(,"search":{"mode":"outcome"}})";
    }
    return R"({"resourceType":"Bundle","type":"searchset","total":)" + std::to_string(found.total) +
           (entries.empty() ? "}" : R"(,"entry":[)" + entries + "]}");
}

// Of one type, on a thread of the store; what fails is answered here. `position`: of a page, "" =
// the first.
void SearchFor(Scheduler& scheduler, std::string_view type, const net::Parameters& parameters,
               const std::string& position, const ResponderPtr& responder,
               std::function<void(const store::SearchPage& page)> then) {
    auto query = search::ParseQuery(*scheduler.definitions(), type, parameters);
    if (!query) {
        return responder->Send(rest::OutcomeOf(query.error(), rest::ErrorOrigin::kSearch));
    }
    store::SearchRequest request;
    request.tenant = scheduler.options().tenant;
    request.query = std::move(*query);
    request.position = position;
    request.cancel = responder->cancelled();
    request.leave_out_unreadable = true;
    scheduler.reader().Search(std::move(request), [responder, then = std::move(then)](
                                                      const Result<store::SearchPage>& page) {
        if (page) return then(*page);
        responder->Send(rest::OutcomeOf(page.error(), rest::ErrorOrigin::kSearch));
    });
}

void SendBundle(const ResponderPtr& responder, const Proposals& found) {
    responder->Send(net::Response::Text(200, rest::kFhirJson, BundleOf(found)));
}

// Whose Slots are meant, one filter after the other, then those Slots: bounded searches, each on a
// thread of the store.
class Finding : public std::enable_shared_from_this<Finding> {
public:
    Finding(Scheduler& scheduler, std::shared_ptr<const Rules> rules, FindQuery find,
            ResponderPtr responder)
        : scheduler_(scheduler),
          rules_(std::move(rules)),
          find_(std::move(find)),
          responder_(std::move(responder)) {}

    void Next() {
        if (next_ == find_.actors.size()) return FindSlots();
        const ActorFilter& filter = find_.actors[next_++];
        if (!filter.by_identifier()) return FindSchedules(filter, filter.type + "/" + filter.value);
        Search(filter.type, {{"identifier", filter.value}}, filter.name,
               [self = shared_from_this(), &filter](const store::SearchPage& page) {
                   self->FindSchedules(filter, Joined(filter.type, page));
               });
    }

private:
    static std::string Joined(const std::string& type, const store::SearchPage& page) {
        std::string list;
        for (const store::StoredVersion& one : page.matches) {
            list += (list.empty() ? "" : ",") + type + "/" + one.id;
        }
        return list;
    }

    void Search(const std::string& type, net::Parameters parameters, const std::string& name,
                std::function<void(const store::SearchPage& page)> then) {
        parameters.emplace_back("_count", std::to_string(kSchedulesMax));
        SearchFor(scheduler_, type, parameters, "", responder_,
                  [self = shared_from_this(), name,
                   then = std::move(then)](const store::SearchPage& page) {
                      if (page.next.empty()) return then(page);
                      Refuse(self->responder_, 400, "too-costly",
                             "it stands for too many: name one schedule", name);
                  });
    }

    void FindSchedules(const ActorFilter& filter, const std::string& actors) {
        // A template names its actors by identifier, whoever has it.
        std::set<std::string> found;
        if (filter.by_identifier()) found = rules_->SchedulesOf(filter.type, filter.value);
        if (actors.empty()) return Keep(std::move(found));
        Search("Schedule", {{"actor", actors}}, filter.name,
               [self = shared_from_this(), found](const store::SearchPage& page) mutable {
                   for (const store::StoredVersion& one : page.matches) found.insert(one.id);
                   self->Keep(std::move(found));
               });
    }

    // Those that the filters before left, too.
    void Keep(std::set<std::string> found) {
        if (schedules_) {
            std::erase_if(found, [&](const auto& one) { return schedules_->count(one) == 0; });
        }
        if (found.empty()) return SendBundle(responder_, found_);
        schedules_ = std::move(found);
        Next();
    }

    void FindSlots() {
        if (schedules_) {
            std::string named;
            for (const std::string& one : *schedules_) {
                named += (named.empty() ? "Schedule/" : ",Schedule/") + one;
            }
            find_.search.emplace_back("schedule", named);
        }
        FindPage("");
    }

    void FindPage(const std::string& position) {
        SearchFor(scheduler_, "Slot", find_.search, position, responder_,
                  [self = shared_from_this()](const store::SearchPage& page) { self->Take(page); });
    }

    // The first pages may hold nothing but what is too soon to be booked.
    void Take(const store::SearchPage& page) {
        const Result<void> proposed = Propose(page, find_.count, *rules_, found_);
        if (!proposed) {
            return responder_->Send(rest::OutcomeOf(proposed.error(), rest::ErrorOrigin::kSearch));
        }
        const bool enough = found_.total == find_.count || ++pages_ == kPagesMax;
        if (enough || page.next.empty()) return SendBundle(responder_, found_);
        FindPage(page.next);
    }

    Scheduler& scheduler_;
    const std::shared_ptr<const Rules> rules_;
    FindQuery find_;
    const ResponderPtr responder_;
    std::size_t next_ = 0;
    Proposals found_;
    int pages_ = 0;
    std::optional<std::set<std::string>> schedules_;  // ids; absent: all
};

}  // namespace

rest::Operation FindOperation(Scheduler& scheduler) {
    rest::Operation operation = Named("find", false);
    operation.changes_state = false;
    operation.run = [&scheduler, rules = scheduler.rules()](const rest::OperationCall& call,
                                                            ResponderPtr responder) {
        if (const auto wrong = CheckParameters(
                call, {"start", "end", "schedule", "practitioner", "location", "service-type",
                       "specialty", "appointment-type", "_count"})) {
            return Refuse(responder, 400, "invalid", wrong->text, wrong->name);
        }
        auto find = ReadFind(call, *rules);
        if (!find) {
            return Refuse(responder, 400, "value", find.error().message, find.error().path);
        }
        std::make_shared<Finding>(scheduler, rules, std::move(*find), responder)->Next();
    };
    return operation;
}

}  // namespace carestream::scheduling
