#include "channel/generation.h"

#include <algorithm>
#include <iterator>

#include "base/text.h"
#include "channel/internal/link_outbound.h"
#include "channel/internal/settings_checks.h"
#include "fhir/profiles.h"

namespace carestream::channel {

namespace {

void CheckAuthority(const Settings& settings, const fhir::Definitions& definitions,
                    std::vector<Error>& errors) {
    const auto types = definitions.ResourceTypes();
    for (std::size_t i = 0; i < settings.authority_for.size(); ++i) {
        const std::string& type = settings.authority_for[i];
        if (definitions.ResourceTypeNumber(type) != 0) continue;
        Complain(errors, settings.values.ItemPosition("authority_for", i),
                 "'" + type + "' is no FHIR resource type" + DidYouMean(type, types));
    }
}

// A copy can only be told while its first is in the journal.
void CheckWindow(const Settings& settings, Micros journal_keep, std::vector<Error>& errors) {
    if (journal_keep == 0 || settings.duplicate_window <= journal_keep) return;
    Complain(
        errors, settings.values.PositionOf("duplicate_window"),
        "'duplicate_window' is longer than 'store.journal_keep' of the daemon: after that time "
        "the first copy is dropped and none is known as a duplicate; shorten the one or "
        "lengthen the other");
}

void CheckMessages(const Settings& settings, const mapping::Program& program,
                   std::vector<Error>& errors) {
    std::vector<std::string> known;
    for (const std::string& event : program.Events()) {
        known.push_back(event);
        known.push_back(event.substr(0, event.find('^')));
    }
    const std::vector<std::string_view> names(known.begin(), known.end());
    for (std::size_t i = 0; i < settings.messages.size(); ++i) {
        const std::string& wanted = settings.messages[i];
        if (std::find(known.begin(), known.end(), wanted) != known.end()) continue;
        Complain(errors, settings.values.Object("mapping").ItemPosition("messages", i),
                 "no map covers '" + wanted + "'" + DidYouMean(wanted, names));
    }
}

// Guides that cannot be read are a mistake of the installation, said at the channel.
void AddProfiles(const Settings& settings, fhir::Guides& guides, mapping::MapContext& context,
                 std::vector<Error>& errors) {
    for (std::size_t i = 0; i < settings.profiles.size(); ++i) {
        auto profiles = guides.Get(settings.profiles[i]);
        if (profiles) {
            context.profiles.push_back(std::move(*profiles));
        } else {
            Complain(errors, settings.values.Object("mapping").ItemPosition("profiles", i),
                     profiles.error().ToString());
        }
    }
}

mapping::MapContext ContextOf(const Settings& settings, const GenerationInputs& inputs) {
    mapping::MapContext context;
    context.tenant = settings.tenant;
    context.channel = settings.name;
    context.time_zone = settings.time_zone;
    context.dst = settings.dst;
    context.assigning_authority = settings.assigning_authority;
    context.authority_for = settings.authority_for;
    context.order_by = settings.order_by;
    context.correction_snapshot = settings.correction_snapshot;
    context.drop_invalid = settings.drop_invalid;
    if (inputs.id_key) context.ids = inputs.id_key(settings.tenant);
    return context;
}

// One program for each list of overlays that some channel names.
class Programs {
public:
    Programs(const GenerationInputs& inputs, std::vector<Error>& errors)
        : inputs_(inputs), errors_(errors) {}

    std::shared_ptr<const mapping::Program> Get(const std::vector<std::string>& overlays) {
        const auto known = programs_.find(overlays);
        if (known != programs_.end()) return known->second;
        mapping::Program::Compiled compiled = mapping::Program::Compile(
            inputs_.mappings, inputs_.definitions, inputs_.dictionary, overlays);
        for (Error& error : compiled.errors) {
            // Channels share most files: each mistake is said once.
            const std::string line = error.ToString();
            if (said_.emplace(line, true).second) errors_.push_back(std::move(error));
        }
        return programs_.emplace(overlays, compiled.program).first->second;
    }

private:
    const GenerationInputs& inputs_;
    std::vector<Error>& errors_;
    std::map<std::vector<std::string>, std::shared_ptr<const mapping::Program>> programs_;
    std::map<std::string, bool> said_;
};

}  // namespace

std::shared_ptr<const Channel> Generation::Find(std::string_view name) const {
    for (const auto& channel : channels) {
        if (channel->settings.name == name) return channel;
    }
    return nullptr;
}

Loaded LoadGeneration(const GenerationInputs& inputs, std::int64_t number) {
    Loaded loaded;
    ReadChannels read = ReadChannelFolder(inputs.channels, inputs.source_types, inputs.tenants,
                                          inputs.references, inputs.destination_types);
    loaded.errors = std::move(read.errors);
    Programs programs(inputs, loaded.errors);
    fhir::Guides guides(inputs.schemas_fhir, inputs.definitions);
    auto generation = std::make_shared<Generation>();
    generation->number = number;
    for (Settings& settings : read.channels) {
        loaded.overlays.insert(settings.overlays.begin(), settings.overlays.end());
        CheckAuthority(settings, *inputs.definitions, loaded.errors);
        CheckWindow(settings, inputs.journal_keep, loaded.errors);
        auto program = programs.Get(settings.overlays);
        if (program == nullptr) continue;
        CheckMessages(settings, *program, loaded.errors);
        mapping::MapContext context = ContextOf(settings, inputs);
        AddProfiles(settings, guides, context, loaded.errors);
        generation->channels.push_back(std::make_shared<const Channel>(
            Channel{std::move(settings), std::move(program), std::move(context), number}));
    }
    topics::Topics::Loaded topics =
        topics::Topics::Load(inputs.mappings / "topics", "topics/", inputs.definitions);
    std::move(topics.errors.begin(), topics.errors.end(), std::back_inserter(loaded.errors));
    generation->topics = std::move(topics.topics);
    holds::Holds::Loaded holds =
        holds::Holds::Load(inputs.mappings / "holds", "holds/", inputs.definitions);
    std::move(holds.errors.begin(), holds.errors.end(), std::back_inserter(loaded.errors));
    generation->holds = std::move(holds.holds);
    clinics::Clinics::Loaded clinics =
        clinics::Clinics::Load(inputs.mappings / "clinics", "clinics/", inputs.definitions);
    std::move(clinics.errors.begin(), clinics.errors.end(), std::back_inserter(loaded.errors));
    generation->clinics = std::move(clinics.clinics);
    auto questionnaires = questionnaires::Questionnaires::Load(
        inputs.mappings / "questionnaires", "questionnaires/", *inputs.definitions);
    std::move(questionnaires.errors.begin(), questionnaires.errors.end(),
              std::back_inserter(loaded.errors));
    generation->questionnaires = std::move(questionnaires.questionnaires);
    if (generation->topics != nullptr) {
        for (OutboundSettings& settings : read.outbound) {
            loaded.overlays.insert(settings.overlays.begin(), settings.overlays.end());
            auto program = programs.Get(settings.overlays);
            if (program == nullptr) continue;
            generation->outbound.push_back(std::make_shared<const OutboundChannel>(
                LinkOutbound(std::move(settings), std::move(program), *generation,
                             *inputs.definitions, loaded.errors)));
        }
    }
    if (loaded.errors.empty()) loaded.generation = std::move(generation);
    return loaded;
}

std::shared_ptr<const Generation> WithIdKeys(
    const Generation& generation,
    const std::function<crypto::IdKey(const std::string& tenant)>& id_key) {
    auto keyed = std::make_shared<Generation>();
    keyed->number = generation.number;
    keyed->topics = generation.topics;
    keyed->holds = generation.holds;
    keyed->clinics = generation.clinics;
    keyed->questionnaires = generation.questionnaires;
    keyed->outbound = generation.outbound;
    for (const auto& channel : generation.channels) {
        Channel copy = *channel;
        copy.context.ids = id_key(copy.settings.tenant);
        keyed->channels.push_back(std::make_shared<const Channel>(std::move(copy)));
    }
    return keyed;
}

}  // namespace carestream::channel
