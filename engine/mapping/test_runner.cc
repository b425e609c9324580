#include "mapping/test_runner.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "config/yaml.h"
#include "fhir/json.h"
#include "mapping/internal/problems.h"

namespace carestream::mapping {

namespace fs = std::filesystem;

namespace {

using internal::Problems;

// "name[2]" -> name and index; -1 without an index.
std::pair<std::string_view, int> SplitIndex(std::string_view part) {
    const std::size_t bracket = part.find('[');
    if (bracket == std::string_view::npos || !part.ends_with("]")) return {part, -1};
    int index = 0;
    const std::string_view digits = part.substr(bracket + 1, part.size() - bracket - 2);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), index);
    if (read.ec != std::errc() || read.ptr != digits.data() + digits.size()) return {part, -1};
    return {part.substr(0, bracket), index};
}

const fhir::Change* FindChange(const Mapped& mapped, std::string_view part) {
    const auto [type, index] = SplitIndex(part);
    int left = std::max(index, 0);
    for (const fhir::Change& change : mapped.changes.changes) {
        if (change.type == type && left-- == 0) return &change;
    }
    return nullptr;
}

// The node at "Type[n].member[n]..."; a list without index means its first item.
const fhir::Node* FindNode(const Mapped& mapped, std::string_view path) {
    const auto parts = Split(path, '.');
    const fhir::Change* change = FindChange(mapped, parts.front());
    const fhir::Node* node = change == nullptr ? nullptr : &change->resource;
    for (std::size_t i = 1; i < parts.size() && node != nullptr; ++i) {
        const auto [member, index] = SplitIndex(parts[i]);
        node = node->Find(member);
        if (node == nullptr || !node->IsArray()) continue;
        if (i + 1 == parts.size() && index < 0) break;
        const auto at = static_cast<std::size_t>(std::max(index, 0));
        node = at < node->items().size() ? &node->items()[at] : nullptr;
    }
    return node;
}

std::string TextOf(const fhir::Node& node) {
    return node.IsObject() || node.IsArray() ? fhir::ToJson(node) : node.text();
}

class Test {
public:
    Test(const Program& program, const config::Yaml& yaml, Problems& problems)
        : program_(program), yaml_(yaml), problems_(problems) {}

    void Run() {
        const std::size_t before = problems_.size();
        problems_.CheckKeys(
            yaml_, "a test",
            {"note", "channel", "message", "status", "expect", "cleared", "modes", "unmapped"});
        const auto text = problems_.Text(yaml_, "message");
        if (!text) problems_.Add(yaml_.position(), "a test needs `message`");
        const MapContext context = Context();
        if (problems_.size() != before) return;
        auto message = hl7::Message::Parse(*text);
        if (!message) {
            problems_.Add(yaml_.Find("message")->position(), message.error().ToString());
            return;
        }
        const Mapped mapped = program_.Map(*message, context);
        CheckStatus(mapped);
        CheckExpected(mapped);
        CheckCleared(mapped);
        CheckModes(mapped);
        CheckUnmapped(mapped);
    }

private:
    MapContext Context() {
        MapContext context;
        context.channel = "test";
        const config::Yaml* channel = yaml_.Find("channel");
        if (channel == nullptr) return context;
        problems_.CheckKeys(*channel, "channel",
                            {"tenant", "time_zone", "assigning_authority", "authority_for"});
        if (const auto text = problems_.Text(*channel, "tenant")) context.tenant = *text;
        if (const auto text = problems_.Text(*channel, "assigning_authority")) {
            context.assigning_authority = *text;
        }
        if (const auto text = problems_.Text(*channel, "time_zone")) {
            context.time_zone = *text;
            if (!IsTimeZone(*text)) {
                problems_.Add(channel->Find("time_zone")->position(), "unknown time zone");
            }
        }
        if (const config::Yaml* types = channel->Find("authority_for"); types != nullptr) {
            for (const auto& [type, at] : problems_.Texts(*types, "authority_for")) {
                context.authority_for.push_back(type);
            }
        }
        return context;
    }

    void CheckStatus(const Mapped& mapped) {
        const std::string wanted = problems_.Text(yaml_, "status").value_or("mapped");
        const char* const names[] = {"mapped", "no-map", "unusable"};
        const std::string found = names[static_cast<std::size_t>(mapped.status)];
        if (wanted == found) return;
        const config::Yaml* place = yaml_.Find("status");
        const std::string why =
            mapped.reason.empty() ? "" : ": " + mapped.path + ": " + mapped.reason;
        problems_.Add((place == nullptr ? yaml_ : *place).position(),
                      "expected status " + wanted + ", it is " + found + why);
    }

    void CheckExpected(const Mapped& mapped) {
        const config::Yaml* expected = yaml_.Find("expect");
        if (expected == nullptr) return;
        for (const config::YamlEntry& entry : expected->entries()) {
            const fhir::Node* node = FindNode(mapped, entry.key);
            if (!entry.value.IsScalar()) {
                problems_.Add(entry.value.position(), "an expected value is a text");
                continue;
            }
            std::string wanted = entry.value.text();
            if (wanted == "absent" && !entry.value.quoted()) {
                if (node == nullptr) continue;
                problems_.Add(entry.position, entry.key + ": expected absent, it is there");
                continue;
            }
            if (wanted.starts_with("@")) {
                const fhir::Change* change = FindChange(mapped, std::string_view(wanted).substr(1));
                if (change != nullptr) wanted = change->type + "/" + change->provisional_id;
            }
            const std::string found = node == nullptr ? "absent" : TextOf(*node);
            if (node != nullptr && (wanted == "present" || found == wanted)) continue;
            problems_.Add(entry.position,
                          entry.key + ": expected '" + wanted + "', found '" + found + "'");
        }
    }

    // cleared: {Patient: [birthDate]}
    void CheckCleared(const Mapped& mapped) {
        const config::Yaml* cleared = yaml_.Find("cleared");
        if (cleared == nullptr) return;
        for (const config::YamlEntry& entry : cleared->entries()) {
            const fhir::Change* change = FindChange(mapped, entry.key);
            std::vector<std::string> wanted;
            for (const auto& [text, at] : problems_.Texts(entry.value, "cleared")) {
                wanted.push_back(text);
            }
            if (change != nullptr && change->cleared == wanted) continue;
            std::string found;
            if (change != nullptr) {
                for (const std::string& element : change->cleared) found += " " + element;
            }
            problems_.Add(entry.position, entry.key + ": these are cleared:" + found);
        }
    }

    // modes: {Encounter: update}
    void CheckModes(const Mapped& mapped) {
        const config::Yaml* modes = yaml_.Find("modes");
        if (modes == nullptr) return;
        const char* const names[] = {"upsert", "find", "update", "delete"};
        for (const config::YamlEntry& entry : modes->entries()) {
            const fhir::Change* change = FindChange(mapped, entry.key);
            const std::string found =
                change == nullptr ? "absent" : names[static_cast<std::size_t>(change->mode)];
            if (found == entry.value.text()) continue;
            problems_.Add(entry.position, entry.key + ": the mode is " + found);
        }
    }

    void CheckUnmapped(const Mapped& mapped) {
        const config::Yaml* unmapped = yaml_.Find("unmapped");
        if (unmapped == nullptr) return;
        for (const Unmapped& leaf : mapped.report.unmapped) {
            const config::Yaml* wanted = unmapped->Find(leaf.path);
            if (wanted == nullptr) {
                problems_.Add(unmapped->position(), leaf.path + " is unmapped too: " + leaf.reason);
            } else if (wanted->text() != leaf.reason) {
                problems_.Add(wanted->position(),
                              leaf.path + ": the reason is '" + leaf.reason + "'");
            }
        }
        for (const config::YamlEntry& entry : unmapped->entries()) {
            const bool there =
                std::any_of(mapped.report.unmapped.begin(), mapped.report.unmapped.end(),
                            [&](const Unmapped& leaf) { return leaf.path == entry.key; });
            if (!there) problems_.Add(entry.position, entry.key + " is mapped, or not valued");
        }
    }

    const Program& program_;
    const config::Yaml& yaml_;
    Problems& problems_;
};

}  // namespace

TestReport RunTests(const Program& program, const fs::path& path) {
    std::vector<fs::path> files;
    if (fs::is_directory(path)) {
        for (const auto& entry : fs::recursive_directory_iterator(path)) {
            if (entry.path().extension() == ".yaml") files.push_back(entry.path());
        }
        std::sort(files.begin(), files.end());
    } else {
        files.push_back(path);
    }
    TestReport report;
    for (const fs::path& file : files) {
        Problems problems;
        const auto yaml = config::Yaml::ParseFile(file);
        if (!yaml) {
            problems.Add(yaml.error());
        } else {
            Test(program, *yaml, problems).Run();
        }
        std::vector<Error> failures = problems.Take();
        (failures.empty() ? report.passed : report.failed) += 1;
        std::move(failures.begin(), failures.end(), std::back_inserter(report.failures));
    }
    return report;
}

}  // namespace carestream::mapping
