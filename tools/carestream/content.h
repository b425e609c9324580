#pragma once
// Definitions and dictionary as the CLI loads them: no server needed.
#include <filesystem>
#include <memory>

#include "base/result.h"
#include "fhir/definitions.h"
#include "hl7/tables.h"

namespace carestream::cli {

struct Content {
    std::filesystem::path home;
    std::shared_ptr<const fhir::Definitions> definitions;
    std::shared_ptr<const hl7::Dictionary> dictionary;
};

[[nodiscard]] Result<Content> LoadContent();

}  // namespace carestream::cli
