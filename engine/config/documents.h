#pragma once
// What follows from a Spec besides reading: the JSON Schema for editors, the reference page for
// people, the effective configuration with secrets masked.
#include <string>

#include "config/spec.h"

namespace carestream::config {

// JSON Schema draft-07 (what YAML language servers read). Ends in a line end.
[[nodiscard]] std::string JsonSchema(const Spec& spec);

// Markdown: one table per map of keys.
[[nodiscard]] std::string ReferencePage(const Spec& spec);

// YAML that reads back as the same values; secrets and ${file:} values are printed as "***".
[[nodiscard]] std::string DumpYaml(const Values& values);

}  // namespace carestream::config
