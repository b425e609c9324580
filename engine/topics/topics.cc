#include "topics/topics.h"

#include <algorithm>

#include "base/text.h"
#include "config/each_file.h"

namespace carestream::topics {

namespace {

namespace fs = std::filesystem;
using config::Type;

constexpr std::string_view kUrlPrefix = "urn:carestream:topic:";
constexpr std::size_t kTopicsMax = 512;

void Complain(std::vector<Error>& errors, const Position& position, std::string message) {
    errors.push_back(Error{Code::kInvalid, std::move(message), {}, position, 0, false});
}

// An entry of `changed` that is the URL of an extension and no element.
bool IsExtension(std::string_view changed) {
    return changed.find(':') != std::string_view::npos;
}

bool IsName(std::string_view name) {
    return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || IsDigit(c) || c == '-';
    });
}

// One file's topic. The position of a mistake is that of the value that holds it.
class Reader {
public:
    Reader(const config::Values& values, const fhir::Definitions& definitions,
           std::vector<Error>& errors)
        : values_(values), definitions_(definitions), errors_(errors) {}

    Topic Read() {
        topic_.name = values_.String("topic");
        topic_.url = values_.String("url");
        if (topic_.url.empty()) topic_.url = std::string(kUrlPrefix) + topic_.name;
        topic_.title = values_.String("title");
        topic_.resource = values_.String("resource");
        if (!topic_.name.empty() && !IsName(topic_.name)) {
            Say("topic", "'topic': small letters, digits and '-' only, at most 64");
        }
        for (const std::string& on : values_.Strings("on")) {
            topic_.on_create = topic_.on_create || on == "create";
            topic_.on_update = topic_.on_update || on == "update";
            topic_.on_delete = topic_.on_delete || on == "delete";
        }
        if (values_.Has("on") && values_.Strings("on").empty()) Say("on", "'on' names nothing");
        if (!topic_.resource.empty() && definitions_.ResourceTypeNumber(topic_.resource) == 0) {
            const auto types = definitions_.ResourceTypes();
            Say("resource", "'" + topic_.resource + "' is no FHIR resource type" +
                                DidYouMean(topic_.resource, types));
        } else if (!topic_.resource.empty()) {
            ReadWhere();
            ReadChanged();
            ReadFilters();
        }
        return std::move(topic_);
    }

private:
    void Say(std::string_view key, std::string message) {
        Complain(errors_, values_.PositionOf(key), std::move(message));
    }
    void SayOf(std::string_view key, std::size_t item, std::string message) {
        Complain(errors_, values_.ItemPosition(key, item), std::move(message));
    }

    void ReadWhere() {
        const auto& where = values_.Strings("where");
        for (std::size_t i = 0; i < where.size(); ++i) {
            auto criteria = ParseCriteria(definitions_, topic_.resource, SplitPlain(where[i]));
            if (criteria) {
                topic_.where.push_back(std::move(*criteria));
            } else {
                SayOf("where", i, criteria.error().path + ": " + criteria.error().message);
            }
        }
    }

    void ReadChanged() {
        const auto& changed = values_.Strings("changed");
        const fhir::TypeDefinition* type = definitions_.FindType(topic_.resource);
        for (std::size_t i = 0; i < changed.size(); ++i) {
            if (IsExtension(changed[i])) {
                topic_.changed.push_back(changed[i]);
                continue;
            }
            std::vector<std::string_view> names;
            for (const fhir::ElementDefinition& element : type->elements) {
                names.push_back(element.name);
            }
            if (std::find(names.begin(), names.end(), changed[i]) == names.end()) {
                SayOf("changed", i,
                      "'" + changed[i] + "' is no element of " + topic_.resource +
                          DidYouMean(changed[i], names));
            }
            topic_.changed.push_back(changed[i]);
        }
        if (!changed.empty() && !topic_.on_update) {
            Say("changed", "'changed' is about updates, and 'on' does not name them");
        }
    }

    void ReadFilters() {
        const auto& filters = values_.Strings("filters");
        for (std::size_t i = 0; i < filters.size(); ++i) {
            const std::string& filter = filters[i];
            if (definitions_.FindSearchParameter(topic_.resource, filter) == nullptr) {
                std::vector<std::string_view> names;
                for (const auto* known : definitions_.SearchParameters(topic_.resource)) {
                    names.push_back(known->code);
                }
                SayOf("filters", i,
                      "'" + filter + "' is no search parameter of " + topic_.resource +
                          DidYouMean(filter, names));
            }
            topic_.filters.push_back(filter);
        }
    }

    const config::Values& values_;
    const fhir::Definitions& definitions_;
    std::vector<Error>& errors_;
    Topic topic_;
};

// The members of one element: for a choice any of its types, of meta the security labels.
std::vector<const fhir::Node*> ValuesOf(const fhir::Definitions& definitions,
                                        const fhir::TypeDefinition& type, const fhir::Node& node,
                                        std::string_view element) {
    std::vector<const fhir::Node*> values;
    if (element == "meta") {
        // Version and time always differ; who may see it is news.
        const fhir::Node* meta = node.Find("meta");
        const fhir::Node* labels = meta == nullptr ? nullptr : meta->Find("security");
        return labels == nullptr ? values : std::vector<const fhir::Node*>{labels};
    }
    if (IsExtension(element)) {
        const fhir::Node* extensions = node.Find("extension");
        if (extensions == nullptr) return values;
        for (const fhir::Node& extension : extensions->items()) {
            if (extension.TextOf("url") == element) values.push_back(&extension);
        }
        return values;
    }
    for (const fhir::Member& member : node.members()) {
        const fhir::ResolvedElement resolved = definitions.Resolve(type, member.name);
        if (resolved.element != nullptr && resolved.element->name == element) {
            values.push_back(&member.value);
        }
    }
    return values;
}

bool Differs(const std::vector<const fhir::Node*>& a, const std::vector<const fhir::Node*>& b) {
    return !std::equal(a.begin(), a.end(), b.begin(), b.end(),
                       [](const fhir::Node* x, const fhir::Node* y) { return *x == *y; });
}

}  // namespace

config::Spec TopicSpec() {
    return {
        .name = "topic",
        .title = "A topic (`mappings/topics/<name>.yaml`)",
        .description =
            "Which changes of resources are news: for subscriptions and outbound "
            "channels.",
        .fields = {
            {.key = "topic",
             .description = "Its name: small letters, digits, `-`.",
             .required = true,
             .example = "result"},
            {.key = "url",
             .description = "The canonical URL by which subscriptions name it; empty = "
                            "`urn:carestream:topic:` and the name."},
            {.key = "title",
             .description = "What it is about, for people.",
             .required = true,
             .example = "A result is new or was corrected"},
            {.key = "resource",
             .description = "The resource type.",
             .required = true,
             .example = "DiagnosticReport"},
            {.key = "on",
             .type = Type::kChoice,
             .description = "Which interactions may be news.",
             .list = true,
             .default_text = "[create, update]",
             .choices = {"create", "update", "delete"}},
            {.key = "where",
             .description = "Searches of the type, of which the resource has to meet one; values "
                            "are not encoded.",
             .list = true,
             .default_text = "[]",
             .example = "status=final,amended,corrected"},
            {.key = "changed",
             .description = "Elements of the type, `meta` meaning its security labels, or URLs of "
                            "extensions. An update that "
                            "changes none of them is no news, unless the resource did not meet "
                            "`where` before.",
             .list = true,
             .default_text = "[]",
             .example = "status, start"},
            {.key = "filters",
             .description = "Search parameters by which a subscription may filter.",
             .list = true,
             .default_text = "[]",
             .example = "patient, category"},
        }};
}

Topics::Loaded Topics::Load(const fs::path& folder, const std::string& display,
                            std::shared_ptr<const fhir::Definitions> definitions) {
    Loaded loaded;
    auto topics = std::make_shared<Topics>();
    config::UniqueNames names;
    config::ReadEach(YamlFilesOf(folder, kTopicsMax, loaded.errors), display, TopicSpec(),
                     loaded.errors, [&](const config::Values& values, const std::string& file) {
                         Topic topic = Reader(values, *definitions, loaded.errors).Read();
                         names.Add(topic.name, file, values.PositionOf("topic"), loaded.errors);
                         names.Add(topic.url, file, values.PositionOf("url"), loaded.errors);
                         topics->topics_.push_back(std::move(topic));
                     });
    std::sort(topics->topics_.begin(), topics->topics_.end(),
              [](const Topic& a, const Topic& b) { return a.name < b.name; });
    topics->definitions_ = std::move(definitions);
    if (loaded.errors.empty()) loaded.topics = std::move(topics);
    return loaded;
}

const Topic* Topics::Find(std::string_view url_or_name) const {
    for (const Topic& topic : topics_) {
        if (topic.url == url_or_name || topic.name == url_or_name) return &topic;
    }
    return nullptr;
}

std::vector<const Topic*> Topics::Fired(const ResourceChange& change) const {
    std::vector<const Topic*> fired;
    for (const Topic& topic : topics_) {
        if (Fires(topic, change)) fired.push_back(&topic);
    }
    return fired;
}

bool Topics::Fires(const Topic& topic, const ResourceChange& change) const {
    if (topic.resource != change.type) return false;
    const bool wanted = (change.change == Change::kCreated && topic.on_create) ||
                        (change.change == Change::kUpdated && topic.on_update) ||
                        (change.change == Change::kDeleted && topic.on_delete);
    const fhir::Node* now = change.change == Change::kDeleted ? change.before : change.current;
    if (!wanted || now == nullptr) return false;
    const auto meets = [&](const fhir::Node& resource) {
        return topic.where.empty() ||
               std::any_of(topic.where.begin(), topic.where.end(), [&](const auto& criteria) {
                   return Meets(*definitions_, topic.resource, resource, criteria);
               });
    };
    if (!meets(*now)) return false;
    const bool compare = change.change == Change::kUpdated && !topic.changed.empty() &&
                         change.before != nullptr && meets(*change.before);
    if (!compare) return true;
    const fhir::TypeDefinition* type = definitions_->FindType(topic.resource);
    return std::any_of(topic.changed.begin(), topic.changed.end(), [&](const auto& element) {
        return Differs(ValuesOf(*definitions_, *type, *change.current, element),
                       ValuesOf(*definitions_, *type, *change.before, element));
    });
}

Parameters SplitPlain(std::string_view text) {
    Parameters parameters;
    for (const std::string_view part : Split(text, '&')) {
        const std::size_t equals = part.find('=');
        parameters.emplace_back(part.substr(0, equals), equals == std::string_view::npos
                                                            ? std::string_view()
                                                            : part.substr(equals + 1));
    }
    return parameters;
}

std::vector<fs::path> YamlFilesOf(const fs::path& folder, std::size_t files_max,
                                  std::vector<Error>& errors) {
    std::vector<fs::path> files;
    std::error_code error;
    if (!fs::exists(folder, error)) return files;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        const std::string name = entry.path().filename().string();
        if (name.ends_with(".yaml") && name.front() != '.') files.push_back(entry.path());
    }
    if (error) {
        errors.push_back(
            Error{Code::kNotFound, "the folder cannot be read", folder.string(), {}, 0, false});
    }
    std::sort(files.begin(), files.end());
    if (files.size() > files_max) {
        errors.push_back(Error{Code::kLimit,
                               "more than " + std::to_string(files_max) + " files",
                               folder.string(),
                               {},
                               0,
                               false});
        files.clear();
    }
    return files;
}

Result<std::vector<search::Criterion>> ParseCriteria(const fhir::Definitions& definitions,
                                                     std::string_view type,
                                                     const Parameters& parameters) {
    if (parameters.empty()) return Fail(Code::kInvalid, "no search parameter", std::string(type));
    CARESTREAM_ASSIGN(query, search::ParseQuery(definitions, type, parameters));
    if (!query.unknown.empty()) {
        std::vector<std::string_view> names;
        for (const auto* known : definitions.SearchParameters(type)) names.push_back(known->code);
        return Fail(
            Code::kInvalid,
            "no search parameter of " + std::string(type) + DidYouMean(query.unknown[0], names),
            query.unknown[0]);
    }
    if (!query.empty.empty()) return Fail(Code::kInvalid, "has no value", query.empty[0]);
    if (query.criteria.size() != parameters.size() || !query.includes.empty()) {
        for (const auto& [name, value] : parameters) {
            const bool criterion =
                std::any_of(query.criteria.begin(), query.criteria.end(),
                            [&](const auto& known) { return known.parameter == name; });
            if (!criterion)
                return Fail(Code::kInvalid, "steers a search and is no criterion", name);
        }
        return Fail(Code::kInvalid, "not every parameter is a criterion", std::string(type));
    }
    return std::move(query.criteria);
}

bool Meets(const fhir::Definitions& definitions, std::string_view type, const fhir::Node& resource,
           const std::vector<search::Criterion>& criteria) {
    return std::all_of(criteria.begin(), criteria.end(), [&](const search::Criterion& criterion) {
        return search::Matches(definitions, resource, type, criterion);
    });
}

}  // namespace carestream::topics
