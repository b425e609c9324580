#pragma once
// What apps want, decided on the scheduler's thread and written without waiting for it: many
// transactions are under way at once.
#include <memory>
#include <optional>
#include <string>

#include "scheduling/internal/calendars.h"
#include "scheduling/internal/context.h"
#include "scheduling/internal/ledger.h"

namespace carestream::scheduling {

// A request and its answer: given once, at the latest when it is destroyed.
class Ticket {
public:
    Ticket(BookRequest wanted, Scheduler::Answer done)
        : request(std::move(wanted)), done_(std::move(done)) {}
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    ~Ticket();
    void Answer(Result<Booked> result);

    const BookRequest request;
    int tries = 8;  // each failure means that another writer went through

private:
    Scheduler::Answer done_;
};
using TicketPtr = std::shared_ptr<Ticket>;

// Confined to the scheduler's thread.
class Desk {
public:
    Desk(Context& context, Ledger& ledger, Calendars& calendars)
        : context_(context), ledger_(ledger), calendars_(calendars) {}
    void Handle(const TicketPtr& ticket);

private:
    // A plan without writes: the Appointment is already as it is wanted.
    struct Decision {
        Plan plan;
        Stored appointment;
        bool created = false;
        State before = State::kHeld;
    };
    [[nodiscard]] Result<Decision> Decide(const BookRequest& request);
    [[nodiscard]] Result<Decision> MakeNew(const BookRequest& request);
    [[nodiscard]] Result<Decision> Change(const BookRequest& request, Case one);
    [[nodiscard]] Result<Decision> Repeat(const BookRequest& request, Case one);
    // The slot that `one` is to be moved to; `one` as it is there. Errors: also kDenied.
    [[nodiscard]] Result<Stored> Move(const BookRequest& request, Case& one);
    // A slot that can be taken now. Errors: kNotFound, kConflict.
    [[nodiscard]] Result<Stored> FreeSlot(const std::string& id);
    // As Ledger::Make; with `taken` go the slots that cannot be given besides.
    [[nodiscard]] Result<Plan> Make(Case one, const Next& next, const Stored* taken,
                                    Micros held_until = 0);
    [[nodiscard]] Result<fhir::Node> NewAppointment(const BookRequest& request, const Stored& slot,
                                                    const std::string& id);
    [[nodiscard]] Result<void> CheckOpen(const std::string& patient);
    [[nodiscard]] std::string IdFor(const BookRequest& request) const;
    [[nodiscard]] Micros HeldUntil(const BookRequest& request) const;
    void Submit(const TicketPtr& ticket, Decision decision);

    Context& context_;
    Ledger& ledger_;
    Calendars& calendars_;
};

}  // namespace carestream::scheduling
