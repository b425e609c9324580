#include "scheduling/internal/calendars.h"

#include <algorithm>
#include <iterator>
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
constexpr Micros kMadeLongest = kDay / 2;          // as ScheduleSpec has it
constexpr Micros kEver = 253'370'764'800'000'000;  // 9999-01-01

bool OneOf(std::string_view text, std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), text) != words.end();
}

bool IsPlace(std::string_view actor) {
    return OneOf(actor.substr(0, actor.find_first_of("/|")), {"Location", "HealthcareService"});
}

std::string NameOf(const std::string& type, const fhir::Node& identifier) {
    return type + "|" + std::string(identifier.TextOf("system")) + "|" +
           std::string(identifier.TextOf("value"));
}
// As a Calendar has it; "" = it is named by nothing that finds it.
std::string NameOf(const fhir::Node& actor) {
    if (const std::string_view reference = actor.TextOf("reference"); !reference.empty()) {
        return std::string(reference);
    }
    const std::string type(actor.TextOf("type"));
    const fhir::Node* identifier = actor.Find("identifier");
    return type.empty() || identifier == nullptr ? std::string() : NameOf(type, *identifier);
}
bool IsByIdentifier(std::string_view actor) {
    return actor.find('|') != std::string_view::npos;
}

// All names that identifiers give to a resource.
Result<std::set<std::string>> NamesIn(const std::string& type, const std::string& body) {
    std::set<std::string> names;
    if (body.empty()) return names;
    CARESTREAM_ASSIGN(node, fhir::ParseJson(body));
    const fhir::Node* identifiers = node.Find("identifier");
    if (identifiers == nullptr) return names;
    for (const fhir::Node& one : identifiers->items()) names.insert(NameOf(type, one));
    return names;
}

// Those whose time it takes.
std::set<std::string> ActorsOf(const fhir::Node& appointment) {
    std::set<std::string> actors;
    const fhir::Node* participants = appointment.Find("participant");
    if (participants == nullptr) return actors;
    for (const fhir::Node& one : participants->items()) {
        const fhir::Node* actor = one.Find("actor");
        const bool comes = !IsOfPaperwork(one);
        if (actor != nullptr && comes) actors.insert(NameOf(*actor));
    }
    return actors;
}

bool HaveCommon(const std::set<std::string>& one, const std::set<std::string>& other) {
    return std::any_of(one.begin(), one.end(),
                       [&](const std::string& name) { return other.count(name) != 0; });
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

// Of a template, "" = none.
std::string OwnSlotOf(const fhir::Node& appointment) {
    const fhir::Node* slots = appointment.Find("slot");
    if (slots == nullptr) return {};
    for (const fhir::Node& slot : slots->items()) {
        std::string id = IdOf(slot.TextOf("reference"), "Slot");
        if (IsMade(id)) return id;
    }
    return {};
}

// As Watch decides: it moves the booking to the time that the EHR tells.
bool WillFollow(const Record& record, const fhir::Node& appointment) {
    const bool said =
        OneOf(appointment.TextOf("status"), {"booked", "arrived", "fulfilled", "checked-in"});
    const bool cancels = record.saga.step == Step::kCancel && record.saga.state != State::kBooked;
    const bool open = !IsSettled(record.saga.state) && !cancels && record.former == SlotRef{};
    return said && open && SpanOf(appointment).from != InstantOf(record.slot.start);
}

std::string Joined(const std::set<std::string>& references) {
    std::string list;
    for (const std::string& one : references) list += (list.empty() ? "" : ",") + one;
    return list;
}

void Widen(std::map<std::string, Span>& touched, const std::string& schedule, const Span& span) {
    Span& whole = touched.try_emplace(schedule, span).first->second;
    whole = {std::min(whole.from, span.from), std::max(whole.to, span.to)};
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
    CARESTREAM_ASSIGN(found, context_.Search("Schedule", {{"_count", kPage}}));
    for (const store::StoredVersion& one : found) {
        const auto calendar = CalendarOf(one.body);
        if (calendar) Put(one.id, *calendar);
        if (!calendar) CARESTREAM_TRY(PassOver(Fail(calendar.error())));
    }
    loaded_ = true;
    return {};
}

Result<void> Calendars::Follow(const std::vector<store::Event>& events) {
    Touched touched;
    for (const store::Event& event : events) CARESTREAM_TRY(PassOver(Learn(event, touched)));
    for (const store::Event& event : events) Collect(event, touched);
    for (const auto& [id, span] : touched) CARESTREAM_TRY(PassOver(Settle(id, span)));
    return {};
}

Result<void> Calendars::Learn(const store::Event& event, Touched& touched) {
    if (event.tenant != context_.options.tenant || event.unreadable) return {};
    if (event.type == "Schedule") return LearnSchedule(event, touched);
    const std::string named = event.type + "|";
    const auto first = by_actor_.lower_bound(named);
    const bool awaited = first != by_actor_.end() && first->first.starts_with(named);
    return awaited ? LearnIdentifiers(event, touched) : Result<void>();
}

// What was before is in the event: memory may know better already, after a crash.
Result<void> Calendars::LearnSchedule(const store::Event& event, Touched& touched) {
    CARESTREAM_ASSIGN(before, CalendarOf(event.before));
    CARESTREAM_ASSIGN(now, CalendarOf(event.body));
    Put(event.id, now);
    if (now == before) return {};
    TouchAhead(before, touched);
    TouchAhead(now, touched);
    return {};
}

// Somebody is whom a Schedule names by an identifier, or is it no longer.
Result<void> Calendars::LearnIdentifiers(const store::Event& event, Touched& touched) {
    CARESTREAM_ASSIGN(before, NamesIn(event.type, event.before));
    CARESTREAM_ASSIGN(now, NamesIn(event.type, event.body));
    std::set<std::string> changed;
    std::set_symmetric_difference(before.begin(), before.end(), now.begin(), now.end(),
                                  std::inserter(changed, changed.end()));
    for (const std::string& schedule : Sharing(changed)) {
        CARESTREAM_ASSIGN(stored, context_.Read("Schedule", schedule));
        CARESTREAM_ASSIGN(calendar, CalendarOf(stored.body));
        TouchAhead(calendars_[schedule], touched);
        Put(schedule, calendar);
        TouchAhead(calendar, touched);
    }
    return {};
}

void Calendars::TouchAhead(const Calendar& calendar, Touched& touched) const {
    for (const std::string& schedule : SharingWith(calendar)) {
        Widen(touched, schedule, {context_.Now(), kEver});
    }
}

void Calendars::Forget(const std::string& id) {
    calendars_.erase(id);
    for (auto one = by_actor_.begin(); one != by_actor_.end();) {
        one->second.erase(id);
        one = one->second.empty() ? by_actor_.erase(one) : std::next(one);
    }
}

Result<void> Calendars::AddActor(const fhir::Node& actor, Calendar& calendar) {
    const std::string name = NameOf(actor);
    if (name.empty()) return {};
    std::set<std::string>& actors = IsPlace(name) ? calendar.places : calendar.persons;
    actors.insert(name);
    if (!IsByIdentifier(name)) return {};
    const std::size_t token = name.find('|');
    const std::string type = name.substr(0, token);
    CARESTREAM_ASSIGN(
        found, context_.Search(type, {{"identifier", name.substr(token + 1)}, {"_count", kPage}}));
    for (const store::StoredVersion& one : found) actors.insert(type + "/" + one.id);
    return {};
}

Result<Calendar> Calendars::CalendarOf(const std::string& schedule) {
    Calendar calendar;
    if (schedule.empty()) return calendar;
    CARESTREAM_ASSIGN(node, fhir::ParseJson(schedule));
    const fhir::Node* active = node.Find("active");
    const fhir::Node* actors = node.Find("actor");
    if ((active != nullptr && !active->boolean()) || actors == nullptr) return calendar;
    for (const fhir::Node& one : actors->items()) {
        std::string kind(one.TextOf("reference"));
        if (kind.empty()) kind = std::string(one.TextOf("type"));
        calendar.of_person = calendar.of_person || !IsPlace(kind);
        CARESTREAM_TRY(AddActor(one, calendar));
    }
    return calendar;
}

void Calendars::Put(const std::string& id, Calendar calendar) {
    if (calendars_.count(id) != 0) Forget(id);
    if (calendar == Calendar{}) return;
    for (const auto* actors : {&calendar.persons, &calendar.places}) {
        for (const std::string& actor : *actors) by_actor_[actor].insert(id);
    }
    calendars_[id] = std::move(calendar);
}

void Calendars::Collect(const store::Event& event, Touched& touched) const {
    const bool ours = event.tenant == context_.options.tenant &&
                      OneOf(event.type, {"Slot", "Appointment"}) && !calendars_.empty();
    if (!ours) return;
    for (const std::string* text : {&event.body, &event.before}) {
        const auto node = text->empty() ? Result<fhir::Node>() : fhir::ParseJson(*text);
        if (!node || node->IsNull()) continue;
        if (event.type == "Slot") {
            // Of a template's one it only matters that it may now be given, or is gone: that it
            // was given is seen by the Appointment.
            const bool matters = text == &event.body ? node->TextOf("status") == "free"
                                                     : event.kind == store::EventKind::kDeleted;
            if (matters || !IsMade(event.id)) TouchSlot(*node, touched);
        } else {
            for (const std::string& actor : ActorsOf(*node)) Touch(actor, SpanOf(*node), touched);
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

void Calendars::Touch(const std::string& actor, const Span& span, Touched& touched) const {
    const auto found = by_actor_.find(actor);
    if (found == by_actor_.end() || span.from == 0) return;
    for (const std::string& schedule : found->second) Widen(touched, schedule, span);
}

std::set<std::string> Calendars::Sharing(const std::set<std::string>& actors) const {
    std::set<std::string> schedules;
    for (const std::string& actor : actors) {
        const auto found = by_actor_.find(actor);
        if (found != by_actor_.end()) schedules.insert(found->second.begin(), found->second.end());
    }
    return schedules;
}

bool Calendars::TakesFrom(const std::string& given, const std::string& other) const {
    const auto one = calendars_.find(given);
    const auto two = calendars_.find(other);
    if (one == calendars_.end() || two == calendars_.end()) return false;
    const std::set<std::string>& owners = two->second.owners();
    return HaveCommon(one->second.persons, owners) || HaveCommon(one->second.places, owners);
}

Result<std::vector<store::RestWrite>> Calendars::TakeBeside(const Stored& slot) {
    if (!loaded_) {
        return Fail(Error{Code::kUnavailable, "the calendars are not read yet: try again", {}, {},
                          0, true});
    }
    std::vector<store::RestWrite> writes;
    const std::string schedule = ScheduleOf(slot.node);
    const auto calendar = calendars_.find(schedule);
    if (calendar == calendars_.end()) return writes;
    std::set<std::string> feeds = SharingWith(calendar->second);
    std::set<std::string> templates = feeds;
    std::erase_if(feeds, IsOfTemplate);
    std::erase_if(templates,
                  [&](const auto& one) { return one == schedule || !IsOfTemplate(one); });
    const Span span = SpanOf(slot.node);
    CARESTREAM_ASSIGN(slots, SlotsOf(templates, span, kMadeLongest, "free,busy,busy-tentative"));
    // Where a template speaks, none of a feed is free.
    if (!IsOfTemplate(schedule)) {
        CARESTREAM_ASSIGN(others, SlotsOf(feeds, span, kSlotLongest, "free"));
        std::move(others.begin(), others.end(), std::back_inserter(slots));
    }
    for (Stored& one : slots) {
        const std::string other = ScheduleOf(one.node);
        if (one.node.TextOf("id") == slot.node.TextOf("id")) continue;
        if (one.node.TextOf("status") == "free") {
            if (TakesFrom(schedule, other)) writes.push_back(WriteOf(std::move(one), true));
        } else if (TakesFrom(other, schedule)) {
            return Fail(SlotIsTaken());
        }
    }
    return writes;
}

std::set<std::string> Calendars::SharingWith(const Calendar& calendar) const {
    std::set<std::string> schedules = Sharing(calendar.persons);
    schedules.merge(Sharing(calendar.places));
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
        const Span time = SpanOf(slot.node);
        const bool taken = std::any_of(takers.begin(), takers.end(), [&](const Taker& taker) {
            return taker.own != name && taker.span.Meets(time);
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

Result<Calendars::Takers> Calendars::TakersOf(const std::string& id, const Span& span) {
    Takers takers;
    const auto calendar = calendars_.find(id);
    if (calendar == calendars_.end()) return takers;
    const std::set<std::string>& owners = calendar->second.owners();
    // A person without a room, and a room without its person: nothing can be given.
    std::set<std::string> shared = SharingWith(calendar->second);
    std::erase_if(shared, IsOfTemplate);
    CARESTREAM_ASSIGN(blocks, SlotsOf(shared, span, kBlockLongest, "busy-unavailable"));
    for (const Stored& one : blocks) takers.push_back({SpanOf(one.node), {}});
    // Given is what a template's slot says, whatever its Appointment does: one whose cancellation
    // is on its way is taken still. Slots of feeds give way to free ones, too: where a template
    // speaks for somebody, it alone says what can be booked.
    std::set<std::string> templates = Sharing(owners);
    std::erase_if(templates, [](const auto& one) { return !IsOfTemplate(one); });
    const char* status =
        IsOfTemplate(id) ? "busy,busy-tentative" : "free,busy,busy-tentative,busy-unavailable";
    CARESTREAM_ASSIGN(made, SlotsOf(templates, span, kMadeLongest, status));
    for (const Stored& one : made) {
        takers.push_back({SpanOf(one.node), std::string(one.node.TextOf("id"))});
    }
    CARESTREAM_TRY(AddAppointments(owners, span, takers));
    return takers;
}

Result<void> Calendars::AddAppointments(const std::set<std::string>& owners, const Span& span,
                                        Takers& takers) {
    std::set<std::string> references = owners;
    net::Parameters ways;
    // Bookings with a template's slot name its actors as it does, and no search finds identifiers.
    if (std::erase_if(references, IsByIdentifier) != 0) {
        ways.emplace_back("identifier",
                          "urn:carestream:authority:" + context_.options.authority + "|");
    }
    if (!references.empty()) ways.emplace_back("actor", Joined(references));
    for (const auto& way : ways) {
        CARESTREAM_ASSIGN(
            found, context_.Search("Appointment", {way,
                                                   {"date", "ge" + FormatInstant(span.from - kDay)},
                                                   {"date", "lt" + FormatInstant(span.to)},
                                                   {"_count", kPage}}));
        for (const store::StoredVersion& one : found) {
            CARESTREAM_ASSIGN(node, fhir::ParseJson(one.body));
            const bool ours = one.id.starts_with(kBookingPrefix);
            const bool held = ours && node.TextOf("status") == "proposed";
            if (!(held || TakesTime(node)) || !HaveCommon(ActorsOf(node), owners)) continue;
            CARESTREAM_ASSIGN(moves, ours ? IsBeingMoved(one.id, one.version, node)
                                          : Result<bool>(false));
            if (!moves) takers.push_back({SpanOf(node), OwnSlotOf(node)});
        }
    }
    return {};
}

// What the EHR has moved gets the slot at its new time when Watch comes to that event, and the time
// is looked at again after that: taken before, the slot would be nobody's.
Result<bool> Calendars::IsBeingMoved(const std::string& id, std::int32_t version,
                                     const fhir::Node& appointment) {
    const auto row = context_.parts.bookings->Find(context_.options.tenant, id);
    if (!row && row.error().retryable) return Fail(row.error());
    if (!row || !*row) return false;
    const auto record = RecordOf(**row);
    if (!record) return false;
    // One that waits for its slot, or is booked again after it was settled, gets it when it is free:
    // it does not stand in its own way.
    const bool again = IsSettled(record->saga.state) && version > record->seen;
    if (record->WaitsForSlot() || again) return true;
    return appointment.Find("slot") != nullptr && WillFollow(*record, appointment);
}

store::RestWrite Calendars::WriteOf(Stored slot, bool taken) const {
    const std::string id(slot.node.TextOf("id"));
    const bool made = IsMade(id);
    slot.node.Set("status", fhir::Node::String(!taken ? "free"
                                               : made ? "busy-unavailable"
                                                      : "busy"));
    RemoveExtension(slot.node, kTakenExtension);
    if (taken && !made) SetExtension(slot.node, kTakenExtension, "valueCode", "taken");
    return context_.Update("Slot", id, std::move(slot.node), slot.version);
}

Result<bool> Calendars::Write(Stored slot, bool taken) {
    store::RestTransaction transaction;
    transaction.writes.push_back(WriteOf(std::move(slot), taken));
    const auto written = context_.Write(std::move(transaction));
    if (written) return true;
    if (WasOvertaken(written.error())) return false;
    return Fail(written.error());
}

}  // namespace carestream::scheduling
