#include "channel/outbound_settings.h"

#include <algorithm>

#include "channel/internal/settings_checks.h"
#include "config/yaml.h"

namespace carestream::channel {

namespace {

using config::Field;
using config::Type;

// Members of mapping::Destination, under the names that it knows.
constexpr const char* kMembers[] = {"version",
                                    "charset",
                                    "time_zone",
                                    "write_offset",
                                    "sending_application",
                                    "sending_facility",
                                    "receiving_application",
                                    "receiving_facility",
                                    "processing_id"};

Field DestinationField(const std::vector<DestinationType>& destinations) {
    Field field{.key = "destination",
                .type = Type::kObject,
                .description = "Where messages go.",
                .required = true,
                .one_of = true};
    for (const DestinationType& type : destinations) field.fields.push_back(type.field);
    return field;
}

Field OutboundSourceField() {
    return {.key = "source",
            .type = Type::kObject,
            .description =
                "What is sent: messages about resources (`topic`), the messages of another channel "
                "(`channel`), or application acknowledgments to its senders "
                "(`acknowledgments_of`). One of the three.",
            .required = true,
            .fields = {
                {.key = "topic",
                 .description = "Topics of `mappings/topics`, by name: each change that fires one "
                                "of them makes a message.",
                 .list = true,
                 .default_text = "[]",
                 .example = "appointment"},
                {.key = "channel",
                 .description = "A channel whose accepted messages are forwarded, in the order in "
                                "which they came.",
                 .example = "adt-main"},
                {.key = "events",
                 .description = "Of `channel`: message codes (`ADT`) or events (`ADT^A08`) that "
                                "are forwarded; empty = all.",
                 .list = true,
                 .default_text = "[]",
                 .example = "ADT^A01, ADT^A08"},
                {.key = "acknowledgments_of",
                 .description =
                     "A channel with `ack_after: commit` whose senders use enhanced mode: after CA "
                     "each message that asks for it (MSH-16) gets its application acknowledgment "
                     "here, as a message of its own, once it was processed.",
                 .example = "adt-main"},
            }};
}

Field RenderField() {
    return {
        .key = "render",
        .type = Type::kObject,
        .description = "Of a `topic`: which message is made and how the receiver wants it.",
        .fields = {
            {.key = "event",
             .description = "The message (`mappings/outbound`); absent = only what `events` says. "
                            "`FHIR`: the resource itself as JSON, to destinations that take it "
                            "(`http`, `file`); the settings below then say nothing.",
             .example = "SIU^S12"},
            {.key = "events",
             .type = Type::kObject,
             .description = "Other messages for some resources; the first that fits counts.",
             .list = true,
             .fields = {{.key = "when",
                         .description = "A search that the resource meets.",
                         .required = true,
                         .example = "status=cancelled"},
                        {.key = "event",
                         .description = "The message for it; absent = none.",
                         .example = "SIU^S15"}}},
            {.key = "on_delete",
             .description = "The message about a resource that was deleted, made of its last "
                            "version; absent = none.",
             .example = "SIU^S17"},
            {.key = "overlays",
             .description = "Folders below mappings/overlays, applied in this order.",
             .list = true,
             .default_text = "[]",
             .example = "north-clinic"},
            {.key = "version",
             .description = "MSH-12.",
             .default_text = "\"2.5.1\"",
             .example = "\"2.3\""},
            {.key = "charset",
             .description = "Character set of the bytes, by table 0211 or as ICU knows it; MSH-18 "
                            "names it.",
             .default_text = "UTF-8",
             .example = "8859/1"},
            {.key = "time_zone",
             .description = "IANA name; in which times are written.",
             .default_text = "UTC",
             .example = "America/New_York"},
            {.key = "write_offset",
             .type = Type::kBoolean,
             .description = "`false`: times are local and say no offset.",
             .default_text = "true"},
            {.key = "sending_application",
             .description = "MSH-3, components with `^` between.",
             .default_text = "CARESTREAM",
             .example = "CARESTREAM"},
            {.key = "sending_facility", .description = "MSH-4.", .example = "MAIN"},
            {.key = "receiving_application", .description = "MSH-5.", .example = "EHR"},
            {.key = "receiving_facility", .description = "MSH-6.", .example = "MAIN"},
            {.key = "processing_id", .description = "MSH-11.", .default_text = "P"},
        }};
}

Field RefusalField(const char* key, const char* description, const char* value) {
    return {.key = key,
            .type = Type::kChoice,
            .description = description,
            .default_text = value,
            .choices = {"dead_letter", "retry"}};
}

std::vector<Field> PolicyFields() {
    return {
        {.key = "retry",
         .type = Type::kObject,
         .description = "How often a message is tried. It holds up its own channel only.",
         .fields = {{.key = "first",
                     .type = Type::kDuration,
                     .description = "Wait after the first failure; doubled after each.",
                     .default_text = "1s",
                     .min = 10,
                     .max = 3'600'000},
                    {.key = "max",
                     .type = Type::kDuration,
                     .description = "Longest wait.",
                     .default_text = "60s",
                     .min = 10,
                     .max = 86'400'000},
                    {.key = "give_up_after",
                     .type = Type::kDuration,
                     .description = "From the first attempt; then the message becomes a dead "
                                    "letter. `none`: it is tried until it succeeds.",
                     .default_text = "none",
                     .max = 366ll * 86'400'000}}},
        {.key = "on_ack",
         .type = Type::kObject,
         .description = "What an answer leads to. AA is done; CA too, unless `application_ack` "
                        "waits for more.",
         .fields = {RefusalField("AE", "Application error.", "dead_letter"),
                    RefusalField("AR", "Application reject.", "dead_letter"),
                    RefusalField("CE", "Accept error: not stored there.", "retry"),
                    RefusalField("CR", "Accept reject.", "dead_letter")}},
        {.key = "application_ack",
         .type = Type::kDuration,
         .description =
             "Enhanced mode: messages ask for both acknowledgments (MSH-15, MSH-16: AL), the next "
             "one goes after CA, and the application's answer is expected within this time, on the "
             "same link (over MLLP with `connect: keep`) or on a channel of "
             "`application_ack_from` (the only way over HTTP). "
             "`none`: the first answer is the last.",
         .default_text = "none",
         .max = 30ll * 86'400'000},
        {.key = "application_ack_from",
         .description = "Channels on which the receiver sends its application acknowledgments as "
                        "messages of their own; matched by MSA-2.",
         .list = true,
         .default_text = "[]",
         .example = "ehr-acks"},
        {.key = "on_ambiguous",
         .type = Type::kChoice,
         .description =
             "A message that was sent and not answered (no ACK in time, a link that broke, a crash "
             "while sending). `hold`: the channel waits until `carestream outbound resend`, `skip` "
             "or `acked` decides. `resend`: the same bytes with the same MSH-10 again, for "
             "receivers that know duplicates. `flag`: it stays flagged and the next one goes. An "
             "answer that comes late settles it in each case.",
         .default_text = "hold",
         .choices = {"hold", "resend", "flag"}},
        {.key = "control_id",
         .type = Type::kChoice,
         .description = "MSH-10 of forwarded messages: `keep` theirs (one without gets ours), or "
                        "`own`, at most 20 characters and never used again.",
         .default_text = "keep",
         .choices = {"keep", "own"}},
        {.key = "queue_max",
         .type = Type::kInteger,
         .description = "Messages in line; above it the channel takes no more news. They wait "
                        "where they are, nothing is lost.",
         .default_text = "100000",
         .min = 1,
         .max = 100'000'000},
        {.key = "keep",
         .type = Type::kDuration,
         .description = "How long a message that was taken can be looked at and sent again.",
         .default_text = "30d",
         .min = 60'000,
         .max = 3660ll * 86'400'000},
    };
}

OnRefusal Refusal(const config::Values& on_ack, std::string_view code) {
    return on_ack.String(code) == "retry" ? OnRefusal::kRetry : OnRefusal::kDeadLetter;
}

OutboundPolicy PolicyOf(const config::Values& values) {
    OutboundPolicy policy;
    const config::Values& retry = values.Object("retry");
    policy.retry_first_ms = static_cast<int>(retry.Integer("first"));
    policy.retry_max_ms = static_cast<int>(retry.Integer("max"));
    policy.give_up_after_ms = retry.Integer("give_up_after");
    const config::Values& on_ack = values.Object("on_ack");
    policy.on_ae = Refusal(on_ack, "AE");
    policy.on_ar = Refusal(on_ack, "AR");
    policy.on_ce = Refusal(on_ack, "CE");
    policy.on_cr = Refusal(on_ack, "CR");
    policy.application_ack_ms = values.Integer("application_ack");
    const std::string& ambiguous = values.String("on_ambiguous");
    policy.on_ambiguous = ambiguous == "resend" ? OnAmbiguous::kResend
                          : ambiguous == "flag" ? OnAmbiguous::kFlag
                                                : OnAmbiguous::kHold;
    return policy;
}

void ReadReceiver(const config::Values& render, OutboundSettings& settings,
                  std::vector<Error>& errors) {
    for (const char* member : kMembers) {
        if (!render.Has(member)) continue;
        const std::string text = std::string_view(member) == "write_offset"
                                     ? (render.Boolean(member) ? "true" : "false")
                                     : render.String(member);
        if (auto set = mapping::SetMember(settings.receiver, member, text); !set) {
            Complain(errors, render.PositionOf(member), set.error().message);
        }
    }
    if (auto checked = mapping::CheckDestination(settings.receiver); !checked) {
        const Error& error = checked.error();
        Complain(errors, render.PositionOf(error.path.empty() ? "version" : error.path),
                 error.message);
    }
    settings.event = render.String("event");
    settings.event_on_delete = render.String("on_delete");
    settings.overlays = render.Strings("overlays");
    for (const config::Values& choice : render.Objects("events")) {
        settings.event_choices.emplace_back(choice.String("when"), choice.String("event"));
    }
}

void ReadMessages(const config::Values& values, OutboundSettings& settings,
                  std::vector<Error>& errors) {
    const auto& filter = values.Strings("filter");
    for (std::size_t i = 0; i < filter.size(); ++i) {
        auto condition = MessageCondition::Parse(filter[i]);
        if (condition) {
            settings.filter.push_back(std::move(*condition));
        } else {
            Complain(errors, values.ItemPosition("filter", i),
                     "'" + filter[i] + "': " + condition.error().message);
        }
    }
    for (const auto& [path, text] : values.Map("edit")) {
        auto edit = ParseEdit(path, text);
        if (edit) {
            settings.edits.push_back(std::move(*edit));
        } else {
            Complain(errors, values.PositionOf("edit"), "'" + path + "': " + edit.error().message);
        }
    }
}

void CheckSource(const OutboundSettings& settings, std::vector<Error>& errors) {
    const config::Values& values = settings.values;
    const config::Values& source = values.Object("source");
    if (int{settings.forwards()} + int{settings.renders()} + int{!settings.acknowledges.empty()} !=
        1) {
        Complain(errors, values.PositionOf("source"),
                 "'source' names topics ('topic'), a channel ('channel') or the channel whose "
                 "messages are acknowledged ('acknowledgments_of'), one of them");
        return;
    }
    if (settings.forwards()) {
        CheckEvents(source, "events", errors);
        if (values.Has("render") && !settings.event.empty()) {
            Complain(errors, values.Object("render").PositionOf("event"),
                     "forwarded messages are not rendered; 'edit' changes them");
        }
        return;
    }
    if (!settings.events.empty()) {
        Complain(errors, source.PositionOf("events"),
                 "'events' narrows the messages of 'channel'; which message a topic makes is said "
                 "by 'render'");
    }
    if (!settings.filter.empty()) {
        Complain(errors, values.PositionOf("filter"),
                 "'filter' is about forwarded messages; topics filter by their own 'where'");
    }
    if (settings.renders() && settings.event.empty() && settings.event_choices.empty()) {
        Complain(errors, values.PositionOf("render"),
                 "'render' must say which message is made ('event')");
    }
}

// Resources as they are: what belongs to messages says nothing about them.
void CheckResources(const OutboundSettings& settings,
                    const std::vector<DestinationType>& destinations, std::vector<Error>& errors) {
    const config::Values& values = settings.values;
    const config::Values& render = values.Object("render");
    if (settings.event_on_delete == kResourceEvent) {
        Complain(errors, render.PositionOf("on_delete"),
                 "a deleted resource cannot be sent as 'FHIR': nothing would say that it is gone");
    }
    const bool some =
        settings.event == kResourceEvent ||
        std::any_of(settings.event_choices.begin(), settings.event_choices.end(),
                    [](const auto& choice) { return choice.second == kResourceEvent; });
    if (!some) return;
    for (const DestinationType& type : destinations) {
        if (type.field.key != settings.destination_type || type.takes_resources) continue;
        Complain(errors, values.PositionOf("destination"),
                 "'" + type.field.key + "' carries HL7 v2 only; 'render' asks for FHIR");
    }
    for (const char* key : {"edit", "application_ack"}) {
        const bool set = std::string_view(key) == "edit" ? !settings.edits.empty()
                                                         : settings.policy.application_ack_ms > 0;
        if (!set) continue;
        Complain(errors, values.PositionOf(key),
                 std::string("'") + key + "' is about HL7 v2; 'render' asks for FHIR");
    }
}

void CheckPolicy(const OutboundSettings& settings, std::vector<Error>& errors) {
    const OutboundPolicy& policy = settings.policy;
    if (policy.retry_first_ms > policy.retry_max_ms) {
        Complain(errors, settings.values.Object("retry").PositionOf("first"),
                 "'first' is longer than 'max'");
    }
    if (!settings.application_ack_from.empty() && policy.application_ack_ms == 0) {
        Complain(errors, settings.values.PositionOf("application_ack_from"),
                 "'application_ack_from' needs 'application_ack', the time to wait for them");
    }
}

// A link for one message closes at the first answer, which is CA, as does a request over HTTP: the
// application's finds none.
void CheckAnswersComeThrough(const OutboundSettings& settings, std::vector<Error>& errors) {
    if (settings.policy.application_ack_ms == 0 || !settings.application_ack_from.empty()) return;
    if (settings.destination_type == "http") {
        Complain(errors, settings.values.PositionOf("application_ack"),
                 "over 'http' the answer to the request is the only one, so that which "
                 "'application_ack' waits for cannot come: name the channel on which it comes in "
                 "'application_ack_from'");
    }
    if (settings.destination_type != "mllp") return;
    if (settings.destination.String("connect") != "per_message") return;
    Complain(errors, settings.destination.PositionOf("connect"),
             "'per_message' closes the link at CA, so the answer that 'application_ack' waits for "
             "cannot come on it: take 'connect: keep', or name the channel on which it comes in "
             "'application_ack_from'");
}

}  // namespace

bool OutboundSettings::Takes(std::string_view code, std::string_view trigger) const {
    return events.empty() || NamesEvent(events, code, trigger);
}

config::Spec OutboundSpec(const std::vector<DestinationType>& destinations) {
    config::Spec spec{
        .name = "outbound",
        .title = "An outbound channel (`channels/<name>.yaml` with a `destination`)",
        .description =
            "Sends HL7 v2 messages to one receiver, in order. Each has its own queue; "
            "several channels with the same source fan out.",
        .fields = {
            {.key = "channel",
             .description = "Its name: letters, digits, `-`, `_`, `.`. The queue remembers it: a "
                            "renamed channel is a new one and begins with what comes then.",
             .required = true,
             .example = "to-ehr"},
            {.key = "tenant",
             .description = "Whose data this is; one of `tenants` in the daemon's configuration.",
             .default_text = "main"},
            {.key = "system",
             .description = "The system behind the destination, a name of your own. What came in "
                            "on a channel of the same `system` is not sent back to it.",
             .example = "ehr"},
            OutboundSourceField(),
            {.key = "not_from",
             .description = "More channels whose changes are not sent here.",
             .list = true,
             .default_text = "[]",
             .example = "adt-main"},
            DestinationField(destinations),
            RenderField(),
            {.key = "filter",
             .description = "Conditions that a forwarded message meets, all of them: `PID-8 == F`, "
                            "`PV1-2 in [I, E]`, `PV1-44 valued`; also `!=`, `not in`, `empty`.",
             .list = true,
             .default_text = "[]",
             .example = "\"PV1-2 in [I, E]\""},
            {.key = "edit",
             .description = "Values that are set before a message is sent, by path; an empty one "
                            "is removed.",
             .map = true,
             .example = "{MSH-5: LAB, PID-19: \"\"}"},
        }};
    for (Field& field : PolicyFields()) spec.fields.push_back(std::move(field));
    return spec;
}

bool IsOutbound(const config::Yaml& yaml) {
    return yaml.IsMap() && yaml.Find("destination") != nullptr;
}

OutboundSettings ReadOutbound(const config::Yaml& yaml,
                              const std::vector<DestinationType>& destinations,
                              const std::map<std::string, store::Tenant>& tenants,
                              const config::References& references, std::vector<Error>& errors) {
    config::Read parsed = config::ReadSpec(OutboundSpec(destinations), yaml, references);
    OutboundSettings settings;
    settings.values = parsed.values;
    const config::Values& values = settings.values;
    const bool legible = parsed.errors.empty();
    std::move(parsed.errors.begin(), parsed.errors.end(), std::back_inserter(errors));
    settings.name = values.String("channel");
    CheckName(values, errors);
    settings.tenant = values.String("tenant");
    settings.tenant_number = CheckTenant(values, tenants, errors);
    settings.system = values.String("system");
    const config::Values& source = values.Object("source");
    settings.topics = source.Strings("topic");
    settings.from_channel = source.String("channel");
    settings.events = source.Strings("events");
    settings.acknowledges = source.String("acknowledgments_of");
    settings.not_from = values.Strings("not_from");
    for (const DestinationType& type : destinations) {
        if (!values.Object("destination").Has(type.field.key)) continue;
        settings.destination_type = type.field.key;
        settings.destination = values.Object("destination").Object(type.field.key);
        if (!legible || !type.check) continue;
        if (auto checked = type.check(settings.destination); !checked) {
            errors.push_back(std::move(checked).error());
        }
    }
    ReadReceiver(values.Object("render"), settings, errors);
    ReadMessages(values, settings, errors);
    settings.own_control_id = values.String("control_id") == "own";
    settings.policy = PolicyOf(values);
    settings.application_ack_from = values.Strings("application_ack_from");
    settings.queue_max = values.Integer("queue_max");
    settings.keep = values.Integer("keep") * 1000;
    CheckSource(settings, errors);
    CheckResources(settings, destinations, errors);
    CheckPolicy(settings, errors);
    if (legible) CheckAnswersComeThrough(settings, errors);
    return settings;
}

}  // namespace carestream::channel
