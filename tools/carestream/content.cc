#include "content.h"

#include "base/home.h"

namespace carestream::cli {

Result<Content> LoadContent() {
    CARESTREAM_ASSIGN(home, FindHome());
    CARESTREAM_ASSIGN(definitions, fhir::Definitions::Load(home / "schemas/fhir/r4"));
    CARESTREAM_ASSIGN(dictionary, hl7::Dictionary::Load(home / "schemas/hl7"));
    return Content{home, definitions, dictionary};
}

}  // namespace carestream::cli
