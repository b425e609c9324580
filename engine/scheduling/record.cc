#include "scheduling/record.h"

#include <charconv>
#include <utility>

#include "fhir/json.h"

namespace carestream::scheduling {

namespace {

using fhir::Node;

void PutText(Node& node, std::string_view name, const std::string& text) {
    if (!text.empty()) node.Set(name, Node::String(text));
}

Node NodeOf(const SlotRef& slot) {
    Node node = Node::Object();
    PutText(node, "id", slot.id);
    PutText(node, "start", slot.start);
    PutText(node, "end", slot.end);
    PutText(node, "schedule", slot.schedule);
    return node;
}

template <typename Integer>
Integer NumberOf(const Node& node, std::string_view name) {
    Integer number = 0;
    const Node* found = node.Find(name);
    const std::string_view text = found == nullptr ? std::string_view() : found->text();
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

SlotRef SlotOf(const Node* node) {
    if (node == nullptr) return {};
    return {std::string(node->TextOf("id")), std::string(node->TextOf("start")),
            std::string(node->TextOf("end")), std::string(node->TextOf("schedule"))};
}

Node DetailOf(const Record& record) {
    Node node = Node::Object();
    PutText(node, "step", std::string(ToString(record.saga.step)));
    node.Set("asked", Node::Number(std::to_string(record.saga.asked)));
    if (record.slot != SlotRef{}) node.Set("slot", NodeOf(record.slot));
    if (record.former != SlotRef{}) node.Set("former", NodeOf(record.former));
    PutText(node, "first_slot", record.first_slot);
    PutText(node, "reason", record.reason);
    node.Set("by_patient", Node::Boolean(record.by_patient));
    node.Set("seen", Node::Number(std::to_string(record.seen)));
    if (!record.former_parts.IsNull()) node.Set("former_parts", record.former_parts);
    for (const std::string& text : record.evidence) {
        node.At("evidence").Append(Node::String(text));
    }
    return node;
}

}  // namespace

bool Record::WaitsForSlot() const {
    return saga.state == State::kAmbiguous && saga.step == Step::kNone;
}

void Record::AddEvidence(Micros now, std::string text) {
    if (evidence.size() >= kEvidenceMax) evidence.erase(evidence.begin());
    evidence.push_back(FormatInstant(now) + " " + std::move(text));
}

Result<Record> RecordOf(const store::Booking& row) {
    Record record;
    record.appointment = row.appointment;
    record.revision = row.revision;
    record.due = row.due;
    record.updated = row.updated;
    if (row.state < 1 || row.state > static_cast<std::int16_t>(kStates.size())) {
        return Fail(Code::kInternal, "a booking's state is not one of this version", "booking");
    }
    record.saga.state = static_cast<State>(row.state);
    CARESTREAM_ASSIGN(detail, fhir::ParseJson(row.detail));
    record.saga.step = ParseStep(detail.TextOf("step"));
    record.saga.asked = NumberOf<int>(detail, "asked");
    record.slot = SlotOf(detail.Find("slot"));
    record.former = SlotOf(detail.Find("former"));
    record.first_slot = detail.TextOf("first_slot");
    record.reason = detail.TextOf("reason");
    // Rows of before did not say it: what was asked for counted as the patient's.
    const Node* by_patient = detail.Find("by_patient");
    record.by_patient =
        by_patient == nullptr ? record.saga.step == Step::kCancel : by_patient->boolean();
    record.seen = NumberOf<std::int32_t>(detail, "seen");
    if (const Node* parts = detail.Find("former_parts")) record.former_parts = *parts;
    if (const Node* evidence = detail.Find("evidence")) {
        for (const Node& text : evidence->items()) record.evidence.push_back(text.text());
    }
    return record;
}

store::Booking RowOf(const Record& record, store::Tenant tenant) {
    store::Booking row;
    row.tenant = tenant;
    row.appointment = record.appointment;
    row.revision = record.revision;
    row.state = static_cast<std::int16_t>(record.saga.state);
    row.settled = IsSettled(record.saga.state);
    row.due = row.settled ? 0 : record.due;
    row.detail = fhir::ToJson(DetailOf(record));
    return row;
}

Node Describe(const Record& record) {
    Node node = Node::Object();
    node.Set("appointment", Node::String(record.appointment));
    node.Set("state", Node::String(std::string(ToString(record.saga.state))));
    const Node detail = DetailOf(record);
    for (const fhir::Member& member : detail.members()) {
        node.Set(member.name, member.value);
    }
    if (record.due != 0) node.Set("due", Node::String(FormatInstant(record.due)));
    node.Set("updated", Node::String(FormatInstant(record.updated)));
    return node;
}

}  // namespace carestream::scheduling
