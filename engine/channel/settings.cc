#include "channel/settings.h"

#include <algorithm>
#include <limits>

#include "channel/internal/settings_checks.h"
#include "fhir/profiles.h"
#include "net/address.h"

namespace carestream::channel {

namespace {

namespace fs = std::filesystem;
using config::Field;
using config::Type;

constexpr const char* kZoneFolder = "/usr/share/zoneinfo";

Field SourceField(const std::vector<SourceType>& sources) {
    Field field{.key = "source",
                .type = Type::kObject,
                .description = "Where messages come from.",
                .required = true,
                .one_of = true};
    for (const SourceType& source : sources) field.fields.push_back(source.field);
    return field;
}

std::vector<Field> PolicyFields() {
    return {
        {.key = "ack_after",
         .type = Type::kChoice,
         .description = "`commit`: AA as soon as the message is durable, processing follows. "
                        "`processing`: AA or AE when its effects are committed.",
         .default_text = "commit",
         .choices = {"commit", "processing"}},
        {.key = "on_store_down",
         .type = Type::kChoice,
         .description = "What a sender gets when the store cannot commit for `ack_hold`: the link "
                        "closes without an answer (senders try again), or AR or AE (CR or CE in "
                        "enhanced mode). Many senders skip a message after AE.",
         .default_text = "close",
         .choices = {"close", "AR", "AE"}},
        {.key = "ack_hold",
         .type = Type::kDuration,
         .description = "How long an ACK is withheld while the store cannot commit.",
         .default_text = "20s",
         .max = 3'600'000},
        {.key = "duplicate_window",
         .type = Type::kDuration,
         .description = "A message with the MSH-10 and content of an accepted one within this time "
                        "gets the first ACK again and changes nothing.",
         .default_text = "7d",
         .max = 366ll * 86'400'000},
        {.key = "processing_ids",
         .description =
             "Accepted values of MSH-11; others get AR (table 0357: 202). An empty MSH-11 "
             "counts as P.",
         .list = true,
         .default_text = "[P]",
         .example = "P"},
        {.key = "on_unmapped_event",
         .type = Type::kChoice,
         .description =
             "An event without a map: `keep` accepts and stores the message and counts it; "
             "`AR` refuses it.",
         .default_text = "keep",
         .choices = {"keep", "AR"}},
        {.key = "correction",
         .type = Type::kChoice,
         .description =
             "A corrected report (OBR-25 C): `merge` changes the observations that it names and "
             "leaves the others as they are; `snapshot` says that it names all of them, so that "
             "those which it leaves out were entered in error.",
         .default_text = "merge",
         .choices = {"merge", "snapshot"}},
        {.key = "on_invalid_element",
         .type = Type::kChoice,
         .description =
             "A value that FHIR does not allow: `drop` leaves it out and names it in the "
             "loss report; `dead_letter` makes the message one.",
         .default_text = "drop",
         .choices = {"drop", "dead_letter"}},
    };
}

Field MappingField() {
    return {.key = "mapping",
            .type = Type::kObject,
            .description = "Which maps are used.",
            .required = true,
            .fields = {
                {.key = "messages",
                 .description = "Message codes (`ADT`) or events (`ADT^A04`) that are mapped.",
                 .required = true,
                 .list = true,
                 .example = "ADT, ORU^R01"},
                {.key = "overlays",
                 .description = "Folders below mappings/overlays, applied in this order.",
                 .list = true,
                 .default_text = "[]",
                 .example = "north-clinic"},
                {.key = "profiles",
                 .type = Type::kChoice,
                 .description =
                     "Implementation guides beyond base R4. Resources that meet a profile of one "
                     "say so in `meta.profile`; what it requires and the message lacks is "
                     "completed with data-absent-reason `unknown`, where the guide allows it.",
                 .list = true,
                 .default_text = "[]",
                 .example = "us-core",
                 .choices = {fhir::GuideNames().begin(), fhir::GuideNames().end()}},
            }};
}

bool ZoneExists(const std::string& zone) {
    if (zone.empty() || zone.front() == '/' || zone.find("..") != std::string::npos) return false;
    std::error_code error;
    return fs::is_regular_file(fs::path(kZoneFolder) / zone, error);
}

void CheckMessages(const config::Values& mapping, std::vector<Error>& errors) {
    if (mapping.Has("messages") && mapping.Strings("messages").empty()) {
        Complain(errors, mapping.PositionOf("messages"), "'messages' names nothing");
    }
    CheckEvents(mapping, "messages", errors);
}

template <typename T>
T Pick(const std::string& text, std::initializer_list<std::pair<const char*, T>> choices, T other) {
    for (const auto& [name, value] : choices) {
        if (text == name) return value;
    }
    return other;
}

Settings FromValues(const config::Values& values) {
    Settings settings;
    settings.values = values;
    settings.name = values.String("channel");
    settings.tenant = values.String("tenant");
    settings.system = values.String("system");
    settings.time_zone = values.String("time_zone");
    settings.dst = Pick<mapping::Dst>(
        values.String("dst"), {{"later", mapping::Dst::kLater}, {"reject", mapping::Dst::kReject}},
        mapping::Dst::kEarlier);
    settings.charset = values.String("charset");
    settings.assigning_authority = values.String("assigning_authority");
    settings.authority_for = values.Strings("authority_for");
    settings.ack_after =
        values.String("ack_after") == "commit" ? AckAfter::kCommit : AckAfter::kProcessing;
    settings.on_store_down = Pick<OnStoreDown>(
        values.String("on_store_down"), {{"AR", OnStoreDown::kReject}, {"AE", OnStoreDown::kError}},
        OnStoreDown::kClose);
    settings.ack_hold_ms = static_cast<int>(values.Integer("ack_hold"));
    settings.duplicate_window = values.Integer("duplicate_window") * 1000;
    settings.order_by = Pick<mapping::OrderBy>(values.String("order_by"),
                                               {{"MSH-7", mapping::OrderBy::kMsh7},
                                                {"MSH-13", mapping::OrderBy::kMsh13},
                                                {"EVN-2", mapping::OrderBy::kEvn2}},
                                               mapping::OrderBy::kArrival);
    settings.processing_ids = values.Strings("processing_ids");
    settings.keep_unmapped = values.String("on_unmapped_event") == "keep";
    settings.correction_snapshot = values.String("correction") == "snapshot";
    settings.drop_invalid = values.String("on_invalid_element") == "drop";
    settings.messages = values.Object("mapping").Strings("messages");
    settings.overlays = values.Object("mapping").Strings("overlays");
    settings.profiles = values.Object("mapping").Strings("profiles");
    return settings;
}

}  // namespace

bool Settings::Takes(std::string_view code, std::string_view event) const {
    return NamesEvent(messages, code, event);
}

config::Spec ChannelSpec(const std::vector<SourceType>& sources) {
    config::Spec spec{
        .name = "channel",
        .title = "A channel (`channels/<name>.yaml`)",
        .description = "One feed of HL7 v2 messages and what is done with it.",
        .fields = {
            {.key = "channel",
             .description = "Its name: letters, digits, `-`, `_`, `.`. The journal remembers it: a "
                            "renamed channel is a new one.",
             .required = true,
             .example = "adt-main"},
            {.key = "tenant",
             .description = "Whose data this is; one of `tenants` in the daemon's configuration.",
             .default_text = "main"},
            {.key = "system",
             .description = "The system that sends here, a name of your own. Outbound channels of "
                            "the same `system` do not send back to it what came from it.",
             .example = "ehr"},
            SourceField(sources),
            {.key = "time_zone",
             .description = "IANA name; for time stamps that come without an offset.",
             .required = true,
             .example = "America/New_York"},
            {.key = "dst",
             .type = Type::kChoice,
             .description =
                 "A local time that occurs twice or never when clocks change: the `earlier` or "
                 "`later` of the two offsets, with a note in the loss report; `reject` leaves the "
                 "value out and names it there.",
             .default_text = "earlier",
             .choices = {"earlier", "later", "reject"}},
            {.key = "charset",
             .description =
                 "Character set of messages whose MSH-18 is empty, a name that ICU knows.",
             .default_text = "UTF-8",
             .example = "ISO-8859-1"},
            {.key = "assigning_authority",
             .description = "Stands in for identifiers that name none.",
             .example = "MAIN"},
            {.key = "authority_for",
             .description =
                 "Shared resource types that this feed may update (those whose identity says "
                 "`authority: required`, like Patient). Others of them it creates and finds, "
                 "and never changes.",
             .list = true,
             .default_text = "[]",
             .example = "Patient, Encounter"},
            {.key = "order_by",
             .type = Type::kChoice,
             .description = "Which time says which of two messages is newer.",
             .default_text = "arrival",
             .choices = {"arrival", "MSH-7", "MSH-13", "EVN-2"}},
        }};
    for (Field& field : PolicyFields()) spec.fields.push_back(std::move(field));
    spec.fields.push_back(MappingField());
    return spec;
}

namespace {

void SortByPlace(std::vector<Error>& errors) {
    std::stable_sort(errors.begin(), errors.end(), [](const Error& a, const Error& b) {
        return std::pair(a.position.line, a.position.column) <
               std::pair(b.position.line, b.position.column);
    });
}

}  // namespace

ReadChannels ReadChannelFile(const fs::path& file, const std::string& display_name,
                             const std::vector<SourceType>& sources,
                             const std::map<std::string, store::Tenant>& tenants,
                             const config::References& references,
                             const std::vector<DestinationType>& destinations) {
    ReadChannels read;
    auto yaml = config::Yaml::ParseFile(file, display_name);
    if (!yaml) {
        read.errors.push_back(std::move(yaml).error());
        return read;
    }
    if (IsOutbound(*yaml)) {
        read.outbound.push_back(
            ReadOutbound(*yaml, destinations, tenants, references, read.errors));
        read.outbound.back().file = file;
        SortByPlace(read.errors);
        return read;
    }
    config::Read parsed = config::ReadSpec(ChannelSpec(sources), *yaml, references);
    read.errors = std::move(parsed.errors);
    const config::Values& values = parsed.values;
    Settings settings = FromValues(values);
    settings.file = file;
    CheckName(values, read.errors);
    settings.tenant_number = CheckTenant(values, tenants, read.errors);
    if (!settings.time_zone.empty() && !ZoneExists(settings.time_zone)) {
        Complain(read.errors, values.PositionOf("time_zone"),
                 "unknown time zone '" + settings.time_zone +
                     "'; an IANA name is expected, like America/New_York");
    }
    CheckMessages(values.Object("mapping"), read.errors);
    for (const SourceType& source : sources) {
        if (!values.Object("source").Has(source.field.key)) continue;
        settings.source_type = source.field.key;
        settings.source = values.Object("source").Object(source.field.key);
    }
    SortByPlace(read.errors);
    read.channels.push_back(std::move(settings));
    return read;
}

namespace {

bool IsAnyHost(const std::string& host) {
    return host.empty() || host == "0.0.0.0" || host == "::" || host == "*";
}

// Can only one of them listen? Port 0 is any free port. A mistake in an address was reported
// before.
bool Collide(const Settings& a, const Settings& b) {
    const auto first = net::ParseAddress(a.source.String("listen"));
    const auto second = net::ParseAddress(b.source.String("listen"));
    if (!first || !second) return false;
    if (first->IsUnix() || second->IsUnix()) return *first == *second;
    if (first->port == 0 || first->port != second->port) return false;
    return first->host == second->host || IsAnyHost(first->host) || IsAnyHost(second->host);
}

void CheckAddresses(const std::vector<Settings>& channels, std::vector<Error>& errors) {
    for (std::size_t i = 1; i < channels.size(); ++i) {
        const config::Values& source = channels[i].source;
        const auto other =
            std::find_if(channels.begin(), channels.begin() + static_cast<std::ptrdiff_t>(i),
                         [&](const Settings& earlier) { return Collide(earlier, channels[i]); });
        if (other == channels.begin() + static_cast<std::ptrdiff_t>(i)) continue;
        Complain(errors, source.PositionOf("listen"),
                 "'" + source.String("listen") + "' is also taken by channel '" + other->name +
                     "' in " + other->values.PositionOf("channel").file + " (" +
                     other->source.String("listen") + "); every channel needs its own port");
    }
}

}  // namespace

ReadChannels ReadChannelFolder(const fs::path& folder, const std::vector<SourceType>& sources,
                               const std::map<std::string, store::Tenant>& tenants,
                               const config::References& references,
                               const std::vector<DestinationType>& destinations) {
    ReadChannels all;
    std::error_code error;
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        const std::string name = entry.path().filename().string();
        if (name.ends_with(".yaml") && !name.ends_with(kTestEnding) && name.front() != '.') {
            files.push_back(entry.path());
        }
    }
    if (error) {
        all.errors.push_back(Error{Code::kNotFound,
                                   "the folder of channels cannot be read",
                                   folder.string(),
                                   {},
                                   0,
                                   false});
    }
    std::sort(files.begin(), files.end());
    std::map<std::string, Position> seen;
    const auto check_unique = [&](const config::Values& values) {
        const std::string& name = values.String("channel");
        const Position& place = values.PositionOf("channel");
        const auto [first, added] = seen.emplace(name, place);
        if (added) return;
        Complain(all.errors, place, "channel '" + name + "' is also in " + first->second.file);
    };
    for (const fs::path& file : files) {
        ReadChannels one = ReadChannelFile(file, {}, sources, tenants, references, destinations);
        std::move(one.errors.begin(), one.errors.end(), std::back_inserter(all.errors));
        for (Settings& settings : one.channels) {
            check_unique(settings.values);
            all.channels.push_back(std::move(settings));
        }
        for (OutboundSettings& settings : one.outbound) {
            check_unique(settings.values);
            all.outbound.push_back(std::move(settings));
        }
    }
    CheckAddresses(all.channels, all.errors);
    return all;
}

}  // namespace carestream::channel
