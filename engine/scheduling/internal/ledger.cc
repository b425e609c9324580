#include "scheduling/internal/ledger.h"

#include <utility>

#include "scheduling/internal/resources.h"

namespace carestream::scheduling {

namespace {

// Each failure means that another writer went through.
constexpr int kTries = 32;

bool IsTaken(std::string_view status) {
    return status == "busy" || status == "busy-tentative";
}

}  // namespace

Result<std::optional<Case>> Ledger::Load(const std::string& appointment) {
    CARESTREAM_ASSIGN(row, context_.parts.bookings->Find(context_.options.tenant, appointment));
    if (!row) return std::optional<Case>();
    Case one;
    CARESTREAM_ASSIGN(record, RecordOf(*row));
    one.record = std::move(record);
    CARESTREAM_ASSIGN(stored, context_.Read("Appointment", appointment));
    one.appointment = std::move(stored);
    return std::optional<Case>(std::move(one));
}

void Ledger::AddSlot(const Stored& slot, const std::string& id, std::string_view status,
                     store::RestTransaction& transaction) const {
    fhir::Node node = slot.node;
    RemoveExtension(node, kTakenExtension);
    node.Set("status", fhir::Node::String(std::string(status)));
    transaction.writes.push_back(context_.Update("Slot", id, std::move(node), slot.version));
}

Result<void> Ledger::PutSlot(const std::string& id, std::string_view status,
                             store::RestTransaction& transaction) {
    if (id.empty()) return {};
    CARESTREAM_ASSIGN(slot, context_.Read("Slot", id));
    if (!slot.exists()) return {};
    const std::string_view now = slot.node.TextOf("status");
    // What was blocked for another reason meanwhile stays blocked.
    if (now == status || (status == "free" && !IsTaken(now))) return {};
    AddSlot(slot, id, status, transaction);
    return {};
}

Result<void> Ledger::PutSlots(Slots slots, Record& record, const Stored* taken,
                              store::RestTransaction& transaction) {
    if (taken != nullptr) {
        const bool held = record.saga.state == State::kHeld;
        AddSlot(*taken, record.slot.id, held ? "busy-tentative" : "busy", transaction);
    }
    switch (slots) {
        case Slots::kKeep:
            return {};
        case Slots::kTake:
            if (taken == nullptr) CARESTREAM_TRY(PutSlot(record.slot.id, "busy", transaction));
            [[fallthrough]];
        case Slots::kFreeFormer:
            CARESTREAM_TRY(PutSlot(record.former.id, "free", transaction));
            break;
        case Slots::kFree:
            CARESTREAM_TRY(PutSlot(record.slot.id, "free", transaction));
            CARESTREAM_TRY(PutSlot(record.former.id, "free", transaction));
            break;
        case Slots::kFreeNew:
            CARESTREAM_TRY(PutSlot(record.slot.id, "free", transaction));
            record.slot = record.former;
            break;
    }
    record.former = {};
    return {};
}

void Ledger::PutParts(Slots slots, Record& record, fhir::Node& appointment) {
    if (slots == Slots::kFreeNew && !record.former_parts.IsNull() && !appointment.IsNull()) {
        MoveBack(appointment, record.former_parts);
    }
    if (slots != Slots::kKeep) record.former_parts = {};
}

Micros Ledger::DueOf(const Record& record, const Next& next, Micros held_until) const {
    if (next.ask) return context_.Now() + context_.options.answer_wait;
    switch (next.saga.state) {
        case State::kHeld:
            return held_until;
        case State::kBooked:
            return InstantOf(record.slot.end);
        default:
            return 0;
    }
}

Result<Plan> Ledger::Make(Case one, const Next& next, const Stored* taken, Micros held_until) {
    Plan plan;
    plan.record = std::move(one.record);
    Record& record = plan.record;
    record.saga = next.saga;
    record.seen = one.appointment.version;
    if (record.saga.state == State::kBooked) record.by_patient = false;  // cancelled by nobody
    CARESTREAM_TRY(PutSlots(next.slots, record, taken, plan.transaction));
    PutParts(next.slots, record, one.appointment.node);
    record.due = DueOf(record, next, held_until);
    plan.appointment = plan.transaction.writes.size();
    if (one.appointment.exists()) {
        Show(one.appointment.node, record, next.ask);
        plan.transaction.writes.push_back(context_.Update("Appointment", record.appointment,
                                                 std::move(one.appointment.node),
                                                 one.appointment.version));
    }
    plan.transaction.bookings.push_back(RowOf(record, context_.options.tenant));
    return plan;
}

Plan Ledger::Note(Case one) const {
    Plan plan;
    plan.record = std::move(one.record);
    plan.transaction.bookings.push_back(RowOf(plan.record, context_.options.tenant));
    return plan;
}

Result<std::optional<Record>> Ledger::Step(const std::string& appointment, const Judge& judge,
                                           const std::string& evidence, const std::string& reason) {
    for (int tries = kTries;; --tries) {
        CARESTREAM_ASSIGN(loaded, Load(appointment));
        if (!loaded) return std::optional<Record>();
        Case one = std::move(*loaded);
        const std::optional<Input> input = judge(one);
        if (!input) return std::optional<Record>(std::move(one.record));
        CARESTREAM_ASSIGN(next, Advance(one.record.saga, *input, context_.options.confirm));
        if (!next.changed && evidence.empty()) return std::optional<Record>(std::move(one.record));
        if (!evidence.empty()) one.record.AddEvidence(context_.Now(), evidence);
        if (!reason.empty() && next.changed) one.record.reason = reason;
        const State before = one.record.saga.state;
        Plan plan;
        if (next.changed) {
            CARESTREAM_ASSIGN(made, Make(std::move(one), next));
            plan = std::move(made);
        } else {
            plan = Note(std::move(one));
        }
        const auto written = context_.Write(std::move(plan.transaction));
        if (written) {
            if (next.changed) context_.Changed(before, next.saga.state, ToString(*input));
            return std::optional<Record>(std::move(plan.record));
        }
        if (!WasOvertaken(written.error()) || tries <= 1) return Fail(written.error());
    }
}

}  // namespace carestream::scheduling
