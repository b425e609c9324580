#pragma once
// A search request as criteria that the store turns into SQL, and the matcher into yes or no.
// Source: FHIR R4 3.1.1. Pure: no I/O.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "fhir/definitions.h"
#include "fhir/node.h"

namespace carestream::search {

struct TokenProbe {
    std::string space;
    std::string form;
    std::string value;
};

// How the stored closed interval [low, high] must stand to the probe's [probe.low, probe.high]. A
// number is stored as one value, which is then both `low` and `high`. Source: FHIR
// R4 3.1.1.4.5, 3.1.1.4.7.
enum class Relation : std::uint8_t {
    kContains,   // eq: low >= probe.low and high <= probe.high
    kDisjoint,   // ne: not kContains
    kAbove,      // gt: high > probe.high
    kBelow,      // lt: low < probe.low
    kAtOrAbove,  // ge: kAbove or kContains
    kAtOrBelow,  // le: kBelow or kContains
    kAfter,      // sa: low > probe.high
    kBefore,     // eb: high < probe.low
    kOverlaps,   // ap: low <= probe.high and high >= probe.low
};

struct RangeProbe {
    Relation relation = Relation::kContains;
    Micros low = 0;  // dates
    Micros high = 0;
    double number_low = 0;  // numbers
    double number_high = 0;
};

enum class CriterionKind : std::uint8_t {
    kToken,   // any of `tokens`; without tokens (then `needs_companion`) only the matcher decides
    kDate,    // any of `ranges` over parameter `parameter_id`
    kNumber,  // likewise
    kId,      // any of `ids`
    kLastUpdated,  // any of `ranges`
    // Any of `ids` in the exact subject column or, when `tokens` is not empty, any of `tokens`
    // (form "r"): for elements beside the subject that may name a patient too. Linked patients are
    // to be added to `ids` and, as "Patient/<id>" in the same spaces, to `tokens`; the matcher
    // reads both.
    kPatient,
};

// The understood values of a criterion, for the matcher.
struct CriterionDetail;

struct Criterion {
    std::string parameter;  // as written: "code", "birthdate", "subject:Patient"
    CriterionKind kind = CriterionKind::kToken;
    std::uint32_t parameter_id = 0;  // Fnv32 of the space
    std::vector<TokenProbe> tokens;
    std::vector<RangeProbe> ranges;
    std::vector<std::string> ids;
    bool negated = false;  // :not, :missing=true
    // The index answers a superset: the matcher decides on the decrypted resource.
    bool lossy = false;
    // Cannot lead a query (no bounded set): :not, :missing, :contains. Refused as too costly unless
    // another criterion leads. The probes, if any, are then not to be used: only the matcher
    // decides.
    bool needs_companion = false;
    std::vector<std::string> values;                // as written, split at commas
    std::shared_ptr<const CriterionDetail> detail;  // points into the Definitions of ParseQuery
    // Of a lossy kPatient: what the matcher asks besides. Pure; may be empty.
    std::function<bool(const fhir::Node& resource)> besides;
    // True of a stored text whose bytes alone show that what the index found fulfils the criterion;
    // false says nothing. Spares the matcher a tree. Pure; may be empty.
    std::function<bool(std::string_view json)> plainly;
};

struct SortKey {
    enum class Kind : std::uint8_t { kLastUpdated, kMainDate, kDate, kNumber, kId };
    Kind kind = Kind::kLastUpdated;
    std::uint32_t parameter_id = 0;
    bool descending = false;
};

struct Include {
    std::string source;     // type
    std::string parameter;  // reference parameter
    std::string target;     // type or ""
    bool reverse = false;
};

struct Query {
    std::string type;
    std::vector<Criterion> criteria;  // all must hold
    std::optional<SortKey> sort;      // absent: newest first by commit order
    int count = 20;                   // 0 = summary count only
    enum class Total : std::uint8_t { kNone, kExact } total = Total::kNone;
    std::vector<Include> includes;
    std::vector<std::string> unknown;  // parameters that were not understood, as written
    std::vector<std::string> empty;    // known parameters without a value: they confine nothing
    // The parameters as understood, in canonical form, for the self link.
    std::vector<std::pair<std::string, std::string>> self;
};

struct QueryLimits {
    int count_default = 20;
    int count_max = 1000;
    std::size_t parameters_max = 64;
    std::size_t values_max = 256;  // alternatives of one parameter
    // Of this server, without a slash at the end: its absolute references are taken as relative
    // ones.
    std::string base_url;
    // For the prefix `ap`, whose tolerance grows with the distance from now; absent: none.
    std::optional<Micros> now;
};

// `parameters` are decoded name/value pairs in order; `patient_id` confines to a compartment ("" =
// not). Unknown parameters and those without a value are listed, not refused: `Prefer: handling` is
// the caller's matter. But _id and references (patient, subject, ...) without a value are kInvalid:
// who asked for one patient must not get everybody's. What
// is known and not offered (modifiers, chains, ...) is an error kUnsupported with the parameter as
// path; malformed values are kInvalid. Semantics that FHIR leaves to the server: a date without an
// offset is UTC; names, addresses and titles match at the beginning of any word, other strings at
// their own; codes are compared exactly, contacts without case and punctuation; quantities are not
// converted.
[[nodiscard]] Result<Query> ParseQuery(
    const fhir::Definitions& definitions, std::string_view type,
    const std::vector<std::pair<std::string, std::string>>& parameters,
    std::string_view patient_id = {}, const QueryLimits& limits = {});

// The criterion that confines a search of the type to the compartment of one patient and, in the
// store, of those who are linked to it; nullopt when the type is not in the Patient compartment.
[[nodiscard]] std::optional<Criterion> PatientCompartment(const fhir::Definitions& definitions,
                                                          std::string_view type,
                                                          std::string_view patient_id);

// Does the resource fulfil the criterion, by its real values? Used for lossy criteria and, whole,
// by tests and subscriptions. `criterion` comes from ParseQuery of the same Definitions and type;
// `ids` and `tokens` of references may have been added to since.
[[nodiscard]] bool Matches(const fhir::Definitions& definitions, const fhir::Node& resource,
                           std::string_view type, const Criterion& criterion);

// Ids of the resources that `include` (not reverse) names in `resource`: "Type/id".
[[nodiscard]] std::vector<std::string> IncludedReferences(const fhir::Definitions& definitions,
                                                          const fhir::Node& resource,
                                                          const Include& include);

}  // namespace carestream::search
