#pragma once
// The subscriptions in force, found by what changed: by type, and by patient where a subscription
// is about one, so that an event costs what it matches and not what there is. One thread.
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "auth/access.h"
#include "fhir/definitions.h"
#include "store/events.h"
#include "store/subscriptions.h"
#include "subscriptions/burst.h"
#include "subscriptions/definition.h"

namespace carestream::subscriptions {

class Peer;

// One subscription and how far it is.
struct Active {
    Active(const fhir::Definitions& definitions, Definition the_definition,
           const auth::Policy& policy, Micros burst_pause = 0);

    Definition definition;
    // Its criteria as they were written: definition's name those who are linked to the patients, too.
    const std::vector<search::Criterion> written;
    auth::Access access;  // of its owner
    store::SubscriptionState state;
    // Patients to whose events it is confined, with those who are linked to them; empty: none.
    std::vector<std::string> patients;

    // Of deliveries.
    Burst burst;
    std::int64_t released = 0;                 // may be told up to this number
    std::int64_t told = 0;                     // websocket: whoever is bound was, up to this number
    bool under_way = false;                    // rest-hook: a request
    std::int64_t serial = 0;                   // of that request: answers to others are forgotten
    Micros last_sent = 0;                      // 0 = nothing yet
    Micros timer_at = 0;                       // when it is looked at again; 0 = no timer
    bool handshake_failed = false;             // rest-hook: it waits for its client's next word
    Micros checked_at = 0;                     // websocket: when its owner's link was
    std::vector<std::shared_ptr<Peer>> peers;  // websockets that are bound to it
};

using ActivePtr = std::shared_ptr<Active>;

// What happened, once parsed.
struct ParsedEvent {
    const store::Event& event;
    fhir::Node current;
    fhir::Node before;
    std::vector<const topics::Topic*> fired;
    std::vector<std::string> patients;  // whom the resource names

    // The resource as it is now, of a deleted one as it was.
    [[nodiscard]] const fhir::Node& focus() const {
        return event.kind == store::EventKind::kDeleted ? before : current;
    }
};

// Error: kInvalid (a stored body that is no JSON).
[[nodiscard]] Result<ParsedEvent> ParseEvent(const store::Event& event,
                                             const topics::Topics& topics);

// Whom an event is for.
struct Matched {
    ActivePtr active;
    // What the owner is shown of the resource, as JSON, where that is not all of it.
    std::shared_ptr<const std::string> shown;
};

class Registry {
public:
    explicit Registry(const fhir::Definitions& definitions) : definitions_(definitions) {}

    // Replaces the one of the same tenant and id. Its patients are set.
    void Put(ActivePtr active);
    void Remove(store::Tenant tenant, const std::string& id);
    [[nodiscard]] ActivePtr Find(store::Tenant tenant, const std::string& id) const;
    // The linked patients of a subscription changed.
    void SetPatients(const ActivePtr& active, std::vector<std::string> patients);
    [[nodiscard]] std::vector<ActivePtr> OfPatient(store::Tenant tenant,
                                                   const std::string& patient) const;
    [[nodiscard]] std::vector<ActivePtr> All() const;
    [[nodiscard]] std::size_t size() const { return by_id_.size(); }

    // Does anybody wait for anything of this type?
    [[nodiscard]] bool IsWanted(store::Tenant tenant, std::string_view type) const;
    // Those that the event is for: its topic or criteria, its filters, and seen by its owner.
    [[nodiscard]] std::vector<Matched> Match(const ParsedEvent& event) const;

private:
    struct OfType {
        std::vector<ActivePtr> general;
        std::unordered_map<std::string, std::vector<ActivePtr>> by_patient;
    };
    using TypeKey = std::string;  // "1/Observation"
    [[nodiscard]] static TypeKey KeyOf(store::Tenant tenant, std::string_view type);
    void Index(const ActivePtr& active);
    void Unindex(const ActivePtr& active);
    // Adds it to `matches` if it is.
    void AddIfFor(const ActivePtr& active, const ParsedEvent& event,
                  std::vector<Matched>& matches) const;
    [[nodiscard]] bool IsWantedBy(const Definition& definition, const ParsedEvent& event) const;

    const fhir::Definitions& definitions_;
    std::unordered_map<std::string, ActivePtr> by_id_;  // "1/<id>"
    std::unordered_map<TypeKey, OfType> by_type_;
    std::unordered_map<std::string, std::vector<ActivePtr>> by_patient_;  // "1/<patient>"
};

// Tells a subscription that is in no registry whose events it hears: patients with those who are
// linked to them.
void Confine(Active& active, std::vector<std::string> patients);

// The patients of whom a subscription hears, before links: its owner's, or those whom its criteria
// name; empty: of everybody.
[[nodiscard]] std::vector<std::string> ConfinedTo(const Definition& definition);

}  // namespace carestream::subscriptions
