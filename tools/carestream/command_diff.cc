#include "command_diff.h"

#include <iostream>

#include "app/folders.h"
#include "content.h"
#include "mapping/overlay_diff.h"
#include "terminal.h"

namespace carestream::cli {

namespace {

using mapping::EffectiveDocument;
using mapping::EffectiveLine;

void Print(const EffectiveDocument& document, const DiffOptions& options) {
    std::cout << Paint(Style::kBold, document.folder + ": " + Printable(document.name)) << '\n';
    for (const EffectiveLine& line : document.lines) {
        if (line.sign == ' ' && options.changes_only) continue;
        const Style style = line.sign == '+'   ? Style::kGreen
                            : line.sign == '-' ? Style::kRed
                                               : Style::kPlain;
        std::cout << Paint(style, std::string(1, line.sign) + " " + Printable(line.text)) << "  "
                  << Paint(Style::kDim,
                           line.position.file + ":" + std::to_string(line.position.line))
                  << '\n';
    }
    if (document.unchanged != 0) {
        std::cout << "  " << Counted(document.unchanged, "other code") << " as in the base\n";
    }
    std::cout << '\n';
}

}  // namespace

int Diff(const DiffOptions& options) {
    const auto content = LoadContent();
    if (!content) {
        PrintError(content.error());
        return 2;
    }
    const ReadInputs read = ReadInputsOf(*content, options.places);
    for (const Error& error : read.errors) PrintError(error);
    if (!read.errors.empty()) return 2;
    mapping::OverlayDiff diff = mapping::DiffOverlays(read.inputs.mappings, options.overlays);
    app::LocateMappings(read.inputs.mappings, diff.errors);
    for (const Error& error : diff.errors) PrintError(error);
    if (!diff.errors.empty()) return 2;
    std::size_t shown = 0;
    for (const EffectiveDocument& document : diff.documents) {
        if (document.name.find(options.name) == std::string::npos) continue;
        Print(document, options);
        ++shown;
    }
    if (shown == 0) std::cout << "Nothing differs from the base.\n";
    return 0;
}

}  // namespace carestream::cli
