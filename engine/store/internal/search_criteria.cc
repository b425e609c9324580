#include "store/internal/search_criteria.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "store/internal/index_rows.h"
#include "store/internal/working_set.h"

namespace carestream::store {
namespace {

using search::CriterionKind;
using search::Relation;

constexpr Micros kLeast = kNoDate - 1'000'000;
constexpr Micros kMost = 253'402'300'800'000'000;  // year 10000
constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Above kNoDate: the row that says "no date" is no interval.
constexpr Micros kHighLeast = kNoDate + 1;

// Everything in terms of "x is at least" and "x is at most", for exact or stepped values.
template <typename Rect, typename Value, typename Next>
std::vector<Rect> Translate(Relation relation, Value low, Value high, Value least, Value most,
                            const Next& next) {
    const Value after = next(high, +1);
    const Value before = next(low, -1);
    switch (relation) {
        case Relation::kContains:
            return {{low, high, least, high}};
        case Relation::kDisjoint:
            return {{least, before, least, most}, {least, most, after, most}};
        case Relation::kAbove:
            return {{least, most, after, most}};
        case Relation::kBelow:
            return {{least, before, least, most}};
        case Relation::kAtOrAbove:
            return {{low, most, least, most}, {least, most, after, most}};
        case Relation::kAtOrBelow:
            return {{least, before, least, most}, {least, high, least, high}};
        case Relation::kAfter:
            return {{after, most, least, most}};
        case Relation::kBefore:
            return {{least, before, least, before}};
        case Relation::kOverlaps:
            return {{least, high, low, most}};
    }
    return {};
}

struct NumberRectangle {
    double low_min, low_max, high_min, high_max;
};

bool Fits(const search::Criterion& criterion) {
    if (criterion.negated || criterion.needs_companion) return false;
    switch (criterion.kind) {
        case CriterionKind::kToken:
            return !criterion.tokens.empty();
        case CriterionKind::kDate:
        case CriterionKind::kNumber:
        case CriterionKind::kLastUpdated:
            return !criterion.ranges.empty();
        case CriterionKind::kId:
        case CriterionKind::kPatient:
            return true;
    }
    return false;
}

void AddPatient(search::Criterion& criterion, const LinkedPatients& patients) {
    std::set<std::string> spaces;
    for (const search::TokenProbe& probe : criterion.tokens) spaces.insert(probe.space);
    for (const std::string& id : patients.ids) {
        if (std::find(criterion.ids.begin(), criterion.ids.end(), id) != criterion.ids.end()) {
            continue;
        }
        criterion.ids.push_back(id);
        for (const std::string& space : spaces) {
            criterion.tokens.push_back({space, "r", "Patient/" + id});
        }
    }
}

}  // namespace

std::vector<Rectangle> RectanglesOf(const search::RangeProbe& probe) {
    auto rectangles = Translate<Rectangle>(probe.relation, probe.low, probe.high, kLeast, kMost,
                                           [](Micros value, int step) { return value + step; });
    for (Rectangle& rectangle : rectangles) {
        rectangle.high_min = std::max(rectangle.high_min, kHighLeast);
        // A stored low is never above its high: a bound for the scan that goes by low.
        rectangle.low_max = std::min(rectangle.low_max, rectangle.high_max);
    }
    return rectangles;
}

std::vector<NumberBounds> BoundsOf(const search::RangeProbe& probe) {
    const auto step = [](double value, int direction) {
        return std::nextafter(value, direction > 0 ? kInfinity : -kInfinity);
    };
    std::vector<NumberBounds> bounds;
    for (const NumberRectangle& r : Translate<NumberRectangle>(
             probe.relation, probe.number_low, probe.number_high, -kInfinity, kInfinity, step)) {
        bounds.push_back({std::max(r.low_min, r.high_min), std::min(r.low_max, r.high_max)});
    }
    return bounds;
}

bool UsableQuery::NeedsMatcher() const {
    return std::any_of(usable.begin(), usable.end(),
                       [](const UsableCriterion& criterion) { return criterion.recheck; });
}

Result<void> MakeUsable(pg::Connection& connection, PatientLinks& links,
                        const crypto::TokenKey& key, std::int16_t patient_type,
                        UsableQuery& query) {
    for (search::Criterion& criterion : query.query.criteria) {
        UsableCriterion usable;
        usable.criterion = &criterion;
        usable.indexed = Fits(criterion);
        usable.recheck = criterion.lossy || !usable.indexed;
        if (criterion.kind == CriterionKind::kPatient) {
            CARESTREAM_ASSIGN(patients, links.Expand(connection, query.tenant, patient_type,
                                                     criterion.ids));
            AddPatient(criterion, patients);
            usable.subjects = std::move(patients.pks);
        }
        if (usable.indexed) {
            for (const search::TokenProbe& probe : criterion.tokens) {
                usable.hashes.push_back(HashOf(key, probe.space, probe.form, probe.value));
            }
            for (const search::RangeProbe& probe : criterion.ranges) {
                if (criterion.kind == CriterionKind::kNumber) {
                    for (const auto& bounds : BoundsOf(probe)) usable.bounds.push_back(bounds);
                } else {
                    for (const auto& area : RectanglesOf(probe)) usable.rectangles.push_back(area);
                }
            }
        }
        query.usable.push_back(std::move(usable));
    }
    return {};
}

}  // namespace carestream::store
