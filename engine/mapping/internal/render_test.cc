#include "mapping/internal/render_test.h"

#include <charconv>
#include <optional>
#include <utility>

#include "fhir/json.h"
#include "hl7/path.h"
#include "mapping/internal/problems.h"

namespace carestream::mapping::internal {

namespace {

constexpr Micros kNow = 1'767'323'045'000'000;  // 2026-01-02T03:04:05Z

class RenderTest {
public:
    RenderTest(const TestSubject& subject, const config::Yaml& yaml)
        : subject_(subject), yaml_(yaml) {}

    TestCase Run() {
        done_.position = yaml_.position();
        problems_.CheckKeys(
            yaml_, "a test of a message that is made",
            {"render", "note", "destination", "resources", "expect", "message", "notes", "fails"});
        done_.note = problems_.Text(yaml_, "note").value_or("");
        if (!subject_.render) {
            problems_.Add(yaml_.position(), "'render' has no place in the tests of a channel");
        }
        ReadDestination();
        const auto resources = ReadResources();
        if (problems_.size() == 0) Check(*resources);
        for (Error& error : problems_.Take()) done_.failures.push_back({std::move(error), {}, {}});
        return std::move(done_);
    }

private:
    void ReadDestination() {
        destination_.receiving_application = "EHR";
        const config::Yaml* yaml = yaml_.Find("destination");
        if (yaml == nullptr) return;
        for (const config::YamlEntry& entry : yaml->entries()) {
            if (entry.key == "lengths") {
                ReadLengths(entry.value);
                continue;
            }
            const auto set = SetMember(destination_, entry.key, entry.value.text());
            if (!set) problems_.Add(entry.position, set.error().message);
        }
        const auto good = CheckDestination(destination_);
        if (!good) problems_.Add(yaml->position(), good.error().message);
    }

    void ReadLengths(const config::Yaml& yaml) {
        for (const config::YamlEntry& entry : yaml.entries()) {
            LeafLength length{entry.key, 0};
            const std::string& text = entry.value.text();
            const auto read =
                std::from_chars(text.data(), text.data() + text.size(), length.characters_max);
            if (text.empty() || read.ptr != text.data() + text.size()) {
                problems_.Add(entry.value.position(), "a length is a number of characters");
            }
            destination_.lengths.push_back(std::move(length));
        }
    }

    std::optional<fhir::Node> ReadResources() {
        const auto text = problems_.Text(yaml_, "resources");
        if (!text) {
            problems_.Add(yaml_.position(),
                          "a test needs `resources`: a resource, a Bundle, or an "
                          "array of resources; the first is rendered");
            return std::nullopt;
        }
        auto node = fhir::ParseJson(*text);
        if (!node) {
            problems_.Add(yaml_.Find("resources")->position(), node.error().ToString());
            return std::nullopt;
        }
        if (ResourceSet(*node).all().empty()) {
            problems_.Add(yaml_.Find("resources")->position(), "no resource in it");
        }
        return std::move(*node);
    }

    void Check(const fhir::Node& resources) {
        const ResourceSet set(resources);
        const std::string event = yaml_.Find("render")->text();
        RenderRequest request;
        request.event = event;
        request.focus = set.all().front();
        request.resolve = [&](std::string_view reference) { return set.Find(reference); };
        request.control_id = "TEST";
        request.now = kNow;
        const auto rendered = subject_.render(request, destination_);
        const config::Yaml* fails = yaml_.Find("fails");
        const std::string error = rendered ? "" : rendered.error().ToString();
        if ((fails == nullptr ? "" : fails->text()) != error) {
            Differ((fails == nullptr ? yaml_ : *fails).position(), "fails",
                   fails == nullptr ? "a message" : fails->text(), rendered ? "a message" : error);
        }
        if (rendered) CheckMessage(*rendered);
    }

    void CheckMessage(const Rendered& rendered) {
        auto message = hl7::Message::Parse(rendered.bytes);
        if (!message) {
            Differ(yaml_.position(), "render", "a message", message.error().ToString());
            return;
        }
        if (const config::Yaml* whole = yaml_.Find("message"); whole != nullptr) {
            std::string text = rendered.bytes;
            for (char& c : text) c = c == '\r' ? '\n' : c;
            if (text != whole->text()) Differ(whole->position(), "message", whole->text(), text);
        }
        if (const config::Yaml* expect = yaml_.Find("expect"); expect != nullptr) {
            for (const config::YamlEntry& entry : expect->entries()) CheckPath(*message, entry);
        }
        CheckNotes(rendered);
    }

    void CheckPath(const hl7::Message& message, const config::YamlEntry& entry) {
        const auto path = hl7::ParsePath(entry.key);
        if (!path) {
            problems_.Add(entry.position, path.error().message);
            return;
        }
        const auto pieces = hl7::Resolve(message, *path);
        std::string found = pieces.empty() ? "absent" : "";
        for (const std::string_view piece : pieces) {
            found += (found.empty() ? "" : "~") + message.Decode(piece);
        }
        const std::string& wanted = entry.value.text();
        if (found == wanted || (wanted == "present" && !pieces.empty())) return;
        Differ(entry.position, entry.key, wanted, found);
    }

    // The whole list, unless the key is left out.
    void CheckNotes(const Rendered& rendered) {
        const config::Yaml* notes = yaml_.Find("notes");
        if (notes == nullptr) return;
        for (const RenderNote& note : rendered.notes) {
            const config::Yaml* wanted = notes->Find(note.path);
            if (wanted != nullptr && wanted->text() == note.message) continue;
            Differ(notes->position(), note.path, wanted == nullptr ? "no note" : wanted->text(),
                   note.message);
        }
        for (const config::YamlEntry& entry : notes->entries()) {
            bool there = false;
            for (const RenderNote& note : rendered.notes) there = there || note.path == entry.key;
            if (!there) Differ(entry.position, entry.key, entry.value.text(), "no note");
        }
    }

    void Differ(const Position& position, std::string path, std::string expected, std::string got) {
        std::string words = "expected '" + expected + "', got '" + got + "'";
        done_.failures.push_back({{Code::kInvalid, std::move(words), std::move(path), position},
                                  std::move(expected),
                                  std::move(got)});
    }

    const TestSubject& subject_;
    const config::Yaml& yaml_;
    Destination destination_;
    Problems problems_;
    TestCase done_;
};

}  // namespace

TestCase RunRenderTest(const TestSubject& subject, const config::Yaml& yaml) {
    return RenderTest(subject, yaml).Run();
}

}  // namespace carestream::mapping::internal
