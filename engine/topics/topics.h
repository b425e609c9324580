#pragma once
// Topics: which changes of resources are news, as YAML (mappings/topics/<name>.yaml). Pure.
// Source: FHIR R5 SubscriptionTopic (resourceTrigger, canFilterBy), as the backport to R4 refers to
// it by its canonical URL.
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "config/spec.h"
#include "fhir/definitions.h"
#include "fhir/node.h"
#include "search/query.h"

namespace carestream::topics {

enum class Change { kCreated, kUpdated, kDeleted };

struct Topic {
    std::string name;
    std::string url;  // canonical; "urn:carestream:topic:<name>" unless the file says another
    std::string title;
    std::string resource;  // type
    bool on_create = false;
    bool on_update = false;
    bool on_delete = false;
    // Searches of the type; the resource has to meet one of them, of a deleted one its last
    // version. Empty: any resource.
    std::vector<std::vector<search::Criterion>> where;
    // Elements of the type, or URLs of its extensions: an update that changes none of them is no news, unless the version
    // before did not meet `where`. Empty: any update.
    std::vector<std::string> changed;
    std::vector<std::string> filters;  // search parameters by which subscriptions may filter
};

// What happened to one resource.
struct ResourceChange {
    Change change = Change::kCreated;
    std::string_view type;
    const fhir::Node* current = nullptr;  // null when deleted
    const fhir::Node* before = nullptr;   // null: there was none, or it was deleted
};

// The declaration of a topic's file.
[[nodiscard]] config::Spec TopicSpec();

// Immutable; thread-safe. The Definitions outlive it.
class Topics {
public:
    struct Loaded;
    // Reads every file of the folder; an absent folder holds none. All mistakes are collected, with
    // file:line:column; `display` stands before the file names.
    [[nodiscard]] static Loaded Load(const std::filesystem::path& folder,
                                     const std::string& display,
                                     std::shared_ptr<const fhir::Definitions> definitions);

    [[nodiscard]] const std::vector<Topic>& all() const { return topics_; }
    // By canonical URL or by name; nullptr: unknown.
    [[nodiscard]] const Topic* Find(std::string_view url_or_name) const;
    // The topics that are fired, in the order of their names.
    [[nodiscard]] std::vector<const Topic*> Fired(const ResourceChange& change) const;
    [[nodiscard]] bool Fires(const Topic& topic, const ResourceChange& change) const;

private:
    std::shared_ptr<const fhir::Definitions> definitions_;
    std::vector<Topic> topics_;  // by name
};

struct Topics::Loaded {
    std::shared_ptr<const Topics> topics;  // null if there are errors
    std::vector<Error> errors;
};

using Parameters = std::vector<std::pair<std::string, std::string>>;

// Decoded name/value pairs of a search as criteria. Errors: kInvalid, kUnsupported, with the
// parameter as path: unknown ones, those without a value, and what steers a search (_sort, _count,
// _include, ...) are no criteria.
[[nodiscard]] Result<std::vector<search::Criterion>> ParseCriteria(
    const fhir::Definitions& definitions, std::string_view type, const Parameters& parameters);

// "a=1&b=2" as people write it in YAML: nothing is encoded.
[[nodiscard]] Parameters SplitPlain(std::string_view text);

// The *.yaml files of a folder, by name; an absent folder has none. More than `files_max` are a
// mistake.
[[nodiscard]] std::vector<std::filesystem::path> YamlFilesOf(const std::filesystem::path& folder,
                                                             std::size_t files_max,
                                                             std::vector<Error>& errors);

// All of them hold.
[[nodiscard]] bool Meets(const fhir::Definitions& definitions, std::string_view type,
                         const fhir::Node& resource,
                         const std::vector<search::Criterion>& criteria);

}  // namespace carestream::topics
