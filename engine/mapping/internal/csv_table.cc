#include "mapping/internal/csv_table.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/text.h"

namespace carestream::mapping::internal {

namespace {

constexpr std::array<std::string_view, 4> kColumns = {"code", "target", "system", "display"};

// The cells of a line; false if a quote is not closed on it or text follows a closed one.
bool Cells(std::string_view line, std::vector<std::string>& cells) {
    std::size_t at = 0;
    for (;;) {
        std::string cell;
        if (at < line.size() && line[at] == '"') {
            for (++at;; ++at) {
                if (at >= line.size()) return false;
                if (line[at] == '"' && (at + 1 >= line.size() || line[at + 1] != '"')) break;
                if (line[at] == '"') ++at;
                cell += line[at];
            }
            ++at;
            if (at < line.size() && line[at] != ',') return false;
        } else {
            const std::size_t end = std::min(line.find(',', at), line.size());
            cell = std::string(Trim(line.substr(at, end - at)));
            at = end;
        }
        cells.push_back(std::move(cell));
        if (at >= line.size()) return true;
        ++at;
    }
}

std::string Quoted(std::string_view text) {
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return quoted + "\"";
}

std::string Row(const std::vector<std::string>& cells) {
    std::string row = Quoted(cells[0]) + ": ";
    if (cells.size() < 2 || cells[1].empty()) return row + "~";
    row += "{code: " + Quoted(cells[1]);
    for (std::size_t i = 2; i < cells.size(); ++i) {
        if (cells[i].empty()) continue;
        row += ", " + std::string(kColumns[i]) + ": " + Quoted(cells[i]);
    }
    return row + "}";
}

bool IsHeader(const std::vector<std::string>& cells) {
    return cells.size() >= 2 && cells.size() <= kColumns.size() &&
           std::equal(cells.begin(), cells.end(), kColumns.begin(),
                      [](const std::string& cell, std::string_view name) {
                          return ToLowerAscii(cell) == name;
                      });
}

}  // namespace

Result<std::string> CsvTableAsYaml(std::string_view csv, std::string_view head) {
    if (csv.starts_with("\xEF\xBB\xBF")) csv.remove_prefix(3);
    std::string yaml = "{" + std::string(head) + ", codes: {";
    int number = 0;
    std::size_t columns = 0;
    for (std::string_view line : Split(csv, '\n')) {
        ++number;
        if (line.ends_with('\r')) line.remove_suffix(1);
        std::vector<std::string> cells;
        const bool good = Cells(line, cells);
        if (number == 1) {
            if (!good || !IsHeader(cells)) {
                return FailAt({"", 1, 1},
                              "the first line names the columns: code,target,system,display");
            }
            columns = cells.size();
        } else if (!Trim(line).empty()) {
            if (!good || cells.size() > columns || cells[0].empty()) {
                return FailAt({"", number, 1}, !good ? "a quote that is not closed on its line"
                                               : cells[0].empty() ? "the code is empty"
                                                                  : "more cells than columns");
            }
            yaml += Row(cells) + ",";
        }
        yaml += "\n";
    }
    return yaml + "}}";
}

}  // namespace carestream::mapping::internal
