#include "waiting/internal/context.h"

#include <utility>

#include "fhir/json.h"
#include "search/query.h"

namespace carestream::waiting {

namespace {

constexpr std::size_t kPlacesMax = 10'000;
constexpr const char* kPage = "200";

}  // namespace

std::string IdOf(const fhir::Node* reference, std::string_view type) {
    if (reference == nullptr) return {};
    const std::string_view text = reference->TextOf("reference");
    if (text.size() <= type.size() || !text.starts_with(type) || text[type.size()] != '/') {
        return {};
    }
    return std::string(text.substr(type.size() + 1));
}

std::vector<std::string> IdsIn(const fhir::Node& resource, std::string_view list,
                               std::string_view member, std::string_view type) {
    std::vector<std::string> ids;
    const fhir::Node* entries = resource.Find(list);
    if (entries == nullptr) return ids;
    for (const fhir::Node& entry : entries->items()) {
        std::string id = IdOf(member.empty() ? &entry : entry.Find(member), type);
        if (!id.empty()) ids.push_back(std::move(id));
    }
    return ids;
}

Result<std::optional<Found>> Context::Read(std::string_view type, const std::string& id) {
    auto version = records.Read(type, id);
    if (!version && version.error().code == Code::kNotFound) return std::nullopt;
    if (!version) return Fail(version.error());
    if (version->deleted) return std::nullopt;
    auto node = fhir::ParseJson(version->body);
    if (!node) return std::nullopt;
    return Found{version->id, version->version, std::move(*node)};
}

Result<std::vector<Found>> Context::Search(std::string_view type, net::Parameters parameters,
                                           std::size_t most) {
    parameters.emplace_back("_count", kPage);
    CARESTREAM_ASSIGN(query, search::ParseQuery(definitions_, type, parameters));
    std::vector<Found> found;
    std::string position;
    do {
        CARESTREAM_ASSIGN(page, records.Search(query, position));
        for (const store::StoredVersion& version : page.matches) {
            auto node = fhir::ParseJson(version.body);
            if (node) found.push_back({version.id, version.version, std::move(*node)});
        }
        position = page.next;
    } while (!position.empty() && found.size() < most);
    return found;
}

Result<const clinics::Clinic*> Context::OfPlaces(const std::vector<std::string>& references) {
    for (const std::string& id : references) {
        auto known = places_.find(id);
        if (known == places_.end()) {
            CARESTREAM_ASSIGN(location, Read("Location", id));
            const clinics::Clinic* clinic =
                location ? clinics->OfLocation(location->node) : nullptr;
            if (places_.size() >= kPlacesMax) places_.clear();
            known = places_.emplace(id, clinic == nullptr ? "" : clinic->name).first;
        }
        if (!known->second.empty()) return clinics->Find(known->second);
    }
    return nullptr;
}

void Context::Forget(const std::string& location) {
    if (location.empty()) {
        places_.clear();
    } else {
        places_.erase(location);
    }
}

}  // namespace carestream::waiting
