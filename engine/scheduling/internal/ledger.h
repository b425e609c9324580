#pragma once
// Turns what the saga decided into one transaction: the Appointment, its Slots and the booking's
// row, each under the version that was read.
#include <functional>
#include <optional>
#include <string>

#include "scheduling/internal/context.h"
#include "scheduling/record.h"
#include "scheduling/saga.h"

namespace carestream::scheduling {

// A booking with its Appointment, as they are stored now.
struct Case {
    Record record;
    Stored appointment;
};

// A transaction and where in it the Appointment is. Without writes and rows nothing is to be done.
struct Plan {
    store::RestTransaction transaction;
    std::size_t appointment = 0;
    Record record;  // as it will be

    [[nodiscard]] bool empty() const {
        return transaction.writes.empty() && transaction.bookings.empty();
    }
};

// Confined to the scheduler's thread.
class Ledger {
public:
    explicit Ledger(Context& context) : context_(context) {}

    // nullopt: nothing is booked under this id.
    [[nodiscard]] Result<std::optional<Case>> Load(const std::string& appointment);

    // What `next` makes of a case. `taken`, a slot that was read and is free, goes into the same
    // transaction. `now_held_until`: of a hold.
    [[nodiscard]] Result<Plan> Make(Case one, const Next& next, const Stored* taken = nullptr,
                                    Micros held_until = 0);
    // Only the row: evidence that changes no state.
    [[nodiscard]] Plan Note(Case one) const;

    // What a case is to be told; nullopt: nothing. Asked again whenever the case was read again.
    using Judge = std::function<std::optional<Input>(const Case&)>;
    // Load, judge, advance and write, again as long as somebody was faster. Gives the record as it
    // is then, or nullopt when nothing is booked under this id. `evidence` is noted if not empty.
    [[nodiscard]] Result<std::optional<Record>> Step(const std::string& appointment,
                                                     const Judge& judge,
                                                     const std::string& evidence,
                                                     const std::string& reason = {});

private:
    [[nodiscard]] Result<void> PutSlots(Slots slots, Record& record, const Stored* taken,
                                        store::RestTransaction& transaction);
    [[nodiscard]] Result<void> PutSlot(const std::string& id, std::string_view status,
                                       store::RestTransaction& transaction);
    void AddSlot(const Stored& slot, const std::string& id, std::string_view status,
                 store::RestTransaction& transaction) const;
    // A move that is off takes back what the Appointment says of the other Schedule.
    static void PutParts(Slots slots, Record& record, fhir::Node& appointment);
    [[nodiscard]] Micros DueOf(const Record& record, const Next& next, Micros held_until) const;

    Context& context_;
};

}  // namespace carestream::scheduling
