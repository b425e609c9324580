#include "command_coverage.h"

#include <algorithm>
#include <cstdio>
#include <iomanip>
#include <iostream>

#include "fhir/json.h"
#include "mapper.h"
#include "mapping/feed_coverage.h"
#include "terminal.h"

namespace carestream::cli {

namespace {

using mapping::FeedCoverage;

std::string Percent(std::size_t part, std::size_t whole) {
    char text[16];
    std::snprintf(
        text, sizeof text, "%.1f %%",
        whole == 0 ? 100.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole));
    return text;
}

std::string Events(const FeedCoverage::Count& count) {
    const std::size_t more = count.events.size() - 1;
    return count.events.front() + (more == 0 ? "" : " and " + std::to_string(more) + " more");
}

void Print(const std::string& title, const std::vector<FeedCoverage::Count>& list,
           std::size_t limit, bool with_events) {
    if (list.empty()) return;
    std::cout << '\n' << Paint(Style::kBold, title) << '\n';
    const std::size_t shown = std::min(limit, list.size());
    for (std::size_t i = 0; i < shown; ++i) {
        const FeedCoverage::Count& count = list[i];
        std::cout << std::setw(9) << count.values << std::setw(10) << count.messages << "  "
                  << Printable(count.what) << (count.more.empty() ? "" : "  ")
                  << Printable(count.more);
        if (with_events) std::cout << Paint(Style::kDim, "  " + Printable(Events(count)));
        std::cout << '\n';
    }
    if (shown < list.size()) {
        std::cout << "          " << list.size() - shown << " more; --limit shows them\n";
    }
}

void Print(const FeedCoverage::Summary& summary, std::size_t limit) {
    std::cout << Counted(summary.messages, "message") << ": " << summary.mapped << " mapped";
    const auto part = [](const std::vector<FeedCoverage::Count>& list) {
        std::size_t sum = 0;
        for (const FeedCoverage::Count& count : list) sum += count.messages;
        return sum;
    };
    std::cout << ", " << part(summary.no_map) << " without a map, " << part(summary.unusable)
              << " unusable, " << summary.unreadable << " no HL7\n";
    std::cout << "of the mapped ones " << summary.values_used << " of "
              << Counted(summary.values, "value") << " are used ("
              << Percent(summary.values_used, summary.values) << ")\n";
    Print("   values  messages  without a map", summary.no_map, limit, false);
    Print("   values  messages  unusable", summary.unusable, limit, true);
    Print("   values  messages  no rule reads it", summary.no_rule, limit, true);
    Print("   values  messages  read and dropped", summary.dropped, limit, true);
    Print("   values  messages  code that no table knows", summary.codes, limit, false);
}

}  // namespace

int Coverage(const CoverageOptions& options) {
    const auto mapper = Mapper::Make(options.channel, options.places);
    if (!mapper) return 2;
    FeedCoverage coverage;
    const auto count = [&](const std::string&, std::size_t, const Result<hl7::Message>& message) {
        if (message) {
            coverage.Add(*message, mapper->Map(*message));
        } else {
            coverage.AddUnreadable();
        }
    };
    const bool all = mapper->EachMessage(options.files, count);
    const FeedCoverage::Summary summary = coverage.Summarise();
    if (options.json) {
        std::cout << fhir::ToPrettyJson(mapping::ToNode(summary)) << '\n';
    } else {
        Print(summary, options.limit);
    }
    return all ? 0 : 1;
}

}  // namespace carestream::cli
