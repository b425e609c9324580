#pragma once
// Messages of files through the maps, without a server.
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "channel/generation.h"
#include "channels.h"
#include "hl7/message.h"
#include "mapping/program.h"

namespace carestream::cli {

class Mapper {
public:
    // The maps of `places` as `channel` would use them: its zone, authorities, events and overlays;
    // "" = neutral: UTC, authority for patients and visits. Null after its errors were printed.
    // `received` is the time of receipt, which some messages' resources carry.
    // `profiles`: guides ("us-core") beside those of the channel.
    [[nodiscard]] static std::unique_ptr<Mapper> Make(
        const std::string& channel, const Places& places, Micros received = SystemClock().Now(),
        const std::vector<std::string>& profiles = {});

    // With a channel the message is judged as the daemon would (its events and processing ids).
    // `trace`: which rule took what where, by paths that open; unless null.
    [[nodiscard]] mapping::Mapped Map(const hl7::Message& message,
                                      mapping::Trace* trace = nullptr) const;
    [[nodiscard]] bool has_channel() const { return channel_ != nullptr; }

    using Take = std::function<void(const std::string& file, std::size_t number,
                                    const Result<hl7::Message>& message)>;
    // Cuts each file, "-" = stdin, into messages, numbered from 1. False after saying why: one
    // cannot be read, or there is no message in it.
    [[nodiscard]] bool EachMessage(const std::vector<std::string>& files, const Take& take) const;

private:
    Mapper() = default;
    [[nodiscard]] bool AddProfiles(const channel::GenerationInputs& inputs,
                                   const std::vector<std::string>& names);
    [[nodiscard]] bool EachMessageOf(const std::string& file, const Take& take) const;

    std::shared_ptr<const mapping::Program> program_;
    std::shared_ptr<const channel::Channel> channel_;  // null: no sender is known
    mapping::MapContext context_;
    std::filesystem::path mappings_;
    std::string fallback_charset_ = "UTF-8";
};

}  // namespace carestream::cli
