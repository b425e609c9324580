#include "search/query.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/text.h"
#include "search/internal/criteria.h"
#include "search/internal/wanted.h"
#include "search/main_date.h"

namespace carestream::search {
namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;

Error At(Error error, std::string_view parameter) {
    error.path = parameter;
    return error;
}

class QueryParser {
public:
    QueryParser(const fhir::Definitions& definitions, std::string_view type,
                const QueryLimits& limits)
        : definitions_(definitions), limits_(limits) {
        query_.type = type;
        query_.count = limits.count_default;
    }

    Result<Query> Parse(const Parameters& parameters, std::string_view patient_id) {
        if (definitions_.ResourceTypeNumber(query_.type) == 0) {
            return Fail(Code::kInvalid, "not a resource type of FHIR R4", query_.type);
        }
        if (parameters.size() > limits_.parameters_max) {
            return Fail(Code::kLimit, "more than " + std::to_string(limits_.parameters_max) +
                                          " parameters in one search");
        }
        if (!patient_id.empty()) {
            Criterion criterion;
            if (!CompartmentCriterion(definitions_, query_.type, patient_id, criterion)) {
                return Fail(Code::kInvalid, "the type is not in the Patient compartment",
                            query_.type);
            }
            query_.criteria.push_back(std::move(criterion));
        }
        for (const auto& [name, value] : parameters) {
            Result<void> added = Add(name, value);
            if (!added) return Fail(At(std::move(added).error(), name));
        }
        JoinPrivateDates(query_.criteria);
        return std::move(query_);
    }

private:
    Result<void> Add(const std::string& name, const std::string& value) {
        const std::size_t colon = name.find(':');
        const std::string_view base = std::string_view(name).substr(0, colon);
        const std::string_view modifier = colon == std::string::npos
                                              ? std::string_view()
                                              : std::string_view(name).substr(colon + 1);
        if (base == "_has") return Fail(Code::kUnsupported, "reverse chains are not offered");
        if (name.find('.') != std::string::npos) {
            return Fail(Code::kUnsupported,
                        "chained parameters are not offered: search for the other resource first");
        }
        const std::size_t left_out = query_.unknown.size() + query_.empty.size();
        if (base.starts_with('_')) {
            CARESTREAM_ASSIGN(done, Control(base, modifier, value));
            if (done) {
                if (value.empty())
                    query_.empty.push_back(name);
                else if (base != "_format")
                    query_.self.emplace_back(name, value);
                return {};
            }
        }
        CARESTREAM_TRY(AddCriterion(name, base, modifier, value));
        if (query_.unknown.size() + query_.empty.size() == left_out) {
            query_.self.emplace_back(name, value);
        }
        return {};
    }

    // Left out, an empty patient or _id would find the resources of everybody.
    static Result<void> RefuseEmpty() {
        return Fail(Code::kInvalid, "has no value; without one it would confine nothing");
    }

    // True when `base` is a parameter of the search itself and was taken.
    Result<bool> Control(std::string_view base, std::string_view modifier,
                         const std::string& value) {
        constexpr std::array<std::string_view, 9> kNotOffered = {
            "_text",      "_content",       "_list",  "_query",   "_filter",
            "_contained", "_containedType", "_score", "_elements"};
        if (std::find(kNotOffered.begin(), kNotOffered.end(), base) != kNotOffered.end()) {
            return Fail(Code::kUnsupported, "not offered");
        }
        const bool include = base == "_include" || base == "_revinclude";
        const bool ours = include || base == "_count" || base == "_sort" || base == "_total" ||
                          base == "_summary" || base == "_format" || base == "_pretty" ||
                          base == "_id" || base == "_lastUpdated";
        if (!ours) return false;
        if (!modifier.empty()) return Fail(Code::kUnsupported, "this modifier is not offered here");
        if (value.empty()) {
            if (base == "_id") CARESTREAM_TRY(RefuseEmpty());
            return true;
        }
        if (include) CARESTREAM_TRY(AddInclude(value, base == "_revinclude"));
        if (base == "_count") CARESTREAM_TRY(Count(value));
        if (base == "_sort") CARESTREAM_TRY(Sort(value));
        if (base == "_total") CARESTREAM_TRY(Total(value));
        if (base == "_summary") CARESTREAM_TRY(Summary(value));
        if (base == "_format") CARESTREAM_TRY(Format(value));
        if (base == "_id") CARESTREAM_TRY(Ids(value));
        if (base == "_lastUpdated") CARESTREAM_TRY(LastUpdated(value));
        return true;
    }

    Result<void> Count(std::string_view value) {
        int count = 0;
        const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), count);
        const bool huge = error == std::errc::result_out_of_range && IsDigits(value);
        if (!huge && (error != std::errc() || end != value.data() + value.size() || count < 0)) {
            return Fail(Code::kInvalid, "not a number of entries");
        }
        if (count_only_) return {};
        query_.count = huge ? limits_.count_max : std::min(count, limits_.count_max);
        if (query_.count == 0) query_.total = Query::Total::kExact;
        return {};
    }

    Result<void> Total(std::string_view value) {
        if (value != "none" && value != "estimate" && value != "accurate") {
            return Fail(Code::kInvalid, "one of none, estimate, accurate");
        }
        if (value != "none") query_.total = Query::Total::kExact;
        return {};
    }

    Result<void> Summary(std::string_view value) {
        if (value == "false") return {};
        if (value != "count") return Fail(Code::kUnsupported, "only _summary=count is offered");
        count_only_ = true;
        query_.count = 0;
        query_.total = Query::Total::kExact;
        return {};
    }

    static Result<void> Format(std::string_view value) {
        constexpr std::array<std::string_view, 4> kJson = {"json", "application/json",
                                                           "application/fhir+json", "text/json"};
        const std::string_view media = Trim(value.substr(0, value.find(';')));
        // An unencoded plus arrives as a blank.
        if (media == "application/fhir json") return {};
        if (std::find(kJson.begin(), kJson.end(), media) != kJson.end()) return {};
        return Fail(Code::kUnsupported, "only JSON is offered");
    }

    Result<std::vector<std::string_view>> Alternatives(std::string_view value) {
        std::vector<std::string_view> parts = SplitEscaped(value, ',');
        std::erase(parts, std::string_view());
        if (parts.empty()) return Fail(Code::kInvalid, "no value");
        if (parts.size() > limits_.values_max) {
            return Fail(Code::kLimit,
                        "more than " + std::to_string(limits_.values_max) + " values");
        }
        return parts;
    }

    Result<void> Ids(std::string_view value) {
        CARESTREAM_ASSIGN(parts, Alternatives(value));
        Criterion criterion;
        criterion.parameter = "_id";
        criterion.kind = CriterionKind::kId;
        for (const std::string_view part : parts) {
            criterion.values.push_back(Unescape(part));
            criterion.ids.push_back(Unescape(part));
        }
        query_.criteria.push_back(std::move(criterion));
        return {};
    }

    Result<void> LastUpdated(std::string_view value) {
        CARESTREAM_ASSIGN(parts, Alternatives(value));
        Criterion criterion;
        criterion.parameter = "_lastUpdated";
        criterion.kind = CriterionKind::kLastUpdated;
        for (const std::string_view part : parts) {
            CARESTREAM_ASSIGN(range, ParseDateRange(Unescape(part), limits_));
            criterion.values.push_back(Unescape(part));
            criterion.ranges.push_back(range);
        }
        query_.criteria.push_back(std::move(criterion));
        return {};
    }

    Result<void> Sort(std::string_view value) {
        if (value.find(',') != std::string_view::npos) {
            return Fail(Code::kUnsupported, "sorting by one parameter is offered");
        }
        SortKey key;
        key.descending = value.starts_with('-');
        if (key.descending) value.remove_prefix(1);
        if (value == "_id") {
            key.kind = SortKey::Kind::kId;
        } else if (value != "_lastUpdated") {
            const fhir::SearchParameter* parameter =
                definitions_.FindSearchParameter(query_.type, value);
            if (parameter == nullptr) {
                return Fail(Code::kInvalid, "no such parameter to sort by");
            }
            const auto compiled = CompileParameter(definitions_, query_.type, *parameter);
            if (compiled->kind == ParameterKind::kDate) {
                const std::uint32_t main = MainDateId(definitions_, query_.type);
                key.kind =
                    compiled->range_id == main ? SortKey::Kind::kMainDate : SortKey::Kind::kDate;
            } else if (compiled->kind == ParameterKind::kNumber ||
                       (compiled->kind == ParameterKind::kQuantity && !compiled->range_shared)) {
                key.kind = SortKey::Kind::kNumber;
            } else {
                return Fail(Code::kUnsupported,
                            "sorting is offered by _lastUpdated, _id, dates and numbers");
            }
            key.parameter_id = compiled->range_id;
        }
        query_.sort = key;
        return {};
    }

    // Type:parameter[:target]
    Result<void> AddInclude(std::string_view value, bool reverse) {
        const std::vector<std::string_view> parts = Split(value, ':');
        if (value == "*" || (parts.size() > 1 && parts[1] == "*")) {
            return Fail(Code::kUnsupported, "wildcards are not offered: name the parameter");
        }
        if (parts.size() < 2 || parts.size() > 3) {
            return Fail(Code::kInvalid, "written as Type:parameter or Type:parameter:Target");
        }
        Include include;
        include.source = parts[0];
        include.parameter = parts[1];
        if (parts.size() == 3) include.target = parts[2];
        include.reverse = reverse;
        const fhir::SearchParameter* parameter =
            definitions_.FindSearchParameter(include.source, include.parameter);
        if (parameter == nullptr || parameter->type != "reference") {
            return Fail(Code::kInvalid, "no such reference parameter");
        }
        if (!reverse && include.source != query_.type) {
            return Fail(Code::kInvalid, "the type before the colon is the one that is searched");
        }
        if (!include.target.empty() && definitions_.ResourceTypeNumber(include.target) == 0) {
            return Fail(Code::kInvalid, "the target is no resource type");
        }
        if (reverse && !include.target.empty() && include.target != query_.type) {
            return Fail(Code::kInvalid, "the target of _revinclude is the type that is searched");
        }
        query_.includes.push_back(std::move(include));
        return {};
    }

    Result<Modifier> ReadModifier(const Compiled& compiled, std::string_view modifier,
                                  std::string_view& type) {
        using Kind = ParameterKind;
        if (modifier.empty()) return Modifier::kNone;
        if (modifier == "missing") return Modifier::kMissing;
        if (modifier == "not" && compiled.kind == Kind::kToken) return Modifier::kNot;
        if (compiled.kind == Kind::kString && modifier == "exact") return Modifier::kExact;
        if (compiled.kind == Kind::kString && modifier == "contains") return Modifier::kContains;
        if (compiled.kind == Kind::kReference && definitions_.ResourceTypeNumber(modifier) != 0) {
            type = modifier;
            return Modifier::kNone;
        }
        constexpr std::array<std::string_view, 8> kKnown = {
            "text", "in", "not-in", "above", "below", "identifier", "of-type", "ofType"};
        const bool known = std::find(kKnown.begin(), kKnown.end(), modifier) != kKnown.end();
        return Fail(known ? Code::kUnsupported : Code::kInvalid,
                    known ? "this modifier is not offered" : "no such modifier for this parameter");
    }

    Result<void> AddCriterion(const std::string& name, std::string_view base,
                              std::string_view modifier, const std::string& value) {
        const fhir::SearchParameter* parameter =
            definitions_.FindSearchParameter(query_.type, base);
        if (parameter == nullptr) {
            query_.unknown.push_back(name);
            return {};
        }
        auto detail = std::make_shared<CriterionDetail>();
        detail->compiled = CompileParameter(definitions_, query_.type, *parameter);
        const Compiled& compiled = *detail->compiled;
        const bool resources = compiled.kind == ParameterKind::kReference && compiled.general;
        if (compiled.kind == ParameterKind::kSpecial || resources) {
            return Fail(Code::kUnsupported, "this parameter is not offered");
        }
        std::string_view type;
        CARESTREAM_ASSIGN(read, ReadModifier(compiled, modifier, type));
        detail->modifier = read;
        if (value.empty()) {  // FHIR R4 3.1.1.3: no error, the parameter is ignored
            if (compiled.kind == ParameterKind::kReference) return RefuseEmpty();
            query_.empty.push_back(name);
            return {};
        }
        CARESTREAM_ASSIGN(parts, Alternatives(value));
        Criterion criterion;
        criterion.parameter = name;
        for (const std::string_view part : parts) criterion.values.push_back(Unescape(part));
        if (detail->modifier == Modifier::kMissing) {
            if (value != "true" && value != "false") return Fail(Code::kInvalid, "true or false");
            detail->wants_missing = value == "true";
        } else {
            for (const std::string_view part : parts) {
                CARESTREAM_ASSIGN(wanted, ParseWanted(definitions_, compiled, part, type, limits_));
                detail->wanted.push_back(std::move(wanted));
            }
        }
        FillCriterion(definitions_, query_.type, *detail, criterion);
        criterion.detail = std::move(detail);
        query_.criteria.push_back(std::move(criterion));
        return {};
    }

    const fhir::Definitions& definitions_;
    const QueryLimits& limits_;
    Query query_;
    bool count_only_ = false;
};

}  // namespace

Result<Query> ParseQuery(const fhir::Definitions& definitions, std::string_view type,
                         const Parameters& parameters, std::string_view patient_id,
                         const QueryLimits& limits) {
    return QueryParser(definitions, type, limits).Parse(parameters, patient_id);
}

std::optional<Criterion> PatientCompartment(const fhir::Definitions& definitions,
                                            std::string_view type, std::string_view patient_id) {
    Criterion criterion;
    if (!CompartmentCriterion(definitions, type, patient_id, criterion)) return std::nullopt;
    return criterion;
}

}  // namespace carestream::search
