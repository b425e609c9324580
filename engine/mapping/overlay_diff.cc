#include "mapping/overlay_diff.h"

#include <algorithm>
#include <utility>

#include "mapping/internal/library.h"
#include "mapping/internal/problems.h"

namespace carestream::mapping {

namespace {

using config::Yaml;
using internal::Document;
using internal::Library;

std::string Scalar(const std::string& text, bool quoted) {
    const bool plain = !quoted && text.find_first_of(",:#[]{}\n") == std::string::npos;
    if (plain) return text;
    std::string out = "\"";
    for (const char c : text) {
        if (c == '\n') {
            out += "\\n";
            continue;
        }
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

// `rules` keys of overlays that say where a rule goes are no part of it.
bool IsAnchor(const std::string& key) {
    return key == "replace" || key == "before" || key == "after";
}

std::string Flow(const Yaml& yaml) {
    std::string out;
    switch (yaml.kind()) {
        case Yaml::Kind::kNull:
            return "~";
        case Yaml::Kind::kScalar:
            return Scalar(yaml.text(), yaml.quoted());
        case Yaml::Kind::kSequence:
            for (const Yaml& item : yaml.items()) out += (out.empty() ? "" : ", ") + Flow(item);
            return "[" + out + "]";
        case Yaml::Kind::kMap:
            for (const config::YamlEntry& entry : yaml.entries()) {
                if (IsAnchor(entry.key)) continue;
                out +=
                    (out.empty() ? "" : ", ") + Scalar(entry.key, false) + ": " + Flow(entry.value);
            }
            return "{" + out + "}";
    }
    return out;
}

std::vector<EffectiveLine> RuleLines(const Document& document) {
    std::vector<EffectiveLine> lines;
    for (const Yaml* rule : document.rules) lines.push_back({' ', Flow(*rule), rule->position()});
    return lines;
}

// The longest common run of lines stays; what is left is gone or new.
std::vector<EffectiveLine> Merge(const std::vector<EffectiveLine>& before,
                                 const std::vector<EffectiveLine>& after) {
    const std::size_t rows = before.size(), columns = after.size();
    std::vector<std::vector<std::size_t>> common(rows + 1, std::vector<std::size_t>(columns + 1));
    for (std::size_t i = rows; i-- > 0;) {
        for (std::size_t k = columns; k-- > 0;) {
            common[i][k] = before[i].text == after[k].text
                               ? common[i + 1][k + 1] + 1
                               : std::max(common[i + 1][k], common[i][k + 1]);
        }
    }
    std::vector<EffectiveLine> lines;
    const auto add = [&](const EffectiveLine& line, char sign) {
        lines.push_back({sign, line.text, line.position});
    };
    std::size_t i = 0, k = 0;
    while (i < rows || k < columns) {
        if (i < rows && k < columns && before[i].text == after[k].text) {
            add(after[k], ' ');
            ++i;
            ++k;
        } else if (i < rows && (k == columns || common[i + 1][k] >= common[i][k + 1])) {
            add(before[i++], '-');
        } else {
            add(after[k++], '+');
        }
    }
    return lines;
}

void CodeLines(const Document& before, const Document& after, EffectiveDocument& out) {
    for (const config::YamlEntry* code : after.codes) {
        const auto same =
            std::find_if(before.codes.begin(), before.codes.end(),
                         [&](const config::YamlEntry* other) { return other->key == code->key; });
        const std::string text = code->key + ": " + Flow(code->value);
        if (same != before.codes.end()) {
            const std::string old = (*same)->key + ": " + Flow((*same)->value);
            if (old == text) {
                ++out.unchanged;
                continue;
            }
            out.lines.push_back({'-', old, (*same)->position});
        }
        out.lines.push_back({'+', text, code->position});
    }
}

// What overlays do to the tree of a message, in their order. What is replaced or removed is named
// by its place, as the overlay names it.
std::vector<EffectiveLine> TreeLines(const Document& document) {
    std::vector<EffectiveLine> lines;
    for (const Yaml* events : document.events) {
        lines.push_back({'+', "events: " + Flow(*events), events->position()});
    }
    for (const internal::TreeChange& change : document.tree_changes) {
        using Verb = internal::TreeChange::Verb;
        const std::string& place = change.anchor->text();
        if (change.verb == Verb::kRemove || change.verb == Verb::kReplace) {
            lines.push_back({'-', place, change.anchor->position()});
        }
        if (change.verb == Verb::kRemove) continue;
        const char* verb = change.verb == Verb::kAfter    ? "after "
                           : change.verb == Verb::kBefore ? "before "
                                                          : "for ";
        lines.push_back(
            {'+', verb + place + ": {" + change.node->key + ": " + Flow(change.node->value) + "}",
             change.node->value.position()});
    }
    return lines;
}

bool HasChanges(const EffectiveDocument& document) {
    return std::any_of(document.lines.begin(), document.lines.end(),
                       [](const EffectiveLine& line) { return line.sign != ' '; });
}

void CompareLists(const char* folder, bool segment, const std::vector<Document>& before,
                  const std::vector<Document>& after, std::vector<EffectiveDocument>& out) {
    const std::size_t first = out.size();
    for (const Document& document : after) {
        if (document.segment != segment) continue;
        EffectiveDocument effective{folder, document.name, {}, 0};
        const auto base = std::find_if(before.begin(), before.end(), [&](const Document& other) {
            return other.name == document.name && other.segment == segment;
        });
        const Position& at = document.name_at->position();
        if (base == before.end()) {
            effective.lines.push_back({'+', "(new)", at});
        } else if (base->name_at->position().file != at.file) {
            effective.lines.push_back({'-', "(replaced)", base->name_at->position()});
            effective.lines.push_back({'+', "(whole)", at});
        } else if (!document.codes.empty()) {
            CodeLines(*base, document, effective);
        } else {
            effective.lines = Merge(RuleLines(*base), RuleLines(document));
            const auto tree = TreeLines(document);
            effective.lines.insert(effective.lines.end(), tree.begin(), tree.end());
        }
        if (HasChanges(effective)) out.push_back(std::move(effective));
    }
    std::sort(out.begin() + static_cast<std::ptrdiff_t>(first), out.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
}

}  // namespace

OverlayDiff DiffOverlays(const std::filesystem::path& mappings,
                         const std::vector<std::string>& overlays) {
    OverlayDiff diff;
    internal::Problems problems;
    Library base, laid;
    base.Read(mappings, {}, problems);
    if (problems.size() == 0) laid.Read(mappings, overlays, problems);
    diff.errors = problems.Take();
    if (!diff.errors.empty()) return diff;
    CompareLists("datatypes", false, base.maps, laid.maps, diff.documents);
    CompareLists("groups", false, base.groups, laid.groups, diff.documents);
    CompareLists("identity", false, base.identities, laid.identities, diff.documents);
    CompareLists("messages", false, base.messages, laid.messages, diff.documents);
    CompareLists("outbound/datatypes", false, base.outbound_maps, laid.outbound_maps,
                 diff.documents);
    CompareLists("outbound/messages", false, base.outbound_messages, laid.outbound_messages,
                 diff.documents);
    CompareLists("outbound/segments", true, base.outbound_maps, laid.outbound_maps, diff.documents);
    CompareLists("segments", true, base.maps, laid.maps, diff.documents);
    CompareLists("tables", false, base.tables, laid.tables, diff.documents);
    return diff;
}

}  // namespace carestream::mapping
