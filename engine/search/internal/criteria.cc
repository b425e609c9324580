#include "search/internal/criteria.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "fhir/temporal.h"
#include "search/internal/fold.h"
#include "search/internal/tokens.h"

namespace carestream::search {
namespace {

constexpr std::size_t kPrivateProbesMax = 96;
constexpr Micros kDay = 86'400'000'000;

class Builder {
public:
    Builder(const fhir::Definitions& definitions, std::string_view type,
            const CriterionDetail& detail, Criterion& criterion)
        : definitions_(definitions), type_(type), detail_(detail), criterion_(criterion) {}

    void Run() {
        const Compiled& compiled = *detail_.compiled;
        criterion_.parameter_id = compiled.range_id;
        // The index leaves the conditions of a place aside.
        criterion_.lossy = std::any_of(compiled.sources.begin(), compiled.sources.end(),
                                       [](const Source& source) { return source.conditional; });
        const bool absent = detail_.modifier == Modifier::kMissing;
        if (absent || detail_.modifier == Modifier::kNot) {
            criterion_.negated = absent ? detail_.wants_missing : true;
            NeedCompanion();
            return;
        }
        if (compiled.kind == ParameterKind::kReference) {
            References();
            return;
        }
        for (const Wanted& wanted : detail_.wanted) Add(compiled, wanted);
        if (criterion_.needs_companion) criterion_.tokens.clear();
    }

private:
    void NeedCompanion() {
        criterion_.needs_companion = true;
        criterion_.lossy = true;
    }

    void Probe(std::string_view space, std::string_view form, std::string value) {
        criterion_.tokens.push_back({std::string(space), std::string(form), std::move(value)});
    }

    void Add(const Compiled& compiled, const Wanted& wanted) {
        switch (compiled.kind) {
            case ParameterKind::kToken:
                Token(compiled, wanted);
                break;
            case ParameterKind::kString:
                Text(compiled, wanted);
                break;
            case ParameterKind::kUri:
                for (const Source& source : compiled.sources) {
                    Probe(source.space, kFormUri, wanted.text);
                }
                break;
            case ParameterKind::kDate:
                criterion_.kind = CriterionKind::kDate;
                criterion_.ranges.push_back(wanted.range);
                break;
            case ParameterKind::kPrivateDate:
                PrivateEqual(compiled, wanted);
                break;
            case ParameterKind::kNumber:
            case ParameterKind::kQuantity:
                criterion_.kind = CriterionKind::kNumber;
                criterion_.ranges.push_back(wanted.range);
                if (compiled.range_shared || !wanted.any_code || !wanted.any_system) {
                    criterion_.lossy = true;
                }
                break;
            case ParameterKind::kComposite:
                Composite(compiled, wanted);
                break;
            default:
                NeedCompanion();
                break;
        }
    }

    void Token(const Compiled& compiled, const Wanted& wanted) {
        if (wanted.any_code) {
            NeedCompanion();
            return;
        }
        const auto add = [&](Leaf leaf, std::string_view space) {
            const bool with_system = leaf == Leaf::kCoding || leaf == Leaf::kCodeableConcept ||
                                     leaf == Leaf::kIdentifier;
            if (with_system && !wanted.any_system && !wanted.system.empty()) {
                Probe(space, kFormSystemCode, SystemCode(wanted.system, wanted.code));
                return;
            }
            if (!wanted.any_system) criterion_.lossy = true;
            if (leaf != Leaf::kContactPoint) return Probe(space, kFormCode, wanted.code);
            std::string contact = NormalContact(wanted.code);
            std::string other = OtherPlus(contact);
            Probe(space, kFormCode, std::move(contact));
            if (!other.empty()) Probe(space, kFormCode, std::move(other));
        };
        for (const Source& source : compiled.sources) {
            add(source.leaf, source.space);
        }
        if (compiled.general) add(Leaf::kOther, compiled.general_space);
    }

    void Text(const Compiled& compiled, const Wanted& wanted) {
        criterion_.lossy = true;
        if (detail_.modifier == Modifier::kContains || compiled.general) {
            NeedCompanion();
            return;
        }
        for (const Source& source : compiled.sources) {
            std::string_view text = wanted.folded;
            if (source.prefixes != Prefixes::kStart) {
                for (const std::string_view word : Words(wanted.folded)) {
                    if (text == wanted.folded || CharacterCount(word) > CharacterCount(text)) {
                        text = word;
                    }
                }
            }
            const std::size_t count = CharacterCount(text);
            std::size_t length = 0;
            for (const std::size_t candidate : PrefixLengths(source.prefixes)) {
                if (candidate <= count) length = candidate;
            }
            if (length == 0 && count == 1 && detail_.modifier == Modifier::kExact) length = 1;
            if (length == 0) {
                NeedCompanion();
                return;
            }
            Probe(source.space, PrefixForm(length), std::string(Prefix(text, length)));
        }
    }

    void PrivateEqual(const Compiled& compiled, const Wanted& wanted) {
        if (wanted.range.relation != Relation::kContains) {
            NeedCompanion();  // unless JoinPrivateDates finds the other end
            return;
        }
        const std::string low = FormatInstant(wanted.range.low);
        const Micros span = wanted.range.high - wanted.range.low + 1;
        std::string_view form = kFormDay;
        std::size_t size = 10;
        if (span > kDay) {
            form = span > 31 * kDay ? kFormYear : kFormMonth;
            size = span > 31 * kDay ? 4 : 7;
        }
        if (span < kDay || wanted.range.low % kDay != 0) criterion_.lossy = true;
        for (const Source& source : compiled.sources) {
            Probe(source.space, form, low.substr(0, size));
        }
    }

    // Asked by the first component whose values the index holds; the resource decides the rest.
    void Composite(const Compiled& compiled, const Wanted& wanted) {
        criterion_.lossy = true;
        for (std::size_t i = 0; i < wanted.parts.size(); ++i) {
            if (!IndexHolds(compiled, i)) continue;
            const std::size_t before = criterion_.tokens.size();
            bool usable = true;
            for (const std::vector<Component>& row : compiled.components) {
                Criterion part;
                CriterionDetail detail;
                detail.compiled = row[i].parameter;
                Builder builder(definitions_, type_, detail, part);
                builder.Add(*row[i].parameter, wanted.parts[i]);
                usable =
                    usable && !part.needs_companion && part.ranges.empty() && !part.tokens.empty();
                criterion_.tokens.insert(criterion_.tokens.end(), part.tokens.begin(),
                                         part.tokens.end());
            }
            if (usable) return;
            criterion_.tokens.resize(before);
        }
        NeedCompanion();
    }

    // Are the places of the component those of a parameter that is indexed?
    [[nodiscard]] bool IndexHolds(const Compiled& compiled, std::size_t component) const {
        const ParameterKind kind = compiled.components.front()[component].parameter->kind;
        if (kind != ParameterKind::kToken && kind != ParameterKind::kString &&
            kind != ParameterKind::kUri) {
            return false;
        }
        const fhir::SearchParameter& parameter =
            *compiled.components.front()[component].parameter->parameter;
        const auto whole = CompileParameter(definitions_, type_, parameter);
        return std::all_of(
            compiled.components.begin(), compiled.components.end(), [&](const auto& row) {
                const Compiled& part = *row[component].parameter;
                return !part.general && !part.sources.empty() &&
                       std::all_of(part.sources.begin(), part.sources.end(), [&](const Source& s) {
                           return std::any_of(
                               whole->sources.begin(), whole->sources.end(), [&](const Source& w) {
                                   return w.space == s.space && w.prefixes == s.prefixes;
                               });
                       });
            });
    }

    // The type's one patient is asked of the subject column, everything else of tokens.
    void References() {
        const Compiled& compiled = *detail_.compiled;
        const std::span<const Source> patient = PatientSources(definitions_, type_);
        bool subject = !patient.empty();
        const auto is_patient_place = [&](const Source& source) {
            return std::any_of(patient.begin(), patient.end(),
                               [&](const Source& p) { return p.space == source.space; });
        };
        subject = subject &&
                  std::any_of(compiled.sources.begin(), compiled.sources.end(), is_patient_place);
        // The column may hold a patient who stands in another place than the parameter's.
        const bool covers = std::all_of(patient.begin(), patient.end(), [&](const Source& p) {
            return std::any_of(compiled.sources.begin(), compiled.sources.end(),
                               [&](const Source& source) { return source.space == p.space; });
        });
        if (subject && !covers) criterion_.lossy = true;
        for (const Wanted& wanted : detail_.wanted) {
            if (wanted.text.find('|') != std::string::npos) criterion_.lossy = true;
            for (const std::string& reference : wanted.references) {
                const bool names_patient = reference.starts_with("Patient/");
                if (subject && names_patient) criterion_.ids.push_back(reference.substr(8));
                for (const Source& source : compiled.sources) {
                    if (Refuses(source, reference)) criterion_.lossy = true;
                    const bool by_column = subject && names_patient && is_patient_place(source);
                    if (by_column && !source.repeats) continue;
                    Probe(source.space, kFormReference, reference);
                }
            }
        }
        if (!criterion_.ids.empty())
            criterion_.kind = CriterionKind::kPatient;
        else if (criterion_.tokens.empty())
            NeedCompanion();
    }

    // where(resolve() is Practitioner) of an actor asked for a patient: the matcher says no.
    static bool Refuses(const Source& source, std::string_view reference) {
        return std::any_of(
            source.steps.begin(), source.steps.end(), [&](const fhir::PlainStep& step) {
                return !step.refers_to.empty() && fhir::ReferenceType(reference) != step.refers_to;
            });
    }

    const fhir::Definitions& definitions_;
    std::string_view type_;
    const CriterionDetail& detail_;
    Criterion& criterion_;
};

using Days = std::chrono::sys_days;
using Date = std::chrono::year_month_day;

Days DayOf(Micros time) {
    return std::chrono::floor<std::chrono::days>(
        std::chrono::sys_time<std::chrono::microseconds>(std::chrono::microseconds(time)));
}

std::string DayText(Days day, std::size_t size) {
    return FormatInstant(day.time_since_epoch().count() * kDay).substr(0, size);
}

// The tokens that cover every date, known to the day, month or year, that touches [first, last].
std::optional<std::vector<TokenProbe>> Cover(const std::string& space, Days first, Days last) {
    std::vector<TokenProbe> out;
    const auto add = [&](std::string_view form, std::string value) {
        out.push_back({space, std::string(form), std::move(value)});
        return out.size() <= kPrivateProbesMax;
    };
    const auto month_end = [](Date date) {
        return Days(date.year() / date.month() / std::chrono::last);
    };
    for (Days day = first; day <= last;) {
        const Date date(day);
        const Days year_start = Days(date.year() / std::chrono::January / 1);
        const Days year_end = Days(date.year() / std::chrono::December / 31);
        const Days end = month_end(date);
        const bool first_of_year = day == first || day == year_start;
        // What is known to the year only touches any part of it; likewise a month.
        if (day == year_start && year_end <= last) {
            if (!add(kFormYear, DayText(day, 4))) return std::nullopt;
            day = year_end + std::chrono::days(1);
            continue;
        }
        if (first_of_year && !add(kFormDay, DayText(day, 4))) return std::nullopt;
        if (static_cast<unsigned>(date.day()) == 1 && end <= last) {
            if (!add(kFormMonth, DayText(day, 7))) return std::nullopt;
            day = end + std::chrono::days(1);
            continue;
        }
        const bool first_of_month = day == first || static_cast<unsigned>(date.day()) == 1;
        if (first_of_month && !add(kFormDay, DayText(day, 7))) return std::nullopt;
        if (!add(kFormDay, DayText(day, 10))) return std::nullopt;
        day += std::chrono::days(1);
    }
    return out;
}

// The ends that a single relation sets; what it leaves open stays empty.
struct Ends {
    std::optional<Micros> low;
    std::optional<Micros> high;
};

std::optional<Ends> EndsOf(const Criterion& criterion) {
    const CriterionDetail* detail = criterion.detail.get();
    if (detail == nullptr || detail->compiled == nullptr || detail->modifier != Modifier::kNone ||
        detail->compiled->kind != ParameterKind::kPrivateDate || detail->wanted.size() != 1) {
        return std::nullopt;
    }
    const RangeProbe& range = detail->wanted[0].range;
    switch (range.relation) {
        case Relation::kAbove:
        case Relation::kAfter:
            return Ends{range.high, {}};
        case Relation::kAtOrAbove:
            return Ends{range.low, {}};
        case Relation::kBelow:
        case Relation::kBefore:
            return Ends{{}, range.low};
        case Relation::kAtOrBelow:
            return Ends{{}, range.high};
        case Relation::kOverlaps:
            return Ends{range.low, range.high};
        default:
            return std::nullopt;
    }
}

bool Covered(Criterion& first, Ends ends) {
    if (!ends.low || !ends.high) return false;
    if (*ends.low > *ends.high) std::swap(ends.low, ends.high);
    std::vector<TokenProbe> probes;
    for (const Source& source : first.detail->compiled->sources) {
        auto cover = Cover(source.space, DayOf(*ends.low), DayOf(*ends.high));
        if (!cover) return false;
        probes.insert(probes.end(), cover->begin(), cover->end());
    }
    first.tokens = std::move(probes);
    first.needs_companion = false;
    return true;
}

}  // namespace

void FillCriterion(const fhir::Definitions& definitions, std::string_view type,
                   const CriterionDetail& detail, Criterion& criterion) {
    Builder(definitions, type, detail, criterion).Run();
}

void JoinPrivateDates(std::vector<Criterion>& criteria) {
    for (Criterion& first : criteria) {
        const std::optional<Ends> own = EndsOf(first);
        if (!own || !first.needs_companion) continue;
        if (Covered(first, *own)) continue;
        for (const Criterion& other : criteria) {
            const std::optional<Ends> more = EndsOf(other);
            if (!more || &other == &first ||
                other.detail->compiled->parameter != first.detail->compiled->parameter) {
                continue;
            }
            Ends both = *own;
            if (!both.low) both.low = more->low;
            if (!both.high) both.high = more->high;
            if (Covered(first, both)) break;
        }
    }
}

bool CompartmentCriterion(const fhir::Definitions& definitions, std::string_view type,
                          std::string_view patient_id, Criterion& criterion) {
    if (!InPatientCompartment(definitions, type)) return false;
    auto detail = std::make_shared<CriterionDetail>();
    criterion.parameter = "Patient";
    criterion.kind = CriterionKind::kPatient;
    criterion.ids.emplace_back(patient_id);
    const std::string reference = "Patient/" + std::string(patient_id);
    const std::span<const Source> patient = PatientSources(definitions, type);
    for (const std::string_view code : definitions.CompartmentParameters("Patient", type)) {
        const fhir::SearchParameter* parameter = definitions.FindSearchParameter(type, code);
        if (parameter == nullptr) continue;  // "{def}"
        const auto compiled = CompileParameter(definitions, type, *parameter);
        if (compiled->kind != ParameterKind::kReference) continue;
        detail->compartment.push_back(compiled);
        for (const Source& source : compiled->sources) {
            const bool by_column =
                !source.repeats &&
                std::any_of(patient.begin(), patient.end(),
                            [&](const Source& p) { return p.space == source.space; });
            if (by_column) continue;
            const bool known =
                std::any_of(criterion.tokens.begin(), criterion.tokens.end(),
                            [&](const TokenProbe& probe) { return probe.space == source.space; });
            if (!known)
                criterion.tokens.push_back({source.space, std::string(kFormReference), reference});
        }
    }
    criterion.lossy = !criterion.tokens.empty();  // who belongs where is no matter of hashes
    criterion.detail = std::move(detail);
    return true;
}

}  // namespace carestream::search
