#include "mapping/render.h"

#include <array>

#include "base/text.h"
#include "hl7/encoder.h"
#include "hl7/path.h"
#include "mapping/program.h"

namespace carestream::mapping {

namespace {

constexpr std::array<std::pair<std::string_view, std::string Destination::*>, 8> kTexts = {
    {{"version", &Destination::version},
     {"charset", &Destination::charset},
     {"time_zone", &Destination::time_zone},
     {"sending_application", &Destination::sending_application},
     {"sending_facility", &Destination::sending_facility},
     {"receiving_application", &Destination::receiving_application},
     {"receiving_facility", &Destination::receiving_facility},
     {"processing_id", &Destination::processing_id}}};

}  // namespace

Result<void> SetMember(Destination& destination, std::string_view name, std::string_view value) {
    std::vector<std::string_view> names{"write_offset"};
    for (const auto& [known, member] : kTexts) {
        if (known == name) {
            destination.*member = std::string(value);
            return {};
        }
        names.push_back(known);
    }
    if (name != "write_offset") {
        return Fail(Code::kInvalid,
                    "a destination has no '" + std::string(name) + "'" + DidYouMean(name, names));
    }
    if (value != "true" && value != "false") {
        return Fail(Code::kInvalid, "'write_offset' must be true or false");
    }
    destination.write_offset = value == "true";
    return {};
}

ResourceSet::ResourceSet(const fhir::Node& resources) {
    if (resources.IsArray()) {
        for (const fhir::Node& resource : resources.items()) Add(resource, {});
        return;
    }
    const fhir::Node* entries = resources.Find("entry");
    if (resources.TextOf("resourceType") != "Bundle" || entries == nullptr) {
        Add(resources, {});
        return;
    }
    for (const fhir::Node& entry : entries->items()) {
        const fhir::Node* resource = entry.Find("resource");
        if (resource != nullptr) Add(*resource, entry.TextOf("fullUrl"));
    }
}

void ResourceSet::Add(const fhir::Node& resource, std::string_view full_url) {
    all_.push_back(&resource);
    const std::string_view id = resource.TextOf("id");
    if (!id.empty()) {
        by_reference_.emplace(std::string(resource.TextOf("resourceType")) + "/" + std::string(id),
                              &resource);
    }
    if (!full_url.empty()) by_reference_.emplace(full_url, &resource);
}

const fhir::Node* ResourceSet::Find(std::string_view reference) const {
    const auto found = by_reference_.find(reference.substr(0, reference.find("/_history/")));
    return found == by_reference_.end() ? nullptr : found->second;
}

Result<void> CheckDestination(const Destination& destination) {
    if (!hl7::IsCharset(destination.charset)) {
        return Fail(Code::kInvalid, "unknown character set", "charset");
    }
    if (!IsTimeZone(destination.time_zone)) {
        return Fail(Code::kInvalid, "unknown time zone", "time_zone");
    }
    for (const LeafLength& length : destination.lengths) {
        const auto path = hl7::ParsePath(length.path);
        if (!path) return Fail(Code::kInvalid, path.error().message, "lengths");
        if (path->field == 0 || path->repetition != 0 || path->segment_occurrence != 0) {
            return Fail(Code::kInvalid, "'" + length.path + "' names no leaf, such as PID-5.1",
                        "lengths");
        }
    }
    return {};
}

}  // namespace carestream::mapping
