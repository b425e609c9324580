#pragma once
// Questions to a running daemon through admin.sock in its state folder.
#include <filesystem>
#include <string>

#include "base/result.h"
#include "fhir/node.h"

namespace carestream::cli {

// $CARESTREAM_STATE, else /var/lib/carestream for root, else var/ of the house: as
// conf/carestream.yaml.
[[nodiscard]] std::filesystem::path StateFolder();

// Errors: kUnavailable (no daemon answers there), or what the daemon said.
[[nodiscard]] Result<fhir::Node> AskDaemon(const std::filesystem::path& state,
                                           const std::string& method, const std::string& target,
                                           const std::string& body = {});

}  // namespace carestream::cli
