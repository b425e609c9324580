#include "failures/task.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/clock.h"

namespace carestream::failures {

namespace {

using fhir::Node;

Node Text(std::string_view text) {
    return Node::String(std::string(text));
}

Node Concept(std::string_view system, std::string_view code, std::string_view text = {}) {
    Node coding = Node::Object();
    coding.Set("system", Text(system));
    coding.Set("code", Text(code));
    Node made = Node::Object();
    made.At("coding").Append(std::move(coding));
    if (!text.empty()) made.Set("text", Text(text));
    return made;
}

Node Input(std::string_view type, std::string_view member, Node value) {
    Node input = Node::Object();
    input.Set("type", Concept(kFailureSystem, type));
    input.Set(member, std::move(value));
    return input;
}

// What to do, so that whoever reads it finds the messages.
std::string Remedy(const store::Failure& failure) {
    if (failure.direction == store::FailureDirection::kIn) {
        return "Messages that came on this channel could not be processed. 'carestream "
               "deadletters' "
               "lists them; correct the cause, then 'carestream deadletters replay'.";
    }
    if (failure.kind == "ambiguous") {
        return "Messages on their way out were sent and not answered. Ask the receiver whether it "
               "has them, then decide: 'carestream outbound'.";
    }
    return "Messages on their way out were not taken. 'carestream outbound' lists them; correct "
           "the cause, then 'carestream outbound replay'.";
}

std::string ReasonOf(const store::Failure& failure) {
    if (failure.path.empty()) return failure.reason;
    return failure.reason.empty() ? failure.path : failure.path + ": " + failure.reason;
}

}  // namespace

std::string KeyOf(const store::Failure& failure) {
    const char* direction = failure.direction == store::FailureDirection::kIn ? "in" : "out";
    std::string key;
    for (const std::string_view part :
         {std::string_view(direction), std::string_view(failure.channel),
          std::string_view(failure.kind), std::string_view(failure.path)}) {
        key += part;
        key += '\n';
    }
    return key;
}

Node TaskOf(const store::Failure& failure, const std::string& id, const Node& current) {
    Node task = current.IsNull() ? Node::Object() : current;
    task.Set("resourceType", Text("Task"));
    task.Set("id", Text(id));
    task.Set("status", Text("requested"));
    task.Set("businessStatus", Concept(kFailureSystem, failure.kind));
    if (const std::string reason = ReasonOf(failure); !reason.empty()) {
        Node status_reason = Node::Object();
        status_reason.Set("text", Text(reason));
        task.Set("statusReason", std::move(status_reason));
    } else {
        task.Remove("statusReason");
    }
    task.Set("intent", Text("order"));
    task.Set("code", Concept(kTaskSystem, kTaskCode, "Messages failed"));
    task.Set("description", Text(Remedy(failure)));
    task.Set("authoredOn", Text(FormatInstant(failure.first)));
    task.Set("lastModified", Text(FormatInstant(failure.last)));
    const auto count = std::min<std::int64_t>(failure.count, std::numeric_limits<int>::max());
    Node inputs = Node::Array();
    inputs.Append(Input("channel", "valueString", Text(failure.channel)));
    inputs.Append(Input("count", "valueInteger", Node::Number(std::to_string(count))));
    inputs.Append(Input("message", "valueString", Text(std::to_string(failure.message))));
    task.Set("input", std::move(inputs));
    return task;
}

}  // namespace carestream::failures
