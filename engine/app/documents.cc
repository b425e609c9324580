#include "app/documents.h"

#include "app/settings.h"
#include "channel/settings.h"
#include "clinics/clinics.h"
#include "config/documents.h"
#include "holds/holds.h"
#include "questionnaires/rules.h"
#include "scheduling/template.h"
#include "topics/topics.h"

namespace carestream::app {

namespace {

constexpr const char* kIntroduction =
    R"(# Configuration

`carestream.yaml` is the daemon's configuration as shipped, `production.example.yaml` a larger site. Channels lie in
`../channels/`, one file each. This page and the JSON Schemas in `../schemas/config/` are generated from the declarations
in the code (`GOLDEN_UPDATE=1 unit_app` writes them, the same test compares them).

- Check everything without starting: `carestreamd --config conf/carestream.yaml --check`. Each mistake is named with
  file:line:column and, where one is near, the right name.
- See what is in force, defaults included and secrets masked: `--print-config`.
- Any value may hold `${env:NAME}`, `${env:NAME:-default}` or `${file:path}` (relative to the file's folder). Secrets stand
  in files or variables, never in YAML. Inside `{...}` and `[...]` such a value needs quotes.
- Sizes: `512`, `64KiB`, `64MiB`, `2GiB`. Durations: `250ms`, `20s`, `5m`, `2h`, `7d`, `none`.
- Editors that speak YAML take the schemas; for VS Code:
  `"yaml.schemas": {"schemas/config/channels.json": "channels/*.yaml", "schemas/config/carestream.json": "conf/*.yaml",
  "schemas/config/topic.json": "mappings/topics/*.yaml", "schemas/config/hold.json": "mappings/holds/*.yaml",
  "schemas/config/clinic.json": "mappings/clinics/*.yaml",
  "schemas/config/schedule.json": "mappings/schedules/*.yaml",
  "schemas/config/questionnaire-rules.json": "mappings/questionnaires/*.rules.yaml"}`.
- A changed daemon configuration takes effect at the next start; changed channels and mappings at SIGHUP or
  `carestream reload`, whole or not at all.

)";

// What a file below channels/ may be: of one kind or the other, by whether it has a destination.
constexpr const char* kChannelsSchema = R"({
  "$schema": "http://json-schema.org/draft-07/schema#",
  "if": {"required": ["destination"]},
  "then": {"$ref": "outbound.json"},
  "else": {"$ref": "channel.json"}
}
)";

}  // namespace

std::vector<Document> ConfigurationDocuments() {
    const config::Spec daemon = DaemonSpec();
    const config::Spec channel = channel::ChannelSpec(SourceTypes());
    const config::Spec outbound = channel::OutboundSpec(DestinationTypes());
    const config::Spec topic = topics::TopicSpec();
    const config::Spec hold = holds::HoldSpec();
    const config::Spec clinic = clinics::ClinicSpec();
    const config::Spec schedule = scheduling::ScheduleSpec();
    const config::Spec rules = questionnaires::RulesSpec();
    return {{"schemas/config/" + daemon.name + ".json", config::JsonSchema(daemon)},
            {"schemas/config/" + channel.name + ".json", config::JsonSchema(channel)},
            {"schemas/config/" + outbound.name + ".json", config::JsonSchema(outbound)},
            {"schemas/config/channels.json", kChannelsSchema},
            {"schemas/config/" + topic.name + ".json", config::JsonSchema(topic)},
            {"schemas/config/" + hold.name + ".json", config::JsonSchema(hold)},
            {"schemas/config/" + clinic.name + ".json", config::JsonSchema(clinic)},
            {"schemas/config/" + rules.name + ".json", config::JsonSchema(rules)},
            {"schemas/config/" + schedule.name + ".json", config::JsonSchema(schedule)},
            {"conf/README.md",
             kIntroduction + config::ReferencePage(daemon) + "\n" + config::ReferencePage(channel) +
                 "\n" + config::ReferencePage(outbound) + "\n" + config::ReferencePage(topic) +
                 "\n" + config::ReferencePage(hold) + "\n" + config::ReferencePage(clinic) + "\n" +
                 config::ReferencePage(schedule) + "\n" + config::ReferencePage(rules)}};
}

}  // namespace carestream::app
