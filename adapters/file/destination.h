#pragma once
// Messages out as files: one each, whole or not at all, for receivers that watch a folder.
#include <filesystem>
#include <memory>
#include <string>

#include "channel/spi.h"

namespace carestream::adapters::file {

struct DestinationOptions {
    std::filesystem::path folder;
    std::string extension;  // ".hl7"
};

// `file:` below a channel's `destination:`.
[[nodiscard]] channel::DestinationType DestinationType();

// A file is named by MSH-10, of which it keeps letters, digits, '-' and '_'; it appears under its
// name when it is whole and on the disk. The same message again changes nothing; another one with
// the same MSH-10 gets a name of its own. Works within the calls, on the caller's thread.
[[nodiscard]] std::unique_ptr<channel::Destination> MakeDestination(DestinationOptions options);

}  // namespace carestream::adapters::file
