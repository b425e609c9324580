#pragma once
// What the commands that ask a daemon have in common: the question and how its answer is printed.
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "command_admin.h"
#include "fhir/node.h"
#include "terminal.h"

namespace carestream::cli {

// Runs the request, prints JSON when asked for, else what `print` makes of it. The exit code.
[[nodiscard]] int Ask(const AdminOptions& admin, const std::string& method,
                      const std::string& target, const std::string& body,
                      const std::function<int(const fhir::Node&)>& print);

// A member as it may be printed: what came with a message cannot steer the terminal.
[[nodiscard]] std::string Text(const fhir::Node& node, std::string_view name);
[[nodiscard]] std::size_t SizeOf(const fhir::Node& node, std::string_view name);
[[nodiscard]] std::string Padded(std::string text, std::size_t width);
[[nodiscard]] Style StyleOf(const std::string& status);
void PrintNote(const std::string& text);

// The segments, without the ends that part them.
[[nodiscard]] std::vector<std::string_view> SegmentsOf(std::string_view raw);
// A message; on a terminal long fields are cut, and `command` is named that shows all.
void PrintSegments(const std::string& title, const std::string& raw, const std::string& command);

}  // namespace carestream::cli
