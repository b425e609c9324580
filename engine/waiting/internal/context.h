#pragma once
// What the parts of waiting share: the store as one thread sees it, and the clinics in force.
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "clinics/clinics.h"
#include "clinics/visit.h"
#include "fhir/definitions.h"
#include "fhir/node.h"
#include "net/url.h"
#include "store/records.h"

namespace carestream::waiting {

struct Found {
    std::string id;
    std::int32_t version = 0;
    fhir::Node node;
};

// One thread.
class Context {
public:
    Context(const fhir::Definitions& definitions, store::Records the_records)
        : records(std::move(the_records)), definitions_(definitions) {}

    // Not found, deleted and unreadable: nullopt.
    [[nodiscard]] Result<std::optional<Found>> Read(std::string_view type, const std::string& id);
    // All of it, at most `most`.
    [[nodiscard]] Result<std::vector<Found>> Search(std::string_view type,
                                                    net::Parameters parameters, std::size_t most);
    // The clinic of the first place that is of one; `references` are "Location/<id>".
    [[nodiscard]] Result<const clinics::Clinic*> OfPlaces(
        const std::vector<std::string>& references);
    // A place changed, or the clinics did ("").
    void Forget(const std::string& location);

    store::Records records;
    std::shared_ptr<const clinics::Clinics> clinics;  // in force; never null

private:
    const fhir::Definitions& definitions_;
    std::map<std::string, std::string> places_;  // id of a Location -> name of its clinic or ""
};

// The bare ids of "Type/<id>" among the references of a list: `member` of each of its entries.
[[nodiscard]] std::vector<std::string> IdsIn(const fhir::Node& resource, std::string_view list,
                                             std::string_view member, std::string_view type);
// The id in "Type/<id>" of a reference, or "".
[[nodiscard]] std::string IdOf(const fhir::Node* reference, std::string_view type);

}  // namespace carestream::waiting
