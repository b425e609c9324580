#pragma once
// All questionnaires of a generation with their rules (mappings/questionnaires), and what a
// response says about the red flags that it raised. Pure: reads files in Load only.
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "fhir/definitions.h"
#include "fhir/node.h"
#include "questionnaires/evaluate.h"
#include "questionnaires/questionnaire.h"
#include "questionnaires/rules.h"

namespace carestream::questionnaires {

struct Entry {
    Questionnaire questionnaire;
    Rules rules;
};

// Immutable; thread-safe.
class Questionnaires {
public:
    struct Loaded;
    // <name>.json with or without <name>.rules.yaml; an absent folder holds none. All mistakes are
    // collected: of JSON with file and path, of YAML with file:line:column; `display` stands before
    // the file names.
    [[nodiscard]] static Loaded Load(const std::filesystem::path& folder,
                                     const std::string& display,
                                     const fhir::Definitions& definitions);

    [[nodiscard]] const std::vector<Entry>& all() const { return entries_; }

    // Whom a response answers to (QuestionnaireResponse.questionnaire): our url, or
    // "Questionnaire/<name>", with or without "/_history/<n>", "|version" and "#part". nullptr:
    // none of ours. Errors: kInvalid, a version that is not in force, a name of our namespace that
    // there is not, or a relative one, which cannot mean anybody else's. They are refused because
    // nobody would look at their red flags.
    [[nodiscard]] Result<const Entry*> Find(std::string_view canonical) const;

private:
    // `url`: nothing stands behind it any more.
    [[nodiscard]] const Entry* Named(std::string_view url) const;

    std::vector<Entry> entries_;  // by name
};

struct Questionnaires::Loaded {
    std::shared_ptr<const Questionnaires> questionnaires;  // null if there are errors
    std::vector<Error> errors;
};

// Extension of a stored response, one for each red flag; set by the server only.
inline constexpr std::string_view kRedFlagExtension = "urn:carestream:red-flag";

// A red flag as the response keeps it: what its author was told is what the clinic is told,
// whatever rules come later.
struct RaisedFlag {
    std::string questionnaire;  // name
    std::string name;
    std::string title;
    std::string severity;
    std::string text;
    Micros escalate_after = 0;  // 0 = never
};

// Takes away whatever the response says of red flags.
void ClearRedFlags(fhir::Node& response);
// Replaces it.
void SetRedFlags(const Questionnaire& questionnaire, const std::vector<const RedFlag*>& flags,
                 fhir::Node& response);
[[nodiscard]] std::vector<RaisedFlag> RedFlagsOf(const fhir::Node& response);

}  // namespace carestream::questionnaires
