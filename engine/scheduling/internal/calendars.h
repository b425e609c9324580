#pragma once
// Times that others took: blocks and appointments of the EHR, and what is booked here with the same
// owner in another slot, make Slots unavailable, and free again when they are gone. Nothing is
// remembered of what was blocked why: what the store holds now says it, so an event may come twice,
// late or after a crash.
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "scheduling/internal/context.h"

namespace carestream::scheduling {

// A stretch of time, `to` exclusive; empty = none.
struct Span {
    Micros from = 0;
    Micros to = 0;
    [[nodiscard]] bool Meets(const Span& other) const { return from < other.to && other.from < to; }
};

// Whose a Schedule is: "Practitioner/1" as references have it. Whom it names by an identifier
// stands there as "Practitioner|system|value", and beside it whoever has that identifier.
struct Calendar {
    std::set<std::string> persons;  // and devices
    std::set<std::string> places;
    bool of_person = false;  // it names one, though perhaps by nothing that finds him

    // An appointment with one of these takes the time: of a person's hours in a room the person.
    [[nodiscard]] const std::set<std::string>& owners() const {
        return of_person ? persons : places;
    }
    bool operator==(const Calendar&) const = default;
};

// Confined to the scheduler's thread.
class Calendars {
public:
    explicit Calendars(Context& context) : context_(context) {}

    // Whose the Schedules are. Errors: an outage; the same call again later.
    [[nodiscard]] Result<void> Load();
    // Looks at all times that the events are about. Errors: an outage; the same events again later.
    // What cannot be read is told and passed over.
    [[nodiscard]] Result<void> Follow(const std::vector<store::Event>& events);
    // What goes into the transaction that gives a free slot: the other free slots that it takes,
    // each under the version that was read. So of two that are asked for at once one is given,
    // before any event is looked at. Errors: kConflict, one that takes this one is given; outages.
    [[nodiscard]] Result<std::vector<store::RestWrite>> TakeBeside(const Stored& slot);

private:
    using Touched = std::map<std::string, Span>;  // by the Schedule's id

    // Whose Schedules are, as of this event. What changes in that touches all that lies ahead.
    [[nodiscard]] Result<void> Learn(const store::Event& event, Touched& touched);
    [[nodiscard]] Result<void> LearnSchedule(const store::Event& event, Touched& touched);
    [[nodiscard]] Result<void> LearnIdentifiers(const store::Event& event, Touched& touched);
    // Of a Schedule's JSON. One that is gone or not in use is nobody's.
    [[nodiscard]] Result<Calendar> CalendarOf(const std::string& schedule);
    [[nodiscard]] Result<void> AddActor(const fhir::Node& actor, Calendar& calendar);
    void Put(const std::string& id, Calendar calendar);
    void Forget(const std::string& id);
    void Collect(const store::Event& event, Touched& touched) const;
    // From now on, of every Schedule that shares an actor.
    void TouchAhead(const Calendar& calendar, Touched& touched) const;
    void TouchSlot(const fhir::Node& slot, Touched& touched) const;
    void TouchAppointment(const fhir::Node& appointment, Touched& touched) const;
    void Touch(const std::string& actor, const Span& span, Touched& touched) const;
    [[nodiscard]] std::set<std::string> Sharing(const std::set<std::string>& actors) const;
    [[nodiscard]] std::set<std::string> SharingWith(const Calendar& calendar) const;
    // Does a given slot of the one Schedule take the time of the other?
    [[nodiscard]] bool TakesFrom(const std::string& given, const std::string& other) const;
    // Makes the slots of a Schedule that meet the span as they are to be.
    [[nodiscard]] Result<void> Settle(const std::string& id, const Span& span);
    [[nodiscard]] Result<bool> TrySettle(const std::string& id, const Span& span);
    [[nodiscard]] Result<std::vector<Stored>> SlotsOf(const std::set<std::string>& schedules,
                                                      const Span& span, Micros longest,
                                                      std::string_view status);
    // What may take slots of this Schedule, but for the slot of a template that is its own: what
    // becomes of that one is decided with the booking.
    struct Taker {
        Span span;
        std::string own;  // the Slot's id, "" = none
    };
    using Takers = std::vector<Taker>;
    [[nodiscard]] Result<Takers> TakersOf(const std::string& id, const Span& span);
    [[nodiscard]] Result<void> AddAppointments(const std::set<std::string>& owners,
                                               const Span& span, Takers& takers);
    // Is it to get a slot (at another time, or again) as soon as its event is looked at?
    [[nodiscard]] Result<bool> IsBeingMoved(const std::string& id, std::int32_t version,
                                            const fhir::Node& appointment);
    [[nodiscard]] store::RestWrite WriteOf(Stored slot, bool taken) const;
    // False: somebody was faster.
    [[nodiscard]] Result<bool> Write(Stored slot, bool taken);
    // Errors of the data concern the one event or Schedule only.
    [[nodiscard]] Result<void> PassOver(Result<void> outcome) const;

    Context& context_;
    bool loaded_ = false;
    std::map<std::string, Calendar> calendars_;              // by the Schedule's id
    std::map<std::string, std::set<std::string>> by_actor_;  // ids of Schedules
};

}  // namespace carestream::scheduling
