#include "questionnaires/questionnaires.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "config/references.h"
#include "fhir/json.h"

namespace carestream::questionnaires {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kNamespace = "urn:carestream:questionnaire:";
constexpr std::string_view kType = "Questionnaire/";
constexpr std::string_view kNamePath = "QuestionnaireResponse.questionnaire";
constexpr std::string_view kJson = ".json";
constexpr std::string_view kRules = ".rules.yaml";
constexpr std::size_t kFilesMax = 512;
constexpr std::size_t kNameMax = 256;
constexpr std::size_t kFileBytesMax = 1u << 20;

void Complain(std::vector<Error>& errors, const std::string& file, std::string message) {
    errors.push_back(Error{Code::kInvalid, std::move(message), {}, Position{file, 0, 0}, 0, false});
}

std::vector<std::string> FilesOf(const fs::path& folder, std::vector<Error>& errors) {
    std::vector<std::string> names;
    std::error_code error;
    if (!fs::exists(folder, error)) return names;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        std::string name = entry.path().filename().string();
        if (name.front() != '.') names.push_back(std::move(name));
    }
    if (error) Complain(errors, folder.string(), "the folder of questionnaires cannot be read");
    if (names.size() > kFilesMax) {
        Complain(errors, folder.string(), "more than " + std::to_string(kFilesMax) + " files");
        names.clear();
    }
    std::sort(names.begin(), names.end());
    return names;
}

Result<fhir::Node> ReadJson(const fs::path& file) {
    CARESTREAM_ASSIGN(text, ReadFile(file));
    if (text.size() > kFileBytesMax) {
        return Fail(Code::kLimit, "more than " + std::to_string(kFileBytesMax) + " bytes");
    }
    auto node = fhir::ParseJson(text);
    if (node) return node;
    const auto before = std::string_view(text).substr(0, node.error().offset_bytes);
    node.error().position.line =
        1 + static_cast<int>(std::count(before.begin(), before.end(), '\n'));
    node.error().position.column = static_cast<int>(before.size() - (before.rfind('\n') + 1)) + 1;
    return node;
}

void ReadRulesFile(const fs::path& folder, const std::string& file, const std::string& display,
                   std::vector<Entry>& entries, std::vector<Error>& errors) {
    const std::string name = file.substr(0, file.size() - kRules.size());
    auto yaml = config::Yaml::ParseFile(folder / file, display + file);
    if (!yaml) {
        errors.push_back(std::move(yaml).error());
        return;
    }
    config::Read read = config::ReadSpec(RulesSpec(), *yaml, config::References::OfProcess(folder));
    const bool readable = read.errors.empty();
    std::move(read.errors.begin(), read.errors.end(), std::back_inserter(errors));
    if (!readable) return;
    const auto say = [&](std::string message) {
        errors.push_back(Error{Code::kInvalid,
                               std::move(message),
                               {},
                               read.values.PositionOf("questionnaire"),
                               0,
                               false});
    };
    if (read.values.String("questionnaire") != name) {
        return say("is to be '" + name + "', as the file is called");
    }
    const auto entry = std::find_if(entries.begin(), entries.end(), [&](const Entry& one) {
        return one.questionnaire.name == name;
    });
    if (entry == entries.end()) {
        std::vector<std::string_view> names;
        for (const Entry& one : entries) names.push_back(one.questionnaire.name);
        return say("there is no readable " + name + ".json" + DidYouMean(name, names));
    }
    entry->rules = ReadRules(entry->questionnaire, read.values, errors);
}

struct Canonical {
    std::string_view url;
    std::string_view version;  // "" = whichever is in force
};

// "url/_history/2|version#part": an older state or a part of one is still that questionnaire.
Canonical SplitCanonical(std::string_view text) {
    text = text.substr(0, text.find('#'));
    const std::size_t bar = std::min(text.find('|'), text.size());
    const std::string_view url = text.substr(0, bar);
    return {url.substr(0, url.find("/_history")), text.substr(std::min(bar + 1, text.size()))};
}

// No scheme stands before it.
bool IsRelative(std::string_view url) {
    const std::size_t mark = url.find_first_of(":/");
    return mark == std::string_view::npos || url[mark] == '/';
}

tl::unexpected<Error> NoSuch(std::string_view url, const std::vector<std::string>& known,
                             std::string_view more = {}) {
    const std::vector<std::string_view> names(known.begin(), known.end());
    // Longer ones are near to none, and dear to compare.
    return Fail(Code::kInvalid,
                "there is no such questionnaire" + DidYouMean(url.substr(0, kNameMax), names) +
                    std::string(more),
                std::string(kNamePath));
}

fhir::Node Part(std::string_view url, std::string_view value_name, fhir::Node value) {
    fhir::Node part = fhir::Node::Object();
    part.Set("url", fhir::Node::String(std::string(url)));
    part.Set(value_name, std::move(value));
    return part;
}

fhir::Node Text(std::string_view text) {
    return fhir::Node::String(std::string(text));
}

const fhir::Node* PartOf(const fhir::Node& extension, std::string_view url) {
    const fhir::Node* parts = extension.Find("extension");
    if (parts == nullptr) return nullptr;
    const auto found =
        std::find_if(parts->items().begin(), parts->items().end(),
                     [&](const fhir::Node& part) { return part.TextOf("url") == url; });
    return found == parts->items().end() ? nullptr : &*found;
}

std::string TextOfPart(const fhir::Node& extension, std::string_view url, std::string_view member) {
    const fhir::Node* part = PartOf(extension, url);
    return part == nullptr ? std::string() : std::string(part->TextOf(member));
}

}  // namespace

Questionnaires::Loaded Questionnaires::Load(const fs::path& folder, const std::string& display,
                                            const fhir::Definitions& definitions) {
    Loaded loaded;
    auto all = std::make_shared<Questionnaires>();
    const std::vector<std::string> files = FilesOf(folder, loaded.errors);
    std::map<std::string, std::string> urls;  // -> file
    for (const std::string& file : files) {
        if (!file.ends_with(kJson)) continue;
        auto json = ReadJson(folder / file);
        if (!json) {
            json.error().position.file = display + file;
            loaded.errors.push_back(std::move(json).error());
            continue;
        }
        const std::size_t mistakes = loaded.errors.size();
        Questionnaire questionnaire = ReadQuestionnaire(definitions, std::move(*json),
                                                        file.substr(0, file.size() - kJson.size()),
                                                        display + file, loaded.errors);
        if (loaded.errors.size() != mistakes) continue;
        const auto [first, added] = urls.emplace(questionnaire.url, file);
        if (!added) {
            Complain(loaded.errors, display + file, "its url is also that of " + first->second);
        }
        all->entries_.push_back({std::move(questionnaire), {}});
    }
    for (const std::string& file : files) {
        if (file.ends_with(kRules)) {
            ReadRulesFile(folder, file, display, all->entries_, loaded.errors);
        } else if (!file.ends_with(kJson)) {
            Complain(loaded.errors, display + file,
                     "is neither <name>.json nor <name>.rules.yaml, so it would not be read");
        }
    }
    if (loaded.errors.empty()) loaded.questionnaires = std::move(all);
    return loaded;
}

const Entry* Questionnaires::Named(std::string_view url) const {
    const auto first = [this](const auto& is_meant) -> const Entry* {
        const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
            return is_meant(entry.questionnaire);
        });
        return found == entries_.end() ? nullptr : &*found;
    };
    const Entry* entry = first([&](const Questionnaire& one) { return one.url == url; });
    if (entry != nullptr || !url.starts_with(kType)) return entry;
    entry = first([&](const Questionnaire& one) { return one.name == url.substr(kType.size()); });
    if (entry != nullptr) return entry;
    // The url of one of ours may begin with the server's own base, which `rest` cuts off.
    const std::string end = "/" + std::string(url);
    return first([&](const Questionnaire& one) { return one.url.ends_with(end); });
}

Result<const Entry*> Questionnaires::Find(std::string_view canonical) const {
    const auto [url, version] = SplitCanonical(canonical);
    if (const Entry* entry = Named(url)) {
        const Questionnaire& one = entry->questionnaire;
        if (version.empty() || version == one.version) return entry;
        return Fail(Code::kInvalid,
                    "this version of the questionnaire is not in force: read Questionnaire/" +
                        one.name + " again, which is " + one.version,
                    std::string(kNamePath));
    }
    std::vector<std::string> known;
    if (url.starts_with(kNamespace)) {
        for (const Entry& entry : entries_) known.push_back(entry.questionnaire.url);
        return NoSuch(url, known);
    }
    // None is named, or one that the response contains, or somebody else's.
    if (canonical.empty() || canonical.front() == '#' || !IsRelative(url)) return nullptr;
    for (const Entry& entry : entries_) {
        known.push_back(std::string(kType) + entry.questionnaire.name);
    }
    return NoSuch(
        url, known,
        "; GET Questionnaire lists those in force here, and one of somebody else is named "
        "by its absolute url");
}

void ClearRedFlags(fhir::Node& response) {
    fhir::Node* list = response.Find("extension");
    if (list == nullptr) return;
    std::erase_if(list->items(), [](const fhir::Node& extension) {
        return extension.TextOf("url") == kRedFlagExtension;
    });
    if (list->items().empty()) response.Remove("extension");
}

void SetRedFlags(const Questionnaire& questionnaire, const std::vector<const RedFlag*>& flags,
                 fhir::Node& response) {
    ClearRedFlags(response);
    for (const RedFlag* flag : flags) {
        fhir::Node coding = fhir::Node::Object();
        coding.Set("system", Text(std::string(kRedFlagExtension) + ":" + questionnaire.name));
        coding.Set("code", Text(flag->name));
        coding.Set("display", Text(flag->title));
        fhir::Node extension = fhir::Node::Object();
        fhir::Node& parts = extension.At("extension");
        parts.Append(Part("flag", "valueCoding", std::move(coding)));
        parts.Append(Part("severity", "valueCode", Text(ToString(flag->severity))));
        parts.Append(Part("text", "valueString", Text(flag->patient_text)));
        if (flag->escalate_after != 0) {
            parts.Append(
                Part("escalate-after-seconds", "valueInteger",
                     fhir::Node::Number(std::to_string(flag->escalate_after / 1'000'000))));
        }
        extension.Set("url", Text(kRedFlagExtension));
        response.At("extension").Append(std::move(extension));
    }
}

std::vector<RaisedFlag> RedFlagsOf(const fhir::Node& response) {
    std::vector<RaisedFlag> flags;
    const fhir::Node* list = response.Find("extension");
    if (list == nullptr) return flags;
    for (const fhir::Node& extension : list->items()) {
        if (extension.TextOf("url") != kRedFlagExtension) continue;
        const fhir::Node* part = PartOf(extension, "flag");
        const fhir::Node* coding = part == nullptr ? nullptr : part->Find("valueCoding");
        if (coding == nullptr) continue;
        RaisedFlag flag;
        const std::string_view system = coding->TextOf("system");
        flag.questionnaire = system.substr(std::min(system.size(), kRedFlagExtension.size() + 1));
        flag.name = coding->TextOf("code");
        flag.title = coding->TextOf("display");
        flag.severity = TextOfPart(extension, "severity", "valueCode");
        flag.text = TextOfPart(extension, "text", "valueString");
        if (const fhir::Node* after = PartOf(extension, "escalate-after-seconds")) {
            std::int64_t seconds = 0;
            const fhir::Node* value = after->Find("valueInteger");
            const std::string text = value == nullptr ? "" : value->text();
            std::from_chars(text.data(), text.data() + text.size(), seconds);
            flag.escalate_after = seconds * 1'000'000;
        }
        flags.push_back(std::move(flag));
    }
    return flags;
}

}  // namespace carestream::questionnaires
