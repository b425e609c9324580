#include "channel/internal/link_outbound.h"

#include <algorithm>

#include "base/text.h"
#include "channel/internal/settings_checks.h"

namespace carestream::channel {

namespace {

// "status=cancelled&actor=Practitioner/1", as topics write it.
topics::Parameters SplitSearch(std::string_view text) {
    topics::Parameters parameters;
    for (const std::string_view pair : Split(text, '&')) {
        const std::size_t equals = std::min(pair.find('='), pair.size());
        parameters.emplace_back(pair.substr(0, equals),
                                pair.substr(std::min(equals + 1, pair.size())));
    }
    return parameters;
}

class Linker {
public:
    Linker(OutboundChannel& channel, const Generation& generation,
           const fhir::Definitions& definitions, std::vector<Error>& errors)
        : channel_(channel),
          settings_(channel.settings),
          generation_(generation),
          definitions_(definitions),
          errors_(errors) {
        for (const auto& inbound : generation.channels) {
            channels_.push_back(inbound->settings.name);
        }
    }

    void Run() {
        const config::Values& values = settings_.values;
        const config::Values& source = values.Object("source");
        if (settings_.forwards()) {
            CheckChannel(settings_.from_channel, source.PositionOf("channel"));
            const auto inbound = generation_.Find(settings_.from_channel);
            if (inbound != nullptr) channel_.charset = inbound->settings.charset;
        }
        if (!settings_.acknowledges.empty()) LinkAcknowledged(source);
        CheckChannels("not_from", settings_.not_from);
        CheckChannels("application_ack_from", settings_.application_ack_from);
        LinkOrigins(source);
        LinkTopics(source);
        LinkEvents(values.Object("render"));
    }

private:
    void CheckChannel(const std::string& name, const Position& position) {
        if (generation_.Find(name) != nullptr) return;
        const std::vector<std::string_view> names(channels_.begin(), channels_.end());
        Complain(errors_, position,
                 "no channel with a source is named '" + name + "'" + DidYouMean(name, names));
    }

    void CheckChannels(const char* key, const std::vector<std::string>& names) {
        for (std::size_t i = 0; i < names.size(); ++i) {
            CheckChannel(names[i], settings_.values.ItemPosition(key, i));
        }
    }

    void LinkAcknowledged(const config::Values& source) {
        const Position& position = source.PositionOf("acknowledgments_of");
        CheckChannel(settings_.acknowledges, position);
        const auto inbound = generation_.Find(settings_.acknowledges);
        if (inbound == nullptr) return;
        channel_.charset = inbound->settings.charset;
        if (inbound->settings.ack_after == AckAfter::kCommit) return;
        Complain(errors_, position,
                 "channel '" + settings_.acknowledges +
                     "' has 'ack_after: processing', so its senders hear of it on their own link");
    }

    void LinkOrigins(const config::Values& source) {
        channel_.origins.insert(settings_.not_from.begin(), settings_.not_from.end());
        for (const auto& inbound : generation_.channels) {
            if (settings_.system.empty() || inbound->settings.system != settings_.system) continue;
            channel_.origins.insert(inbound->settings.name);
        }
        if (!channel_.origins.contains(settings_.from_channel)) return;
        Complain(errors_, source.PositionOf("channel"),
                 "channel '" + settings_.from_channel +
                     "' is of the system to which these messages would go: they would be sent back "
                     "to where they came from");
    }

    void LinkTopics(const config::Values& source) {
        std::vector<std::string_view> names;
        for (const topics::Topic& topic : generation_.topics->all()) names.push_back(topic.name);
        for (std::size_t i = 0; i < settings_.topics.size(); ++i) {
            const std::string& name = settings_.topics[i];
            if (const topics::Topic* topic = generation_.topics->Find(name)) {
                channel_.topics.push_back(topic);
                continue;
            }
            Complain(errors_, source.ItemPosition("topic", i),
                     "no topic is named '" + name + "'" + DidYouMean(name, names) +
                         "; they lie in mappings/topics");
        }
    }

    void LinkEvents(const config::Values& render) {
        if (!settings_.renders()) return;
        if (!settings_.event.empty()) CheckEvent(settings_.event, render.PositionOf("event"));
        if (!settings_.event_on_delete.empty()) {
            CheckEvent(settings_.event_on_delete, render.PositionOf("on_delete"));
        }
        for (std::size_t i = 0; i < settings_.event_choices.size(); ++i) {
            const auto& [when, event] = settings_.event_choices[i];
            const config::Values& choice = render.Objects("events")[i];
            if (!event.empty()) CheckEvent(event, choice.PositionOf("event"));
            LinkChoice(when, event, choice.PositionOf("when"));
        }
    }

    // Searches are of one type, so several topics with choices have to be about the same.
    void LinkChoice(const std::string& when, const std::string& event, const Position& position) {
        if (channel_.topics.empty()) return;
        const std::string& type = channel_.topics.front()->resource;
        const bool same = std::all_of(channel_.topics.begin(), channel_.topics.end(),
                                      [&](const auto* topic) { return topic->resource == type; });
        if (!same) {
            Complain(errors_, position,
                     "'events' needs topics about one type of resource; make a channel for each");
            return;
        }
        auto criteria = topics::ParseCriteria(definitions_, type, SplitSearch(when));
        if (criteria) {
            channel_.event_choices.push_back({std::move(*criteria), event});
        } else {
            Complain(errors_, position, criteria.error().path + ": " + criteria.error().message);
        }
    }

    // Every topic's resources can be made this message of.
    void CheckEvent(const std::string& event, const Position& position) {
        if (event == kResourceEvent) return;
        for (const topics::Topic* topic : channel_.topics) {
            const auto events = channel_.program->OutboundEvents(topic->resource);
            if (std::find(events.begin(), events.end(), event) != events.end()) continue;
            const std::vector<std::string_view> names(events.begin(), events.end());
            Complain(errors_, position,
                     "no outbound message makes " + event + " of " + topic->resource +
                         DidYouMean(event, names));
        }
    }

    OutboundChannel& channel_;
    const OutboundSettings& settings_;
    const Generation& generation_;
    const fhir::Definitions& definitions_;
    std::vector<Error>& errors_;
    std::vector<std::string> channels_;
};

}  // namespace

OutboundChannel LinkOutbound(OutboundSettings settings,
                             std::shared_ptr<const mapping::Program> program,
                             const Generation& generation, const fhir::Definitions& definitions,
                             std::vector<Error>& errors) {
    OutboundChannel channel;
    channel.settings = std::move(settings);
    channel.program = std::move(program);
    channel.all_topics = generation.topics;
    Linker(channel, generation, definitions, errors).Run();
    return channel;
}

}  // namespace carestream::channel
