#include "channels.h"

#include "app/settings.h"

namespace carestream::cli {

namespace fs = std::filesystem;

Result<Places> PlacesIn(const fs::path& folder, const fs::path& config) {
    Places places{config, {}, {}};
    if (folder.empty()) return places;
    if (fs::is_directory(folder / "channels")) places.channels = folder / "channels";
    if (fs::is_directory(folder / "mappings")) places.mappings = folder / "mappings";
    if (places.channels.empty() && places.mappings.empty()) {
        return Fail(Code::kNotFound, "holds neither channels/ nor mappings/", folder.string());
    }
    const fs::path own = folder / "conf/carestream.yaml";
    if (config.empty() && fs::exists(own)) places.config = own;
    return places;
}

fs::path ConfigOf(const Content& content, const Places& places) {
    return places.config.empty() ? content.home / "conf/carestream.yaml" : places.config;
}

ReadInputs ReadInputsOf(const Content& content, const Places& places) {
    app::ReadContent read = app::ReadContentSettings(ConfigOf(content, places), content.home);
    if (!places.channels.empty()) read.settings.channels = places.channels;
    if (!places.mappings.empty()) read.settings.mappings = places.mappings;
    return {app::InputsOf(read.settings, content.definitions, content.dictionary),
            std::move(read.errors)};
}

}  // namespace carestream::cli
