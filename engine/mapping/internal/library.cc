#include "mapping/internal/library.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/file.h"
#include "base/text.h"
#include "mapping/internal/csv_table.h"

namespace carestream::mapping::internal {

namespace fs = std::filesystem;

namespace {

struct Folder {
    const char* name;
    const char* head;  // the key that names the document
    std::vector<Document> Library::*list;
    bool segment;
};

constexpr std::array<Folder, 9> kFolders = {
    {{"datatypes", "map", &Library::maps, false},
     {"groups", "group", &Library::groups, false},
     {"identity", "identity", &Library::identities, false},
     {"messages", "message", &Library::messages, false},
     {"outbound/datatypes", "map", &Library::outbound_maps, false},
     {"outbound/messages", "message", &Library::outbound_messages, false},
     {"outbound/segments", "map", &Library::outbound_maps, true},
     {"segments", "map", &Library::maps, true},
     {"tables", "table", &Library::tables, false}}};

class Reader {
public:
    Reader(Library& library, Problems& problems) : library_(library), problems_(problems) {}

    void ReadFolder(const fs::path& root, const std::string& prefix, const Folder& folder,
                    bool overlay) {
        std::error_code ignored;
        std::vector<fs::path> files;
        for (fs::directory_iterator entry(root / folder.name, ignored), end;
             !ignored && entry != end; entry.increment(ignored)) {
            const std::string extension = entry->path().extension();
            const bool table = extension == ".csv" && std::string_view(folder.head) == "table";
            if (extension == ".yaml" || table) files.push_back(entry->path());
        }
        std::sort(files.begin(), files.end());
        for (const fs::path& file : files) {
            ReadFile(file, prefix + folder.name + "/" + file.filename().string(), folder, overlay);
        }
    }

    [[nodiscard]] std::string Version() const {
        std::string bytes;
        for (int shift = 56; shift >= 0; shift -= 8) {
            bytes.push_back(static_cast<char>(hash_ >> shift & 0xff));
        }
        return ToHex(bytes).substr(0, 12);
    }

private:
    void ReadFile(const fs::path& file, const std::string& name, const Folder& folder,
                  bool overlay) {
        const auto text = carestream::ReadFile(file);
        constexpr std::size_t kFileBytesMax = 1u << 20;
        if (!text || text->size() > kFileBytesMax) {
            problems_.Add({name, 0, 0}, text ? "larger than 1 MiB" : text.error().message);
            return;
        }
        for (const std::string_view part : {std::string_view(name), std::string_view(*text)}) {
            hash_ = (hash_ ^ Fnv64(part)) * 1099511628211ull;
        }
        auto parsed = file.extension() == ".csv" ? ParseCsv(*text, file.stem().string(), name)
                                                 : config::Yaml::Parse(*text, name);
        if (!parsed) {
            library_.broken.insert(file.stem().string());
            problems_.Add(std::move(parsed).error());
            return;
        }
        library_.files.push_back(std::move(*parsed));
        Take(library_.files.back(), name, folder, overlay);
    }

    // A table of the same name that is there already gets more codes.
    Result<config::Yaml> ParseCsv(std::string_view text, const std::string& table,
                                  const std::string& name) const {
        const bool known = std::any_of(library_.tables.begin(), library_.tables.end(),
                                       [&](const Document& other) { return other.name == table; });
        auto yaml = CsvTableAsYaml(text, (known ? "extends: " : "table: ") + table);
        if (!yaml) {
            yaml.error().position.file = name;
            return Fail(std::move(yaml).error());
        }
        return config::Yaml::Parse(*yaml, name);
    }

    void Take(const config::Yaml& yaml, const std::string& file, const Folder& folder,
              bool overlay) {
        const std::size_t before = problems_.size();
        Read(yaml, file, folder, overlay);
        if (problems_.size() != before) library_.broken.insert(fs::path(file).stem().string());
    }

    void Read(const config::Yaml& yaml, const std::string& file, const Folder& folder,
              bool overlay) {
        if (!yaml.IsMap()) {
            problems_.Add({file, 1, 1},
                          std::string("the file must start with '") + folder.head + ": name'");
            return;
        }
        if (overlay && yaml.Find("extends") != nullptr) {
            Extend(yaml, folder);
            return;
        }
        const config::Yaml* name = yaml.Find(folder.head);
        if (name == nullptr || !name->IsScalar()) {
            problems_.Add(yaml.position(), std::string("a file in ") + folder.name +
                                               "/ must start with '" + folder.head + ": name'");
            return;
        }
        Document document;
        document.yaml = &yaml;
        document.name = name->text();
        document.name_at = name;
        document.segment = folder.segment;
        if (const config::Yaml* rules = yaml.Find("rules"); rules != nullptr) {
            for (const config::Yaml& rule : rules->items()) document.rules.push_back(&rule);
        }
        if (const config::Yaml* codes = yaml.Find("codes"); codes != nullptr) {
            for (const config::YamlEntry& code : codes->entries()) document.codes.push_back(&code);
        }
        auto& list = library_.*folder.list;
        const auto same = std::find_if(list.begin(), list.end(), [&](const Document& other) {
            return other.name == document.name && other.segment == document.segment;
        });
        if (same == list.end()) {
            list.push_back(std::move(document));
        } else if (overlay) {
            *same = std::move(document);
        } else {
            problems_.Add(name->position(), "'" + document.name + "' is already defined in " +
                                                same->name_at->position().file);
        }
    }

    void Extend(const config::Yaml& yaml, const Folder& folder) {
        const auto name = problems_.Text(yaml, "extends");
        if (!name) return;
        auto& list = library_.*folder.list;
        const auto base = std::find_if(list.begin(), list.end(), [&](const Document& other) {
            return other.name == *name && other.segment == folder.segment;
        });
        if (base == list.end()) {
            std::vector<std::string_view> names;
            for (const Document& other : list) names.push_back(other.name);
            problems_.Add(
                yaml.Find("extends")->position(),
                "nothing named '" + *name + "' in " + folder.name + "/" + DidYouMean(*name, names));
            return;
        }
        if (std::string_view(folder.head) == "map") {
            ExtendRules(yaml, *base);
        } else if (std::string_view(folder.head) == "table") {
            ExtendCodes(yaml, *base);
        } else if (std::string_view(folder.name) == "messages") {
            ExtendTree(yaml, *base);
        } else {
            problems_.Add(yaml.Find("extends")->position(),
                          std::string(folder.name) +
                              "/ cannot be extended: an overlay replaces the whole file");
        }
    }

    // The index of the rule with this id, or the end and a problem.
    std::size_t FindRule(const Document& base, const config::Yaml& id) {
        std::vector<std::string> ids;
        for (std::size_t i = 0; i < base.rules.size(); ++i) {
            ids.push_back(RuleId(*base.rules[i]));
            if (ids.back() == id.text()) return i;
        }
        const std::vector<std::string_view> names(ids.begin(), ids.end());
        problems_.Add(id.position(), "'" + base.name + "' has no rule with id '" + id.text() + "'" +
                                         DidYouMean(id.text(), names));
        return base.rules.size();
    }

    void ExtendRules(const config::Yaml& yaml, Document& base) {
        problems_.CheckKeys(yaml, "an overlay of a map", {"extends", "remove", "rules", "note"});
        if (const config::Yaml* remove = yaml.Find("remove"); remove != nullptr) {
            for (const auto& [id, at] : problems_.Texts(*remove, "remove")) {
                const std::size_t index = FindRule(base, *at);
                if (index < base.rules.size()) {
                    base.rules.erase(base.rules.begin() + static_cast<std::ptrdiff_t>(index));
                }
            }
        }
        const config::Yaml* rules = yaml.Find("rules");
        if (rules == nullptr) return;
        for (const config::Yaml& rule : rules->items()) {
            const config::Yaml* anchor = nullptr;
            std::string_view verb;
            for (const std::string_view word : {"replace", "before", "after"}) {
                if (rule.Find(word) != nullptr) {
                    anchor = rule.Find(word);
                    verb = word;
                }
            }
            if (anchor == nullptr) {
                base.rules.push_back(&rule);
                continue;
            }
            const std::size_t index = FindRule(base, *anchor);
            if (index == base.rules.size()) continue;
            const auto place = base.rules.begin() + static_cast<std::ptrdiff_t>(index);
            if (verb == "replace") {
                *place = &rule;
            } else {
                base.rules.insert(verb == "before" ? place : place + 1, &rule);
            }
        }
    }

    // `- {after: PID, ZPI: {...}}`; what the anchors name is checked when the tree is compiled.
    void ExtendTree(const config::Yaml& yaml, Document& base) {
        problems_.CheckKeys(yaml, "an overlay of a message",
                            {"extends", "events", "remove", "tree", "note"});
        if (const config::Yaml* events = yaml.Find("events"); events != nullptr) {
            base.events.push_back(events);
        }
        if (const config::Yaml* remove = yaml.Find("remove"); remove != nullptr) {
            for (const auto& [name, at] : problems_.Texts(*remove, "remove")) {
                base.tree_changes.push_back({TreeChange::Verb::kRemove, at, nullptr});
            }
        }
        const config::Yaml* tree = yaml.Find("tree");
        if (tree == nullptr) return;
        for (const config::Yaml& item : tree->items()) {
            TreeChange change;
            for (const config::YamlEntry& entry : item.entries()) {
                const auto verb = VerbOf(entry.key);
                if (verb) {
                    change.verb = *verb;
                    change.anchor = &entry.value;
                } else {
                    change.node = &entry;
                }
            }
            if (item.entries().size() == 2 && change.anchor != nullptr && change.node != nullptr) {
                base.tree_changes.push_back(change);
            } else {
                problems_.Add(item.position(),
                              "a change of a tree is one segment or group and its "
                              "place: `- {after: PID, ZPI: {...}}`");
            }
        }
    }

    static std::optional<TreeChange::Verb> VerbOf(std::string_view key) {
        if (key == "after") return TreeChange::Verb::kAfter;
        if (key == "before") return TreeChange::Verb::kBefore;
        if (key == "replace") return TreeChange::Verb::kReplace;
        return std::nullopt;
    }

    void ExtendCodes(const config::Yaml& yaml, Document& base) {
        problems_.CheckKeys(yaml, "an overlay of a table", {"extends", "codes", "note"});
        const config::Yaml* codes = yaml.Find("codes");
        if (codes == nullptr) return;
        for (const config::YamlEntry& code : codes->entries()) {
            const auto same = std::find_if(
                base.codes.begin(), base.codes.end(),
                [&](const config::YamlEntry* other) { return other->key == code.key; });
            if (same == base.codes.end()) {
                base.codes.push_back(&code);
            } else {
                *same = &code;
            }
        }
    }

    Library& library_;
    Problems& problems_;
    std::uint64_t hash_ = 14695981039346656037ull;
};

}  // namespace

std::string RuleId(const config::Yaml& rule) {
    for (const std::string_view key : {"id", "to", "extension"}) {
        if (const config::Yaml* value = rule.Find(key); value != nullptr) return value->text();
    }
    return {};
}

void Library::Read(const fs::path& folder, const std::vector<std::string>& overlays,
                   Problems& problems) {
    Reader reader(*this, problems);
    for (const Folder& kind : kFolders) reader.ReadFolder(folder, "", kind, false);
    for (const std::string& overlay : overlays) {
        const fs::path root = folder / "overlays" / overlay;
        if (!fs::is_directory(root)) {
            problems.Add({root.string(), 0, 0}, "no such overlay");
            continue;
        }
        const std::string prefix = "overlays/" + overlay + "/";
        for (const Folder& kind : kFolders) reader.ReadFolder(root, prefix, kind, true);
    }
    version = reader.Version();
}

}  // namespace carestream::mapping::internal
