#include "search/index.h"

#include <algorithm>
#include <charconv>
#include <tuple>
#include <utility>

#include "search/internal/fold.h"
#include "search/internal/parameter.h"
#include "search/internal/tokens.h"

namespace carestream::search {
namespace {

// One place of a type that the index reads, for all parameters over it.
struct IndexSource {
    ParameterKind kind = ParameterKind::kToken;
    Leaf leaf = Leaf::kOther;
    std::vector<fhir::PlainStep> steps;  // without conditions
    std::string space;
    std::uint32_t range_id = 0;
    Prefixes prefixes = Prefixes::kStart;
    bool names_patient = false;  // its one patient is the subject column's matter

    [[nodiscard]] auto Key() const { return std::tie(kind, space, range_id, prefixes); }
};

struct TypePlan {
    std::vector<IndexSource> sources;
    std::vector<std::shared_ptr<const Compiled>> general;
    std::span<const Source> patient;
    std::vector<std::shared_ptr<const Compiled>> main_dates;
};

bool SameSteps(const std::vector<fhir::PlainStep>& a, const std::vector<fhir::PlainStep>& b) {
    return std::equal(
        a.begin(), a.end(), b.begin(), b.end(),
        [](const fhir::PlainStep& x, const fhir::PlainStep& y) { return x.member == y.member; });
}

// Does anything of such a value go into the index?
bool Indexable(ParameterKind kind, Leaf leaf) {
    switch (kind) {
        case ParameterKind::kDate:
        case ParameterKind::kPrivateDate:
            return leaf == Leaf::kDate || leaf == Leaf::kPeriod || leaf == Leaf::kTiming;
        case ParameterKind::kNumber:
        case ParameterKind::kQuantity:
            return leaf == Leaf::kNumber || leaf == Leaf::kQuantity || leaf == Leaf::kRange;
        case ParameterKind::kReference:
            return leaf == Leaf::kReference || leaf == Leaf::kCanonical || leaf == Leaf::kUri;
        case ParameterKind::kUri:
            return leaf == Leaf::kUri || leaf == Leaf::kCanonical;
        case ParameterKind::kToken:
        case ParameterKind::kString:
            return leaf != Leaf::kOther;
        default:
            return false;
    }
}

class Extraction {
public:
    Extraction(const fhir::Definitions& definitions, const TypePlan& plan,
               const fhir::Node& resource)
        : definitions_(definitions), plan_(plan), resource_(resource) {}

    IndexEntries Run(std::string_view type) {
        FindPatient(type);
        for (const IndexSource& source : plan_.sources) {
            const fhir::PlainStep* begin = source.steps.data();
            fhir::FollowSteps(resource_, begin, begin + source.steps.size(), false,
                              [&](const fhir::Node& node) { Add(node, source); });
        }
        for (const auto& compiled : plan_.general) AddGeneral(*compiled);
        FindMainDate();
        Finish();
        return std::move(out_);
    }

private:
    void FindPatient(std::string_view type) {
        if (type == "Patient") {
            out_.patient_id = resource_.TextOf("id");
            return;
        }
        bool several = false;
        for (const Source& source : plan_.patient) {
            const fhir::PlainStep* begin = source.steps.data();
            fhir::FollowSteps(
                resource_, begin, begin + source.steps.size(), false, [&](const fhir::Node& node) {
                    std::string_view id = ReferenceOf(node, source.leaf);
                    if (!id.starts_with("Patient/")) return;
                    id.remove_prefix(8);
                    several = several || (!out_.patient_id.empty() && out_.patient_id != id);
                    out_.patient_id = id;
                });
        }
        if (several) out_.patient_id.clear();
    }

    void Put(std::string_view space, std::string_view form, std::string value) {
        out_.tokens.push_back({space, form, std::move(value)});
    }

    void Add(const fhir::Node& node, const IndexSource& source) {
        switch (source.kind) {
            case ParameterKind::kToken:
                AddToken(node, source.leaf, source.space);
                break;
            case ParameterKind::kString:
                AddString(node, source);
                break;
            case ParameterKind::kReference:
                AddReference(node, source);
                break;
            case ParameterKind::kUri:
                Put(source.space, kFormUri, node.text());
                break;
            case ParameterKind::kDate:
                AddDate(node, source.leaf, source.range_id);
                break;
            case ParameterKind::kPrivateDate:
                AddPrivateDate(node, source.space);
                break;
            case ParameterKind::kNumber:
            case ParameterKind::kQuantity:
                AddNumber(node, source.leaf, source.range_id);
                break;
            default:
                break;
        }
    }

    void AddToken(const fhir::Node& node, Leaf leaf, std::string_view space) {
        VisitTokens(node, leaf, [&](std::string_view system, std::string_view code) {
            Put(space, kFormCode, std::string(code));
            if (!system.empty()) Put(space, kFormSystemCode, SystemCode(system, code));
        });
    }

    void AddString(const fhir::Node& node, const IndexSource& source) {
        VisitStrings(node, source.leaf, [&](std::string_view text) {
            // Only the beginning of a report can be searched for: no need to fold the whole.
            if (source.prefixes == Prefixes::kStart) text = text.substr(0, 256);
            const std::string folded = Fold(text);
            if (source.prefixes == Prefixes::kStart) {
                AddPrefixes(folded, source);
                return;
            }
            for (const std::string_view word : Words(folded)) AddPrefixes(word, source);
        });
    }

    void AddPrefixes(std::string_view text, const IndexSource& source) {
        if (text.empty()) return;
        if (CharacterCount(text) == 1) Put(source.space, PrefixForm(1), std::string(text));
        for (const std::size_t length : PrefixLengths(source.prefixes)) {
            const std::string_view prefix = Prefix(text, length);
            if (prefix.empty()) break;
            Put(source.space, PrefixForm(length), std::string(prefix));
        }
    }

    void AddReference(const fhir::Node& node, const IndexSource& source) {
        const std::string_view reference = ReferenceOf(node, source.leaf);
        if (reference.empty()) return;
        const bool is_subject = source.names_patient && !out_.patient_id.empty() &&
                                reference.starts_with("Patient/") &&
                                reference.substr(8) == out_.patient_id;
        if (!is_subject) Put(source.space, kFormReference, std::string(reference));
    }

    void AddDate(const fhir::Node& node, Leaf leaf, std::uint32_t id) {
        if (const std::optional<Interval> interval = DateInterval(node, leaf)) {
            out_.dates.push_back({id, interval->low, interval->high});
        }
    }

    void AddPrivateDate(const fhir::Node& node, std::string_view space) {
        const auto date = fhir::Temporal::ParseDateTime(node.text());
        if (!date) return;
        PrivateDate forms = PrivateDateOf(*date);
        Put(space, kFormDay, std::move(forms.day));
        if (!forms.month.empty()) Put(space, kFormMonth, std::move(forms.month));
        Put(space, kFormYear, std::move(forms.year));
    }

    void AddNumber(const fhir::Node& node, Leaf leaf, std::uint32_t id) {
        VisitNumbers(node, leaf, [&](std::string_view text, const fhir::Node*) {
            double value = 0;
            const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
            if (result.ec == std::errc()) out_.numbers.push_back({id, value});
        });
    }

    void AddGeneral(const Compiled& compiled) {
        VisitValues(definitions_, compiled, resource_,
                    [&](const fhir::Node& node, Leaf leaf, std::string_view space, const Source*) {
                        if (!Indexable(compiled.kind, leaf)) return;
                        IndexSource source;
                        source.kind = compiled.kind;
                        source.leaf = leaf;
                        source.range_id = compiled.range_id;
                        if (compiled.kind == ParameterKind::kToken)
                            AddToken(node, leaf, space);
                        else if (compiled.range_id != 0)
                            Add(node, source);
                    });
    }

    void FindMainDate() {
        for (const auto& compiled : plan_.main_dates) {
            VisitValues(definitions_, *compiled, resource_,
                        [&](const fhir::Node& node, Leaf leaf, std::string_view, const Source*) {
                            const std::optional<Interval> interval = DateInterval(node, leaf);
                            if (!interval) return;
                            if (!out_.has_main_date || interval->low < out_.main_date) {
                                out_.main_date = interval->low;
                            }
                            out_.has_main_date = true;
                        });
            if (out_.has_main_date) return;
        }
    }

    void CollectReferences(const fhir::Node& node) {
        for (const fhir::Member& member : node.members()) {
            if (member.value.IsString()) {
                if (member.name == "reference") AddLink(member.value.text());
            } else {
                CollectReferences(member.value);
            }
        }
        for (const fhir::Node& item : node.items()) CollectReferences(item);
    }

    void AddLink(std::string_view reference) {
        reference = reference.substr(0, reference.find("/_history/"));
        const std::size_t slash = reference.find('/');
        if (slash == std::string_view::npos || slash + 1 == reference.size() ||
            reference.find('/', slash + 1) != std::string_view::npos ||
            definitions_.ResourceTypeNumber(reference.substr(0, slash)) == 0) {
            return;
        }
        out_.references.emplace_back(reference);
    }

    void Finish() {
        CollectReferences(resource_);
        std::sort(out_.references.begin(), out_.references.end());
        out_.references.erase(std::unique(out_.references.begin(), out_.references.end()),
                              out_.references.end());
        const auto token = [](const TokenEntry& entry) {
            return std::tie(entry.space, entry.form, entry.value);
        };
        const auto date = [](const DateEntry& entry) {
            return std::tie(entry.parameter, entry.low, entry.high);
        };
        const auto number = [](const NumberEntry& entry) {
            return std::tie(entry.parameter, entry.value);
        };
        const auto tidy = [](auto& entries, const auto& key) {
            std::sort(entries.begin(), entries.end(),
                      [&](const auto& a, const auto& b) { return key(a) < key(b); });
            entries.erase(
                std::unique(entries.begin(), entries.end(),
                            [&](const auto& a, const auto& b) { return key(a) == key(b); }),
                entries.end());
        };
        tidy(out_.tokens, token);
        tidy(out_.dates, date);
        tidy(out_.numbers, number);
    }

    const fhir::Definitions& definitions_;
    const TypePlan& plan_;
    const fhir::Node& resource_;
    IndexEntries out_;
};

class CompiledIndexer final : public Indexer {
public:
    explicit CompiledIndexer(std::shared_ptr<const fhir::Definitions> definitions)
        : definitions_(std::move(definitions)) {}

    Result<void> Compile() {
        plans_.resize(definitions_->ResourceTypes().size() + 1);
        for (const std::string_view type : definitions_->ResourceTypes()) {
            CARESTREAM_TRY(CompileType(type));
        }
        return {};
    }

    IndexEntries Extract(const fhir::Node& resource) const override {
        const std::string_view type = resource.TextOf("resourceType");
        const int number = definitions_->ResourceTypeNumber(type);
        if (number == 0) return {};
        return Extraction(*definitions_, plans_[static_cast<std::size_t>(number)], resource)
            .Run(type);
    }

private:
    Result<void> CompileType(std::string_view type) {
        TypePlan& plan = plans_[static_cast<std::size_t>(definitions_->ResourceTypeNumber(type))];
        plan.patient = PatientSources(*definitions_, type);
        plan.main_dates = MainDates(*definitions_, type);
        for (const fhir::SearchParameter* parameter : definitions_->SearchParameters(type)) {
            if (parameter->code == "_id" || parameter->code == "_lastUpdated") continue;
            const auto compiled = CompileParameter(*definitions_, type, *parameter);
            const bool offered = KindOf(*parameter) != ParameterKind::kSpecial;
            if (offered && compiled->kind == ParameterKind::kSpecial &&
                KindOf(*parameter) != ParameterKind::kComposite) {
                return Fail(Code::kInvalid,
                            "search parameter does not compile: " + std::string(parameter->url));
            }
            if (compiled->kind == ParameterKind::kSpecial ||
                compiled->kind == ParameterKind::kComposite) {
                continue;
            }
            for (const Source& source : compiled->sources) AddSource(plan, *compiled, source);
            if (compiled->general) plan.general.push_back(compiled);
        }
        return {};
    }

    static void AddSource(TypePlan& plan, const Compiled& compiled, const Source& source) {
        if (!Indexable(compiled.kind, source.leaf)) return;
        IndexSource added;
        added.kind = compiled.kind;
        // Quantities and numbers are stored alike: one row for both kinds of parameter.
        if (added.kind == ParameterKind::kQuantity) added.kind = ParameterKind::kNumber;
        added.leaf = source.leaf;
        added.space = source.space;
        added.range_id = compiled.range_id;
        added.prefixes = source.prefixes;
        added.steps = source.steps;
        added.names_patient = std::any_of(
            plan.patient.begin(), plan.patient.end(),
            [&](const Source& patient) { return SameSteps(patient.steps, source.steps); });
        for (const IndexSource& present : plan.sources) {
            if (present.Key() == added.Key() && SameSteps(present.steps, added.steps)) return;
        }
        plan.sources.push_back(std::move(added));
    }

    std::shared_ptr<const fhir::Definitions> definitions_;
    std::vector<TypePlan> plans_;
};

}  // namespace

Result<std::shared_ptr<const Indexer>> Indexer::Create(
    std::shared_ptr<const fhir::Definitions> definitions) {
    auto indexer = std::make_shared<CompiledIndexer>(std::move(definitions));
    CARESTREAM_TRY(indexer->Compile());
    return std::shared_ptr<const Indexer>(std::move(indexer));
}

}  // namespace carestream::search
