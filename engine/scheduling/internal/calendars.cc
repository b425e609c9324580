#include "scheduling/internal/calendars.h"

#include <algorithm>
#include <utility>

#include "fhir/json.h"
#include "scheduling/internal/resources.h"

namespace carestream::scheduling {

namespace {

constexpr int kTries = 16;  // each failure means that another writer went through
constexpr const char* kPage = "500";
constexpr Micros kDay = 86'400LL * 1'000'000;
// A search of Slots and Appointments goes by their start: what is longer than this is found by its
// first days only.
constexpr Micros kBlockLongest = 93 * kDay;
constexpr Micros kSlotLongest = kDay;
constexpr Micros kMadeLongest = kDay / 2;  // as ScheduleSpec has it

bool OneOf(std::string_view text, std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), text) != words.end();
}

bool IsPlace(std::string_view reference) {
    return reference.starts_with("Location/") || reference.starts_with("HealthcareService/");
}
// Of templates: nobody else makes Slots in their Schedules.
bool IsMade(std::string_view slot) {
    return slot.starts_with(kSlotPrefix);
}
bool IsOfTemplate(std::string_view schedule) {
    return schedule.starts_with(kSchedulePrefix);
}
Micros LongestOf(std::string_view schedule) {
    return IsOfTemplate(schedule) ? kMadeLongest : kSlotLongest;
}

// Without an end it takes the moment of its start.
Span SpanOf(const fhir::Node& node) {
    Span span{InstantOf(node.TextOf("start")), InstantOf(node.TextOf("end"))};
    if (span.to <= span.from) span.to = span.from + 1;
    return span.from == 0 ? Span{} : span;
}

std::string ScheduleOf(const fhir::Node& slot) {
    return IdOf(RefOf(slot).schedule, "Schedule");
}

// Slots of templates are written by this module alone. Of the EHR's own ones a mark says so: the
// EHR speaks of free and of busy-unavailable.
bool IsTakenHere(const Stored& slot, const std::string& id) {
    const std::string_view status = slot.node.TextOf("status");
    return IsMade(id) ? status == "busy-unavailable"
                      : status == "busy" && HasExtension(slot.node, kTakenExtension);
}

bool NamesForeignSlot(const fhir::Node& appointment) {
    const fhir::Node* slots = appointment.Find("slot");
    return slots != nullptr &&
           std::any_of(slots->items().begin(), slots->items().end(), [](const fhir::Node& slot) {
               return !IsMade(IdOf(slot.TextOf("reference"), "Slot"));
           });
}

std::string Joined(const std::set<std::string>& references) {
    std::string list;
    for (const std::string& one : references) list += (list.empty() ? "" : ",") + one;
    return list;
}

}  // namespace

Result<void> Calendars::PassOver(Result<void> outcome) const {
    if (outcome || outcome.error().retryable) return outcome;
    context_.parts.log.Error("scheduling.calendar", outcome.error().message,
                             {{"path", outcome.error().path}});
    return {};
}

Result<void> Calendars::Load() {
    calendars_.clear();
    by_actor_.clear();
    by_identifier_.clear();
    CARESTREAM_ASSIGN(found, context_.Search("Schedule", {{"_count", kPage}}));
    for (const store::StoredVersion& one : found) {
        CARESTREAM_ASSIGN(node, fhir::ParseJson(one.body));
        CARESTREAM_TRY(PassOver(Put(one.id, node)));
    }
    return {};
}

Result<void> Calendars::Follow(const std::vector<store::Event>& events) {
    for (const store::Event& event : events) CARESTREAM_TRY(PassOver(Learn(event)));
    Touched touched;
    for (const store::Event& event : events) Collect(event, touched);
    for (const auto& [id, span] : touched) CARESTREAM_TRY(PassOver(Settle(id, span)));
    return {};
}

Result<void> Calendars::Learn(const store::Event& event) {
    if (event.tenant != context_.options.tenant || event.unreadable) return {};
    const bool deleted = event.kind == store::EventKind::kDeleted;
    if (event.type == "Schedule") {
        if (deleted) {
            Forget(event.id);
            return {};
        }
        CARESTREAM_ASSIGN(node, fhir::ParseJson(event.body));
        return Put(event.id, node);
    }
    // Somebody may be whom a Schedule names by an identifier.
    const auto first = by_identifier_.lower_bound(event.type + "|");
    const bool awaited =
        first != by_identifier_.end() && first->first.starts_with(event.type + "|");
    if (!awaited || deleted) return {};
    CARESTREAM_ASSIGN(node, fhir::ParseJson(event.body));
    const fhir::Node* identifiers = node.Find("identifier");
    if (identifiers == nullptr) return {};
    for (const fhir::Node& one : identifiers->items()) {
        const auto found =
            by_identifier_.find(event.type + "|" + std::string(one.TextOf("system")) + "|" +
                                std::string(one.TextOf("value")));
        if (found == by_identifier_.end()) continue;
        const std::string actor = event.type + "/" + event.id;
        for (const std::string& schedule : found->second) {
            Calendar& calendar = calendars_[schedule];
            (IsPlace(actor) ? calendar.places : calendar.persons).insert(actor);
            by_actor_[actor].insert(schedule);
        }
    }
    return {};
}

void Calendars::Forget(const std::string& id) {
    calendars_.erase(id);
    for (auto* index : {&by_actor_, &by_identifier_}) {
        for (auto one = index->begin(); one != index->end();) {
            one->second.erase(id);
            one = one->second.empty() ? index->erase(one) : std::next(one);
        }
    }
}

Result<std::vector<std::string>> Calendars::ActorsOf(const fhir::Node& actor,
                                                     const std::string& schedule) {
    std::vector<std::string> actors;
    if (const std::string_view reference = actor.TextOf("reference"); !reference.empty()) {
        actors.emplace_back(reference);
        return actors;
    }
    const std::string type(actor.TextOf("type"));
    const fhir::Node* identifier = actor.Find("identifier");
    if (type.empty() || identifier == nullptr) return actors;
    const std::string token =
        std::string(identifier->TextOf("system")) + "|" + std::string(identifier->TextOf("value"));
    by_identifier_[type + "|" + token].insert(schedule);
    CARESTREAM_ASSIGN(found, context_.Search(type, {{"identifier", token}, {"_count", kPage}}));
    for (const store::StoredVersion& one : found) actors.push_back(type + "/" + one.id);
    return actors;
}

Result<void> Calendars::Put(const std::string& id, const fhir::Node& schedule) {
    if (calendars_.count(id) != 0) Forget(id);
    if (schedule.Find("active") != nullptr && !schedule.Find("active")->boolean()) return {};
    const fhir::Node* actors = schedule.Find("actor");
    if (actors == nullptr) return {};
    Calendar calendar;
    for (const fhir::Node& one : actors->items()) {
        std::string kind(one.TextOf("reference"));
        if (kind.empty()) kind = std::string(one.TextOf("type")) + "/";
        calendar.of_person = calendar.of_person || !IsPlace(kind);
        CARESTREAM_ASSIGN(found, ActorsOf(one, id));
        for (std::string& actor : found) {
            by_actor_[actor].insert(id);
            (IsPlace(actor) ? calendar.places : calendar.persons).insert(std::move(actor));
        }
    }
    calendars_[id] = std::move(calendar);
    return {};
}

void Calendars::Collect(const store::Event& event, Touched& touched) const {
    const bool ours = event.tenant == context_.options.tenant &&
                      OneOf(event.type, {"Slot", "Appointment"}) && !calendars_.empty();
    if (!ours) return;
    for (const std::string* text : {&event.body, &event.before}) {
        const auto node = text->empty() ? Result<fhir::Node>() : fhir::ParseJson(*text);
        if (!node || node->IsNull()) continue;
        if (event.type == "Slot") {
            // Of a template's one it only matters that it may now be given, or is gone.
            const bool given = text == &event.body ? node->TextOf("status") == "free"
                                                   : event.kind == store::EventKind::kDeleted;
            if (given || !IsMade(event.id)) TouchSlot(*node, touched);
        } else if (!event.id.starts_with(kBookingPrefix) || NamesForeignSlot(*node)) {
            TouchAppointment(*node, touched);
        }
    }
}

void Calendars::TouchSlot(const fhir::Node& slot, Touched& touched) const {
    const auto found = calendars_.find(ScheduleOf(slot));
    if (found == calendars_.end()) return;
    for (const auto* actors : {&found->second.persons, &found->second.places}) {
        for (const std::string& actor : *actors) Touch(actor, SpanOf(slot), touched);
    }
}

void Calendars::TouchAppointment(const fhir::Node& appointment, Touched& touched) const {
    const fhir::Node* participants = appointment.Find("participant");
    if (participants == nullptr) return;
    for (const fhir::Node& one : participants->items()) {
        const fhir::Node* actor = one.Find("actor");
        if (actor == nullptr) continue;
        Touch(std::string(actor->TextOf("reference")), SpanOf(appointment), touched);
    }
}

void Calendars::Touch(const std::string& actor, const Span& span, Touched& touched) const {
    const auto found = by_actor_.find(actor);
    if (found == by_actor_.end() || span.from == 0) return;
    for (const std::string& schedule : found->second) {
        Span& whole = touched.try_emplace(schedule, span).first->second;
        whole = {std::min(whole.from, span.from), std::max(whole.to, span.to)};
    }
}

std::set<std::string> Calendars::Sharing(const std::set<std::string>& actors) const {
    std::set<std::string> schedules;
    for (const std::string& actor : actors) {
        const auto found = by_actor_.find(actor);
        if (found != by_actor_.end()) schedules.insert(found->second.begin(), found->second.end());
    }
    return schedules;
}

Result<void> Calendars::Settle(const std::string& id, const Span& span) {
    for (int tries = kTries; tries > 0; --tries) {
        CARESTREAM_ASSIGN(settled, TrySettle(id, span));
        if (settled) return {};
    }
    return Fail(Code::kConflict, "others were faster each time", "Schedule/" + id);
}

Result<bool> Calendars::TrySettle(const std::string& id, const Span& span) {
    const Span ahead{std::max(span.from, context_.Now()), span.to};
    if (ahead.to <= ahead.from) return true;
    const Micros longest = LongestOf(id);
    CARESTREAM_ASSIGN(takers, TakersOf(id, {ahead.from - longest, ahead.to + longest}));
    const char* status = takers.empty() ? "busy,busy-unavailable" : "free,busy,busy-unavailable";
    CARESTREAM_ASSIGN(slots, SlotsOf({id}, ahead, longest, status));
    std::erase_if(slots, [](const Stored& slot) {
        return slot.node.TextOf("status") != "free" &&
               !IsTakenHere(slot, std::string(slot.node.TextOf("id")));
    });
    bool all = true;
    for (Stored& slot : slots) {
        const std::string name(slot.node.TextOf("id"));
        const bool taken = std::any_of(takers.begin(), takers.end(), [&](const Taker& taker) {
            return (taker.of_templates || !IsMade(name)) && taker.span.Meets(SpanOf(slot.node));
        });
        if (taken == IsTakenHere(slot, name)) continue;
        CARESTREAM_ASSIGN(written, Write(std::move(slot), taken));
        all = all && written;
    }
    return all;
}

Result<std::vector<Stored>> Calendars::SlotsOf(const std::set<std::string>& schedules,
                                               const Span& span, Micros longest,
                                               std::string_view status) {
    std::vector<Stored> slots;
    if (schedules.empty()) return slots;
    std::set<std::string> references;
    for (const std::string& one : schedules) references.insert("Schedule/" + one);
    CARESTREAM_ASSIGN(found,
                      context_.Search("Slot", {{"schedule", Joined(references)},
                                               {"status", std::string(status)},
                                               {"start", "ge" + FormatInstant(span.from - longest)},
                                               {"start", "lt" + FormatInstant(span.to)},
                                               {"_count", kPage}}));
    for (const store::StoredVersion& one : found) {
        CARESTREAM_ASSIGN(node, fhir::ParseJson(one.body));
        if (SpanOf(node).Meets(span)) slots.push_back(Stored{std::move(node), one.version, {}});
    }
    return slots;
}

Result<std::vector<Calendars::Taker>> Calendars::TakersOf(const std::string& id, const Span& span) {
    std::vector<Taker> takers;
    const auto calendar = calendars_.find(id);
    if (calendar == calendars_.end()) return takers;
    const std::set<std::string>& owners = calendar->second.owners();
    // A person without a room, and a room without its person: nothing can be given.
    std::set<std::string> shared = Sharing(calendar->second.persons);
    shared.merge(Sharing(calendar->second.places));
    std::erase_if(shared, IsOfTemplate);
    CARESTREAM_ASSIGN(blocks, SlotsOf(shared, span, kBlockLongest, "busy-unavailable"));
    for (const Stored& one : blocks) takers.push_back({SpanOf(one.node), true});
    // Where a template speaks for somebody, it alone says what can be booked.
    if (!IsOfTemplate(id)) {
        std::set<std::string> templates = Sharing(owners);
        std::erase_if(templates, [](const auto& one) { return !IsOfTemplate(one); });
        CARESTREAM_ASSIGN(made, SlotsOf(templates, span, kMadeLongest,
                                        "free,busy,busy-tentative,busy-unavailable"));
        for (const Stored& one : made) takers.push_back({SpanOf(one.node), false});
    }
    if (owners.empty()) return takers;
    CARESTREAM_ASSIGN(
        found, context_.Search("Appointment", {{"actor", Joined(owners)},
                                               {"date", "ge" + FormatInstant(span.from - kDay)},
                                               {"date", "lt" + FormatInstant(span.to)},
                                               {"_count", kPage}}));
    for (const store::StoredVersion& one : found) {
        CARESTREAM_ASSIGN(node, fhir::ParseJson(one.body));
        // What is booked or held here takes its own slot; those of templates are as they say.
        const bool foreign = !one.id.starts_with(kBookingPrefix);
        const bool held = !foreign && node.TextOf("status") == "proposed";
        if (held || TakesTime(node)) takers.push_back({SpanOf(node), foreign});
    }
    return takers;
}

Result<bool> Calendars::Write(Stored slot, bool taken) {
    const std::string id(slot.node.TextOf("id"));
    const bool made = IsMade(id);
    slot.node.Set("status", fhir::Node::String(!taken ? "free"
                                               : made ? "busy-unavailable"
                                                      : "busy"));
    RemoveExtension(slot.node, kTakenExtension);
    if (taken && !made) SetExtension(slot.node, kTakenExtension, "valueCode", "taken");
    store::RestWrite write;
    write.tenant = context_.options.tenant;
    write.method = store::RestMethod::kUpdate;
    write.type = "Slot";
    write.id = id;
    write.resource = std::move(slot.node);
    write.if_match = slot.version;
    write.as_of = context_.Now() - kClockSlack;
    store::RestTransaction transaction;
    transaction.writes.push_back(std::move(write));
    const auto written = context_.Write(std::move(transaction));
    if (written) return true;
    if (WasOvertaken(written.error())) return false;
    return Fail(written.error());
}

}  // namespace carestream::scheduling
