#include "hl7/tables.h"

#include <functional>
#include <map>

#include "base/file.h"
#include "base/text.h"

namespace carestream::hl7 {

namespace {

namespace fs = std::filesystem;

// One table file: tab separated, the first line names the columns.
class TableFile {
public:
    TableFile(fs::path path, std::size_t columns) : path_(std::move(path)), columns_(columns) {}

    // Calls `use(cells)` per line; stops at its first error.
    Result<void> Read(
        const std::function<Result<void>(const std::vector<std::string_view>&)>& use) {
        CARESTREAM_ASSIGN(content, ReadFile(path_));
        for (const std::string_view row : Split(content, '\n')) {
            ++line_;
            if (line_ == 1 || row.empty()) continue;
            const std::vector<std::string_view> cells = Split(row, '\t');
            if (cells.size() != columns_) {
                return At("expected " + std::to_string(columns_) + " columns, found " +
                          std::to_string(cells.size()));
            }
            CARESTREAM_TRY(use(cells));
        }
        if (line_ < 2) return At("the table is empty");
        return {};
    }

    [[nodiscard]] tl::unexpected<Error> At(std::string message, std::size_t column = 0) const {
        return FailAt({path_.string(), line_, static_cast<int>(column) + 1}, std::move(message));
    }

private:
    fs::path path_;
    std::size_t columns_;
    int line_ = 0;
};

// -1 if `text` is no number; empty counts as 0.
int ReadNumber(std::string_view text) {
    if (text.empty()) return 0;
    if (!IsDigits(text) || text.size() > 6) return -1;
    int number = 0;
    for (const char c : text) number = number * 10 + (c - '0');
    return number;
}

bool IsNameCharacter(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// "MSH SFT* PROCEDURE*(PR1 ROL*) <OBR|RQD>": see schemas/hl7/README.md.
class StructureReader {
public:
    explicit StructureReader(std::string_view text) : text_(text) {}

    // False at a mistake; offset() then tells where.
    bool Read(std::vector<StructureNode>& nodes) {
        return ReadList(nodes, 0) && at_ == text_.size();
    }
    [[nodiscard]] std::size_t offset() const { return at_; }

private:
    static constexpr int kDepthMax = 16;

    bool ReadList(std::vector<StructureNode>& nodes, int depth) {
        if (depth > kDepthMax) return false;
        do {
            StructureNode node;
            if (!ReadNode(node, depth)) return false;
            nodes.push_back(std::move(node));
        } while (Take(' '));
        return true;
    }

    bool ReadNode(StructureNode& node, int depth) {
        if (Take('<')) {
            node.kind = StructureNode::Kind::kChoice;
            do {
                StructureNode alternative;
                if (!ReadName(alternative.name)) return false;
                node.children.push_back(std::move(alternative));
            } while (Take('|'));
            if (!Take('>')) return false;
        } else if (!ReadName(node.name)) {
            return false;
        }
        const char suffix = at_ < text_.size() ? text_[at_] : '\0';
        if (suffix == '?' || suffix == '*' || suffix == '+') ++at_;
        node.required = suffix != '?' && suffix != '*';
        node.repeats = suffix == '*' || suffix == '+';
        if (!Take('(')) return true;
        node.kind = StructureNode::Kind::kGroup;
        return ReadList(node.children, depth + 1) && Take(')');
    }

    bool ReadName(std::string& name) {
        const std::size_t first = at_;
        while (at_ < text_.size() && IsNameCharacter(text_[at_])) ++at_;
        name = text_.substr(first, at_ - first);
        return !name.empty();
    }

    bool Take(char c) {
        if (at_ >= text_.size() || text_[at_] != c) return false;
        ++at_;
        return true;
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

class LoadedDictionary final : public Dictionary {
public:
    Result<void> Read(const fs::path& folder) {
        CARESTREAM_TRY(ReadSegments(folder / "segments.tsv"));
        CARESTREAM_TRY(ReadDataTypes(folder / "datatypes.tsv"));
        return ReadStructures(folder / "structures.tsv");
    }

    const SegmentDefinition* FindSegment(std::string_view id) const override {
        const auto found = segments_.find(id);
        return found == segments_.end() ? nullptr : &found->second;
    }

    const DataTypeDefinition* FindDataType(std::string_view id) const override {
        const auto found = types_.find(id);
        return found == types_.end() ? nullptr : &found->second;
    }

    std::vector<std::string_view> SegmentIds() const override {
        std::vector<std::string_view> ids;
        for (const auto& [id, definition] : segments_) ids.push_back(id);
        return ids;
    }

    std::string_view StructureOf(std::string_view code, std::string_view event) const override {
        if (code == "ACK") return code;
        std::string key(code);
        key += '^';
        key += event;
        const auto found = events_.find(key);
        return found == events_.end() ? std::string_view() : std::string_view(found->second);
    }

    const StructureNode* FindStructure(std::string_view name) const override {
        const auto found = structures_.find(name);
        return found == structures_.end() ? nullptr : &found->second;
    }

    std::vector<std::string_view> Events() const override {
        std::vector<std::string_view> events;
        for (const auto& [event, structure] : events_) events.push_back(event);
        return events;
    }

private:
    // Adds the field or component of one line to `list`; number 0 names the whole.
    static Result<void> AddItem(const TableFile& file, const std::vector<std::string_view>& cells,
                                bool repeats, std::string_view table, std::string& name,
                                std::vector<FieldDefinition>& list) {
        const int number = ReadNumber(cells[1]);
        if (number == 0) {
            name = cells[2];
            return {};
        }
        if (number != static_cast<int>(list.size()) + 1) {
            return file.At("numbers must follow each other", cells[0].size() + 1);
        }
        const int table_number = ReadNumber(table);
        if (table_number < 0) return file.At("the table is not a number");
        if (cells[3].empty()) return file.At("no data type");
        list.push_back({std::string(cells[2]), std::string(cells[3]), repeats, table_number});
        return {};
    }

    Result<void> ReadSegments(const fs::path& path) {
        TableFile file(path, 6);
        return file.Read([&](const std::vector<std::string_view>& cells) -> Result<void> {
            SegmentDefinition& segment = segments_[std::string(cells[0])];
            segment.id = cells[0];
            return AddItem(file, cells, cells[4] == "*", cells[5], segment.name, segment.fields);
        });
    }

    Result<void> ReadDataTypes(const fs::path& path) {
        TableFile file(path, 5);
        return file.Read([&](const std::vector<std::string_view>& cells) -> Result<void> {
            DataTypeDefinition& type = types_[std::string(cells[0])];
            type.id = cells[0];
            return AddItem(file, cells, false, cells[4], type.name, type.components);
        });
    }

    Result<void> ReadStructures(const fs::path& path) {
        TableFile file(path, 4);
        return file.Read([&](const std::vector<std::string_view>& cells) -> Result<void> {
            if (cells[0] == "event") {
                events_.emplace(cells[1], cells[2]);
                return {};
            }
            if (cells[0] != "structure") return file.At("expected 'event' or 'structure'");
            StructureNode root{std::string(cells[1]), StructureNode::Kind::kGroup, true, false, {}};
            StructureReader reader(cells[2]);
            if (!reader.Read(root.children)) {
                return file.At("not a message structure",
                               cells[0].size() + cells[1].size() + 2 + reader.offset());
            }
            structures_.emplace(cells[1], std::move(root));
            return {};
        });
    }

    std::map<std::string, SegmentDefinition, std::less<>> segments_;
    std::map<std::string, DataTypeDefinition, std::less<>> types_;
    std::map<std::string, std::string, std::less<>> events_;
    std::map<std::string, StructureNode, std::less<>> structures_;
};

}  // namespace

Result<std::shared_ptr<const Dictionary>> Dictionary::Load(const fs::path& schemas_hl7) {
    auto dictionary = std::make_shared<LoadedDictionary>();
    CARESTREAM_TRY(dictionary->Read(schemas_hl7));
    return std::shared_ptr<const Dictionary>(std::move(dictionary));
}

}  // namespace carestream::hl7
