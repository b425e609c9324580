#pragma once
// Whom a resource names beside the patients who are one's own (`linked`), and what is left of it
// without them. Pure.
#include <string>
#include <string_view>
#include <vector>

#include "fhir/node.h"

namespace carestream::auth::internal {

// Of a resource: 1 to 64 letters, digits, '-' and '.'.
[[nodiscard]] bool IsId(std::string_view text);

// The patient that a reference names, as "id"; "" when it names none. `foreign` is set when it
// names one in a form that cannot be told to be one's own.
[[nodiscard]] std::string_view PatientNamed(std::string_view reference, bool& foreign);
[[nodiscard]] bool IsOwn(const std::vector<std::string>& linked, std::string_view id);

// Does anything in the resource name a patient who is not of `linked`?
[[nodiscard]] bool NamesOthers(const fhir::Node& resource, const std::vector<std::string>& linked);

// By the text of a resource alone, as fhir::ToJson writes it, for a tenth of what a tree costs: it is
// said to be about one of `linked`, names nobody else (NamesOthers and IsAboutAnother are false) and
// has no meta.security. True is certain; false says nothing.
[[nodiscard]] bool IsPlainlyOwn(std::string_view json, const std::vector<std::string>& linked);

// By the elements that say whose record a resource belongs to, where there is one: what is about
// another patient is his, whoever else had a hand in it.
[[nodiscard]] bool IsAboutAnother(const fhir::Node& resource,
                                  const std::vector<std::string>& linked);

// Takes out the innermost entries of lists that name others, elements that do so outside of lists,
// and the narrative; says SUBSETTED in meta.tag.
void TakeOutOthers(fhir::Node& resource, const std::vector<std::string>& linked);

}  // namespace carestream::auth::internal
