#include "holds/holds.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "config/each_file.h"
#include "fhir/temporal.h"
#include "topics/topics.h"

namespace carestream::holds {

namespace {

namespace fs = std::filesystem;
using config::Type;

constexpr std::string_view kReleaseAt = "urn:carestream:release-at";
constexpr std::size_t kHoldsMax = 256;
constexpr std::array<std::string_view, 3> kTypes = {"DiagnosticReport", "Observation",
                                                    "DocumentReference"};

void Complain(std::vector<Error>& errors, const Position& position, std::string message) {
    errors.push_back(Error{Code::kInvalid, std::move(message), {}, position, 0, false});
}

Hold ReadHold(const config::Values& values, const fhir::Definitions& definitions,
              std::vector<Error>& errors) {
    Hold hold;
    hold.name = values.String("hold");
    hold.title = values.String("title");
    hold.resource = values.String("resource");
    const bool never = values.String("release_after") == "never";
    hold.after = never ? 0 : values.Integer("release_after") * 1000;
    if (!never && values.Has("release_after") && hold.after == 0) {
        Complain(errors, values.PositionOf("release_after"),
                 "'release_after': a hold of no time holds nothing; 'never' waits for a person");
    }
    const auto& where = values.Strings("where");
    if (values.Has("where") && where.empty()) {
        Complain(errors, values.PositionOf("where"), "'where' names nothing");
    }
    for (std::size_t i = 0; i < where.size(); ++i) {
        auto criteria =
            topics::ParseCriteria(definitions, hold.resource, topics::SplitPlain(where[i]));
        if (criteria) {
            hold.where.push_back(std::move(*criteria));
        } else {
            Complain(errors, values.ItemPosition("where", i),
                     criteria.error().path + ": " + criteria.error().message);
        }
    }
    return hold;
}

fhir::Node* LabelOf(fhir::Node& resource, std::string_view member, std::string_view code) {
    fhir::Node* meta = resource.Find("meta");
    fhir::Node* list = meta == nullptr ? nullptr : meta->Find(member);
    if (list == nullptr) return nullptr;
    const auto found =
        std::find_if(list->items().begin(), list->items().end(), [&](const fhir::Node& coding) {
            return coding.TextOf("system") == kSystem && coding.TextOf("code") == code;
        });
    return found == list->items().end() ? nullptr : &*found;
}

const fhir::Node* LabelOf(const fhir::Node& resource, std::string_view member,
                          std::string_view code) {
    return LabelOf(const_cast<fhir::Node&>(resource), member, code);
}

fhir::Node Coding(std::string_view code, const std::string& display) {
    fhir::Node coding = fhir::Node::Object();
    coding.Set("system", fhir::Node::String(std::string(kSystem)));
    coding.Set("code", fhir::Node::String(std::string(code)));
    if (!display.empty()) coding.Set("display", fhir::Node::String(display));
    return coding;
}

}  // namespace

config::Spec HoldSpec() {
    return {
        .name = "hold",
        .title = "A hold (`mappings/holds/<name>.yaml`)",
        .description =
            "Results that patients and carers see later: after some time, or once a person "
            "releases them (`$release`). Staff sees them at once.",
        .fields = {
            {.key = "hold", .description = "Its name.", .required = true, .example = "pathology"},
            {.key = "title",
             .description = "Why, for people; it stands in the label.",
             .required = true,
             .example = "Pathology waits for the physician"},
            {.key = "resource",
             .type = Type::kChoice,
             .description = "What is held. Reports and their observations need a rule each.",
             .required = true,
             .choices = {kTypes.begin(), kTypes.end()}},
            {.key = "where",
             .description = "Searches of the type, of which the resource meets one; values are "
                            "not encoded.",
             .required = true,
             .list = true,
             .example = "code=http://loinc.org|11526-1"},
            {.key = "release_after",
             .type = Type::kDuration,
             .description = "When it is released by itself, from its first version that is held.",
             .default_text = "never",
             .example = "3d",
             .choices = {"never"},
             .max = 3'650LL * 86'400'000},
        }};
}

Holds::Loaded Holds::Load(const fs::path& folder, const std::string& display,
                          std::shared_ptr<const fhir::Definitions> definitions) {
    Loaded loaded;
    auto holds = std::make_shared<Holds>();
    config::UniqueNames names;
    config::ReadEach(topics::YamlFilesOf(folder, kHoldsMax, loaded.errors), display, HoldSpec(),
                     loaded.errors, [&](const config::Values& values, const std::string& file) {
                         Hold hold = ReadHold(values, *definitions, loaded.errors);
                         names.Add(hold.name, file, values.PositionOf("hold"), loaded.errors);
                         holds->holds_.push_back(std::move(hold));
                     });
    std::sort(holds->holds_.begin(), holds->holds_.end(),
              [](const Hold& a, const Hold& b) { return a.name < b.name; });
    holds->definitions_ = std::move(definitions);
    if (loaded.errors.empty()) loaded.holds = std::move(holds);
    return loaded;
}

bool Holds::Label(const fhir::Node& before, fhir::Node& resource, Micros now) const {
    if (IsHeld(resource) || LabelOf(resource, "tag", kReleased) != nullptr) return false;
    if (const fhir::Node* label = LabelOf(before, "security", kHeld)) {
        resource.At("meta").At("security").Append(*label);
        return true;
    }
    const std::string_view type = resource.TextOf("resourceType");
    const Hold* longest = nullptr;
    for (const Hold& hold : holds_) {
        if (hold.resource != type) continue;
        const bool longer = longest == nullptr || hold.after == 0 ||
                            (longest->after != 0 && hold.after > longest->after);
        if (!longer) continue;
        const bool meets =
            std::any_of(hold.where.begin(), hold.where.end(), [&](const auto& criteria) {
                return topics::Meets(*definitions_, type, resource, criteria);
            });
        if (meets) longest = &hold;
    }
    if (longest == nullptr) return false;
    fhir::Node coding = Coding(kHeld, longest->title);
    if (longest->after != 0) {
        fhir::Node extension = fhir::Node::Object();
        extension.Set("url", fhir::Node::String(std::string(kReleaseAt)));
        extension.Set("valueInstant", fhir::Node::String(FormatInstant(now + longest->after)));
        coding.At("extension").Append(std::move(extension));
    }
    resource.At("meta").At("security").Append(std::move(coding));
    return true;
}

bool IsHeld(const fhir::Node& resource) {
    return LabelOf(resource, "security", kHeld) != nullptr;
}

Micros ReleaseAt(const fhir::Node& resource) {
    const fhir::Node* label = LabelOf(resource, "security", kHeld);
    const fhir::Node* list = label == nullptr ? nullptr : label->Find("extension");
    if (list == nullptr) return 0;
    for (const fhir::Node& extension : list->items()) {
        if (extension.TextOf("url") != kReleaseAt) continue;
        const auto time = fhir::Temporal::ParseDateTime(extension.TextOf("valueInstant"));
        return time ? time->Low() : 0;
    }
    return 0;
}

bool Release(fhir::Node& resource) {
    if (!IsHeld(resource)) return false;
    fhir::Node& meta = resource.At("meta");
    fhir::Node& labels = meta.At("security");
    std::erase_if(labels.items(),
                  [](const fhir::Node& coding) { return coding.TextOf("system") == kSystem; });
    if (labels.items().empty()) meta.Remove("security");
    meta.At("tag").Append(Coding(kReleased, ""));
    return true;
}

}  // namespace carestream::holds
