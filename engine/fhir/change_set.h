#pragma once
// What one message, or one REST write, wants of the store. Made by the mapping without knowing what
// is stored; the writer resolves identities, rewrites references and applies (apply.h).
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "fhir/node.h"

namespace carestream::fhir {

class Profiles;

// A business identifier by which a resource is found: namespaced, so that MRN 7 of hospital A is
// not MRN 7 of hospital B. PHI: never stored or logged in plain.
struct IdentityKey {
    std::string system;  // URI or "<authority>|<type>" as the identity content decides
    std::string value;
    bool operator==(const IdentityKey&) const = default;
    auto operator<=>(const IdentityKey&) const = default;
};

// How a repeating element behaves when a later message brings it again.
enum class ListPolicy : std::uint8_t {
    kSnapshot,  // this source's entries are replaced by what came (also by nothing, if listed)
    kMerge,     // entries are matched by their key: present ones replaced, others kept
};

// One entry of a `lists` element carries its key at the same index in `keys`.
struct ListChange {
    std::string element;  // of the resource itself: "identifier", "contact"
    ListPolicy policy = ListPolicy::kSnapshot;
    // kMerge: identity of each item, e.g. "use=home"; same size as the array.
    std::vector<std::string> keys;
    // Which part of the message gave each entry ("PID-13"; "" = unknown): empty, or of the same
    // size. Under kSnapshot each part has a set of its own.
    std::vector<std::string> parts = {};
    std::vector<std::string> nulled = {};  // parts that lose what they gave before
};

enum class ChangeMode : std::uint8_t {
    kUpsert,        // make it, or update what it values
    kFindOrCreate,  // the source is no authority: make a minimal one, never update
    kUpdateOnly,    // only if it exists (a cancel of something never seen is reported, not made)
    kDelete,
};

struct Change {
    std::string type;               // "Patient"
    std::string provisional_id;     // UUIDv8; also in resource.id and in references inside this set
    std::vector<IdentityKey> keys;  // strongest first; any that is found decides; all are recorded
    ChangeMode mode = ChangeMode::kUpsert;
    Node resource;                     // with resourceType and id
    std::vector<std::string> cleared;  // elements that the message nulls: "birthDate", "period.end"
    // Elements of the resource itself whose value the message does not state but lets assume: they
    // give way to any value that was stated, newer or older; of lists and of elements that have
    // parts of their own to whatever is there.
    std::vector<std::string> assumed;  // "status"
    std::vector<ListChange> lists;     // repeating elements with a policy; others are kSnapshot
    bool only_with_others = false;     // applied only if another change of the set has an effect
    // Whose profiles meta.profile may name only while the merged resource meets them.
    std::vector<std::shared_ptr<const Profiles>> profiles = {};
};

// A40 and kin. Both are indexes into ChangeSet::changes.
struct PatientLink {
    std::size_t survivor = 0;
    std::size_t loser = 0;
    bool remove = false;  // unlink (A37)
};

// A41, A45: the visits of change `visit` belong to patient `patient` from now on.
struct Move {
    std::size_t visit = 0;
    std::size_t patient = 0;
};

// All that the source has to say of one type about a patient, or in a report: what it said before
// and leaves out now is ended. Only entries that came in snapshots of the same source are, whatever
// the order of arrival.
struct Snapshot {
    std::string type;                  // of the entries: "AllergyIntolerance"
    std::size_t owner = 0;             // index of the change of the Patient or DiagnosticReport
    std::vector<std::size_t> entries;  // indexes of the changes that are in it
    Node ended;             // what is written into one that is left out: {"clinicalStatus":{...}}
    bool additive = false;  // ends nothing itself; a newer snapshot may end its entries
};

// Who wins an element: the newest stamp. Ordered by (order_time, seq).
struct Stamp {
    Micros order_time = 0;
    std::int64_t seq = 0;
    auto operator<=>(const Stamp&) const = default;
};

struct ChangeSet {
    std::vector<Change> changes;
    std::vector<PatientLink> links;
    std::vector<Move> moves;
    std::vector<Snapshot> snapshots;
    // Order time of the source as the channel's `order_by` says; 0 = arrival.
    Micros order_time = 0;
    // Whose list entries are replaced by kSnapshot: "<channel>|<MSH-3>|<MSH-4>".
    std::string source;
};

}  // namespace carestream::fhir
