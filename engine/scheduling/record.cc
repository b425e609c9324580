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
    for (const std::string& text : record.evidence) {
        node.At("evidence").Append(Node::String(text));
    }
    return node;
}

}  // namespace

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
    const std::string_view asked = detail.TextOf("asked");
    std::from_chars(asked.data(), asked.data() + asked.size(), record.saga.asked);
    record.slot = SlotOf(detail.Find("slot"));
    record.former = SlotOf(detail.Find("former"));
    record.first_slot = detail.TextOf("first_slot");
    record.reason = detail.TextOf("reason");
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
    for (const fhir::Member& member : DetailOf(record).members()) {
        node.Set(member.name, member.value);
    }
    if (record.due != 0) node.Set("due", Node::String(FormatInstant(record.due)));
    node.Set("updated", Node::String(FormatInstant(record.updated)));
    return node;
}

}  // namespace carestream::scheduling
