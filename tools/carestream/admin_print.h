#pragma once
// What commands that ask a running daemon have in common.
#include <functional>
#include <string>
#include <string_view>

#include "command_admin.h"
#include "fhir/node.h"

namespace carestream::cli {

// Runs the request, prints JSON when asked for, else what `print` makes of it.
[[nodiscard]] int Ask(const AdminOptions& admin, const std::string& method,
                      const std::string& target, const std::string& body,
                      const std::function<int(const fhir::Node&)>& print);

// A member as it may be printed: what came with a message cannot steer the terminal.
[[nodiscard]] std::string Text(const fhir::Node& node, std::string_view name);
[[nodiscard]] std::string Padded(std::string text, std::size_t width);
void PrintNote(const std::string& text);

}  // namespace carestream::cli
