#pragma once
// One consistent state of all YAML: channels with their compiled mappings. Immutable; a message
// finishes in the generation that began it, because it holds a reference.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "channel/settings.h"
#include "channel/spi.h"
#include "clinics/clinics.h"
#include "holds/holds.h"
#include "mapping/program.h"
#include "questionnaires/questionnaires.h"
#include "search/query.h"
#include "topics/topics.h"

namespace carestream::channel {

struct Channel {
    Settings settings;
    std::shared_ptr<const mapping::Program> program;
    mapping::MapContext context;  // all but `received`
    std::int64_t generation = 0;

    // A map exists and the channel's `messages` names the event.
    [[nodiscard]] bool Covers(std::string_view code, std::string_view event) const {
        return settings.Takes(code, event) && program->Covers(code, event);
    }
};

// A message for those resources that meet a search.
struct EventChoice {
    std::vector<search::Criterion> when;
    std::string event;  // "" = none
};

struct OutboundChannel {
    OutboundSettings settings;
    std::shared_ptr<const mapping::Program> program;
    std::shared_ptr<const topics::Topics> all_topics;
    std::vector<const topics::Topic*> topics;  // of all_topics
    std::vector<EventChoice> event_choices;
    std::set<std::string> origins;  // channels whose changes are not sent here
    std::string charset = "UTF-8";  // of forwarded messages whose MSH-18 is empty
};

struct Generation {
    std::int64_t number = 0;
    std::vector<std::shared_ptr<const Channel>> channels;
    std::vector<std::shared_ptr<const OutboundChannel>> outbound;
    std::shared_ptr<const topics::Topics> topics;     // of mappings/topics; never null
    std::shared_ptr<const holds::Holds> holds;        // of mappings/holds; never null
    std::shared_ptr<const clinics::Clinics> clinics;  // of mappings/clinics; never null
    // Of mappings/questionnaires; never null.
    std::shared_ptr<const questionnaires::Questionnaires> questionnaires;
    [[nodiscard]] std::shared_ptr<const Channel> Find(std::string_view name) const;
};

// What a generation is loaded from, the same for daemon, lint and --check.
struct GenerationInputs {
    std::filesystem::path channels;
    std::filesystem::path mappings;
    std::shared_ptr<const fhir::Definitions> definitions;
    std::shared_ptr<const hl7::Dictionary> dictionary;
    std::vector<SourceType> source_types;
    std::map<std::string, store::Tenant> tenants;
    config::References references;
    std::function<crypto::IdKey(const std::string& tenant)> id_key;
    Micros journal_keep = 0;                  // store.journal_keep; 0 = not known, no bound
    std::filesystem::path schemas_fhir = {};  // where the guides of `profiles` lie
    std::vector<DestinationType> destination_types = {};
};

struct Loaded {
    std::shared_ptr<const Generation> generation;  // null if there are errors
    std::vector<Error> errors;                     // all of them: channels, then mappings
    std::set<std::string> overlays;                // that some channel names
};

// Reads and checks everything; touches nothing that runs.
[[nodiscard]] Loaded LoadGeneration(const GenerationInputs& inputs, std::int64_t number);

// The same generation with other id keys: mappings are compiled before the store's keys are at
// hand.
[[nodiscard]] std::shared_ptr<const Generation> WithIdKeys(
    const Generation& generation,
    const std::function<crypto::IdKey(const std::string& tenant)>& id_key);

}  // namespace carestream::channel
