#include "channels.h"

#include "adapters/mllp/source.h"

namespace carestream::cli {

channel::GenerationInputs GenerationInputsOf(const Content& content,
                                             const std::filesystem::path& channels,
                                             const std::filesystem::path& mappings) {
    channel::GenerationInputs inputs;
    inputs.channels = channels.empty() ? content.home / "channels" : channels;
    inputs.mappings = mappings.empty() ? content.home / "mappings" : mappings;
    inputs.definitions = content.definitions;
    inputs.dictionary = content.dictionary;
    inputs.source_types = {adapters::mllp::SourceType()};
    inputs.tenants = {{"main", store::Tenant{1}}};
    inputs.references = config::References::OfProcess(inputs.channels);
    return inputs;
}

}  // namespace carestream::cli
