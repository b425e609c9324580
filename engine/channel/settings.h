#pragma once
// A channel as operators write it (channels/<name>.yaml). The reference is generated:
// conf/README.md.
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "channel/outbound_settings.h"
#include "channel/spi.h"
#include "config/spec.h"
#include "mapping/program.h"
#include "store/types.h"

namespace carestream::channel {

enum class AckAfter { kCommit, kProcessing };
enum class OnStoreDown { kClose, kReject, kError };

// NAME.test.yaml holds the tests of NAME.yaml and is no channel.
inline constexpr std::string_view kTestEnding = ".test.yaml";

struct Settings {
    std::filesystem::path file;
    std::string name;
    std::string tenant;
    store::Tenant tenant_number = 0;
    std::string system;       // that sends here, "" = not said
    std::string source_type;  // "mllp"
    config::Values source;    // its settings
    std::string time_zone;
    mapping::Dst dst = mapping::Dst::kEarlier;
    std::string charset;  // for messages whose MSH-18 is empty
    std::string assigning_authority;
    std::vector<std::string> authority_for;
    AckAfter ack_after = AckAfter::kCommit;
    OnStoreDown on_store_down = OnStoreDown::kClose;
    int ack_hold_ms = 0;
    Micros duplicate_window = 0;
    mapping::OrderBy order_by = mapping::OrderBy::kArrival;
    std::vector<std::string> processing_ids;
    bool keep_unmapped = true;
    bool correction_snapshot = false;
    bool drop_invalid = true;
    std::vector<std::string> messages;  // "ADT" or "ADT^A04"
    std::vector<std::string> overlays;
    std::vector<std::string> profiles;  // guides: "us-core"
    config::Values values;              // all of the above with places

    // True if `messages` names this event or its message code.
    [[nodiscard]] bool Takes(std::string_view code, std::string_view event) const;
};

// The declaration; `source:` lists the given types.
[[nodiscard]] config::Spec ChannelSpec(const std::vector<SourceType>& sources);

struct ReadChannels {
    std::vector<Settings> channels;          // by file name
    std::vector<OutboundSettings> outbound;  // likewise
    std::vector<Error> errors;
};

// Reads every *.yaml of the folder but *.test.yaml. Checks what can be seen without other parts:
// keys and values, known tenant, existing time zone, names and `listen` addresses used once. An
// absent folder is an error, an empty one is not.
[[nodiscard]] ReadChannels ReadChannelFolder(const std::filesystem::path& folder,
                                             const std::vector<SourceType>& sources,
                                             const std::map<std::string, store::Tenant>& tenants,
                                             const config::References& references,
                                             const std::vector<DestinationType>& destinations = {});

// One file, for tools. `display_name` is what errors print; empty means the path.
[[nodiscard]] ReadChannels ReadChannelFile(const std::filesystem::path& file,
                                           const std::string& display_name,
                                           const std::vector<SourceType>& sources,
                                           const std::map<std::string, store::Tenant>& tenants,
                                           const config::References& references,
                                           const std::vector<DestinationType>& destinations = {});

}  // namespace carestream::channel
