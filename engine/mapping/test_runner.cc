#include "mapping/test_runner.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "config/yaml.h"
#include "fhir/json.h"
#include "mapping/internal/problems.h"
#include "mapping/internal/render_test.h"

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

// On one line, whatever stands in it.
std::string Quoted(std::string_view text) {
    std::string quoted = "'";
    for (const char c : text) quoted += c == '\n' ? std::string("\\n") : std::string(1, c);
    return quoted + "'";
}

std::string Joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
    return text.empty() ? "nothing" : text;
}

std::string Described(const Mapped& mapped) {
    const char* const names[] = {"mapped", "no-map", "unusable"};
    std::string text = names[static_cast<std::size_t>(mapped.status)];
    if (!mapped.path.empty()) text += ", " + mapped.path;
    if (!mapped.reason.empty()) text += ", " + mapped.reason;
    return text;
}

class Test {
public:
    Test(const TestSubject& subject, const config::Yaml& yaml) : subject_(subject), yaml_(yaml) {}

    TestCase Run() {
        TestCase done{yaml_.position(), {}, {}};
        const auto message = Read(done);
        if (message) Check(subject_.map(*message, sender_));
        for (Error& error : problems_.Take()) failures_.push_back({std::move(error), {}, {}});
        std::stable_sort(failures_.begin(), failures_.end(),
                         [](const TestFailure& a, const TestFailure& b) {
                             return std::pair(a.error.position.line, a.error.position.column) <
                                    std::pair(b.error.position.line, b.error.position.column);
                         });
        done.failures = std::move(failures_);
        return done;
    }

private:
    // The message; nullopt after mistakes of the test.
    std::optional<hl7::Message> Read(TestCase& done) {
        problems_.CheckKeys(yaml_, "a test",
                            {"note", "channel", "message", "status", "expect", "cleared", "assumed",
                             "modes", "unmapped"});
        done.note = problems_.Text(yaml_, "note").value_or("");
        const auto text = problems_.Text(yaml_, "message");
        if (!text) problems_.Add(yaml_.position(), "a test needs `message`");
        for (const char* key : {"expect", "cleared", "assumed", "modes", "unmapped"}) CheckMap(key);
        ReadSender();
        if (problems_.size() != 0) return std::nullopt;
        auto message = hl7::Message::Parse(*text);
        if (message) return std::move(*message);
        problems_.Add(yaml_.Find("message")->position(), message.error().ToString());
        return std::nullopt;
    }

    void CheckMap(const char* key) {
        const config::Yaml* value = yaml_.Find(key);
        if (value == nullptr || value->IsMap() || value->IsNull()) return;
        problems_.Add(value->position(), std::string("'") + key + "' must be a map");
    }

    void ReadSender() {
        sender_.channel = "test";
        const config::Yaml* channel = yaml_.Find("channel");
        if (subject_.sender) {
            sender_ = *subject_.sender;
            if (channel != nullptr) {
                problems_.Add(channel->position(),
                              "'channel' says nothing here: the channel beside this file is taken");
            }
            return;
        }
        if (channel == nullptr) return;
        problems_.CheckKeys(*channel, "channel",
                            {"tenant", "time_zone", "dst", "assigning_authority", "authority_for",
                             "profiles"});
        if (const auto text = problems_.Text(*channel, "tenant")) sender_.tenant = *text;
        if (const auto text = problems_.Text(*channel, "assigning_authority")) {
            sender_.assigning_authority = *text;
        }
        if (const auto text = problems_.Text(*channel, "time_zone")) {
            sender_.time_zone = *text;
            if (!IsTimeZone(*text)) {
                problems_.Add(channel->Find("time_zone")->position(), "unknown time zone");
            }
        }
        if (const auto text = problems_.Text(*channel, "dst")) {
            sender_.dst = *text == "later"    ? Dst::kLater
                          : *text == "reject" ? Dst::kReject
                                              : Dst::kEarlier;
            if (sender_.dst == Dst::kEarlier && *text != "earlier") {
                problems_.Add(channel->Find("dst")->position(),
                              "'dst' can be: earlier, later, reject");
            }
        }
        if (const config::Yaml* types = channel->Find("authority_for"); types != nullptr) {
            for (const auto& [type, at] : problems_.Texts(*types, "authority_for")) {
                sender_.authority_for.push_back(type);
            }
        }
        if (const config::Yaml* names = channel->Find("profiles"); names != nullptr) {
            for (const auto& [name, at] : problems_.Texts(*names, "profiles"))
                AddGuide(name, at->position());
        }
    }

    void AddGuide(const std::string& name, const Position& at) {
        if (subject_.guides == nullptr) return problems_.Add(at, "no profiles are at hand here");
        auto profiles = subject_.guides->Get(name);
        if (!profiles) return problems_.Add(at, profiles.error().message);
        sender_.profiles.push_back(std::move(*profiles));
    }

    void Check(const Mapped& mapped) {
        CheckStatus(mapped);
        CheckExpected(mapped);
        CheckElements(mapped, "cleared", ClearedBy);
        CheckElements(mapped, "assumed", AssumedBy);
        CheckModes(mapped);
        CheckUnmapped(mapped);
    }

    void Differ(const Position& position, std::string path, std::string expected, std::string got) {
        std::string words = "expected " + Quoted(expected) + ", got " + Quoted(got);
        failures_.push_back({{Code::kInvalid, std::move(words), std::move(path), position},
                             std::move(expected),
                             std::move(got)});
    }

    void CheckStatus(const Mapped& mapped) {
        const std::string wanted = problems_.Text(yaml_, "status").value_or("mapped");
        const std::string found = Described(mapped);
        if (found.substr(0, found.find(',')) == wanted) return;
        const config::Yaml* place = yaml_.Find("status");
        Differ((place == nullptr ? yaml_ : *place).position(), "status", wanted, found);
    }

    void CheckExpected(const Mapped& mapped) {
        const config::Yaml* expected = yaml_.Find("expect");
        if (expected == nullptr) return;
        for (const config::YamlEntry& entry : expected->entries()) {
            if (!entry.value.IsScalar()) {
                problems_.Add(entry.value.position(), "an expected value is a text");
                continue;
            }
            const fhir::Node* node = FindNode(mapped, entry.key);
            const std::string wanted = Wanted(mapped, entry.value.text());
            const std::string found = node == nullptr ? "absent" : TextOf(*node);
            const bool absent = wanted == "absent" && !entry.value.quoted();
            const bool good =
                node == nullptr ? absent : !absent && (wanted == "present" || found == wanted);
            if (!good) Differ(entry.position, entry.key, wanted, found);
        }
    }

    // "@Patient" stands for the reference to the first Patient of the message.
    static std::string Wanted(const Mapped& mapped, const std::string& text) {
        if (!text.starts_with("@")) return text;
        const fhir::Change* change = FindChange(mapped, std::string_view(text).substr(1));
        return change == nullptr ? text : change->type + "/" + change->provisional_id;
    }

    // What the message removes: "birthDate", and of lists "telecom of PID-13".
    static std::vector<std::string> ClearedBy(const fhir::Change& change) {
        std::vector<std::string> cleared = change.cleared;
        for (const fhir::ListChange& list : change.lists) {
            for (const std::string& part : list.nulled) {
                cleared.push_back(list.element + " of " + part);
            }
        }
        return cleared;
    }

    static std::vector<std::string> AssumedBy(const fhir::Change& change) { return change.assumed; }

    // cleared: {Patient: [birthDate]}, and `assumed` likewise
    void CheckElements(const Mapped& mapped, const std::string& key,
                       std::vector<std::string> (*elements)(const fhir::Change&)) {
        const config::Yaml* yaml = yaml_.Find(key);
        if (yaml == nullptr) return;
        for (const config::YamlEntry& entry : yaml->entries()) {
            const fhir::Change* change = FindChange(mapped, entry.key);
            std::vector<std::string> wanted;
            for (const auto& [text, at] : problems_.Texts(entry.value, key)) {
                wanted.push_back(text);
            }
            if (change != nullptr && elements(*change) == wanted) continue;
            Differ(entry.position, entry.key + " " + key, Joined(wanted),
                   change == nullptr ? "no such resource" : Joined(elements(*change)));
        }
    }

    // modes: {Encounter: update}
    void CheckModes(const Mapped& mapped) {
        const config::Yaml* modes = yaml_.Find("modes");
        if (modes == nullptr) return;
        for (const config::YamlEntry& entry : modes->entries()) {
            const fhir::Change* change = FindChange(mapped, entry.key);
            const std::string found =
                change == nullptr ? "absent" : std::string(ModeName(change->mode));
            if (found == entry.value.text()) continue;
            Differ(entry.position, entry.key + " mode", entry.value.text(), found);
        }
    }

    void CheckUnmapped(const Mapped& mapped) {
        const config::Yaml* unmapped = yaml_.Find("unmapped");
        if (unmapped == nullptr) return;
        for (const Unmapped& leaf : mapped.report.unmapped) {
            const config::Yaml* wanted = unmapped->Find(leaf.path);
            if (wanted == nullptr) {
                Differ(unmapped->position(), leaf.path, "mapped", "unmapped: " + leaf.reason);
            } else if (wanted->text() != leaf.reason) {
                Differ(wanted->position(), leaf.path, "unmapped: " + wanted->text(),
                       "unmapped: " + leaf.reason);
            }
        }
        for (const config::YamlEntry& entry : unmapped->entries()) {
            const bool there =
                std::any_of(mapped.report.unmapped.begin(), mapped.report.unmapped.end(),
                            [&](const Unmapped& leaf) { return leaf.path == entry.key; });
            if (there) continue;
            Differ(entry.position, entry.key, "unmapped: " + entry.value.text(),
                   "mapped, or not valued");
        }
    }

    const TestSubject& subject_;
    const config::Yaml& yaml_;
    MapContext sender_;
    Problems problems_;
    std::vector<TestFailure> failures_;
};

}  // namespace

std::vector<TestCase> RunTests(const TestSubject& subject, const fs::path& file) {
    const auto yaml = config::Yaml::ParseFile(file);
    if (!yaml) {
        Position place = yaml.error().position;
        if (place.file.empty()) place.file = file.string();
        return {TestCase{std::move(place), {}, {{yaml.error(), {}, {}}}}};
    }
    const auto run = [&](const config::Yaml& test) {
        return test.Find("render") == nullptr ? Test(subject, test).Run()
                                              : internal::RunRenderTest(subject, test);
    };
    if (!yaml->IsSequence()) return {run(*yaml)};
    std::vector<TestCase> cases;
    for (const config::Yaml& item : yaml->items()) cases.push_back(run(item));
    return cases;
}

std::vector<TestCase> RunTests(const Program& program, const fs::path& folder,
                               fhir::Guides* guides) {
    const TestSubject subject{[&program](const hl7::Message& message, const MapContext& context) {
                                  return program.Map(message, context);
                              },
                              [&program](const RenderRequest& request, const Destination& to) {
                                  return program.Render(request, to);
                              },
                              std::nullopt, guides};
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        if (entry.path().extension() == ".yaml") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    std::vector<TestCase> all;
    for (const fs::path& file : files) {
        std::vector<TestCase> cases = RunTests(subject, file);
        std::move(cases.begin(), cases.end(), std::back_inserter(all));
    }
    return all;
}

}  // namespace carestream::mapping
