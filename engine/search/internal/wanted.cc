#include "search/internal/wanted.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "fhir/decimal.h"
#include "fhir/temporal.h"
#include "search/internal/fold.h"

namespace carestream::search {
namespace {

using fhir::Decimal;

// "ge2020": the relation, and the text without its prefix. Error for letters that are no prefix.
Result<Relation> TakePrefix(std::string_view& text) {
    constexpr std::array<std::pair<std::string_view, Relation>, 9> kPrefixes = {{
        {"eq", Relation::kContains},
        {"ne", Relation::kDisjoint},
        {"gt", Relation::kAbove},
        {"lt", Relation::kBelow},
        {"ge", Relation::kAtOrAbove},
        {"le", Relation::kAtOrBelow},
        {"sa", Relation::kAfter},
        {"eb", Relation::kBefore},
        {"ap", Relation::kOverlaps},
    }};
    const bool letter = !text.empty() && text[0] >= 'a' && text[0] <= 'z';
    if (!letter) return Relation::kContains;
    for (const auto& [prefix, relation] : kPrefixes) {
        if (!text.starts_with(prefix)) continue;
        text.remove_prefix(prefix.size());
        return relation;
    }
    return Fail(Code::kInvalid, "not a prefix (eq ne gt lt ge le sa eb ap)");
}

// Half of what the last digit leaves open; 1.0e2 leaves 5.
std::optional<Decimal> HalfUnit(std::string_view text) {
    const std::size_t exponent = text.find_first_of("eE");
    const std::optional<Decimal> mantissa = Decimal::Parse(text.substr(0, exponent));
    if (!mantissa) return std::nullopt;
    std::string half = mantissa->HalfUnit().ToString();
    if (exponent != std::string_view::npos) half += text.substr(exponent);
    return Decimal::Parse(half);
}

Result<RangeProbe> ParseNumberRange(std::string_view value) {
    RangeProbe probe;
    CARESTREAM_ASSIGN(relation, TakePrefix(value));
    probe.relation = relation;
    const std::optional<Decimal> number = Decimal::Parse(value);
    if (!number) return Fail(Code::kInvalid, "not a number");
    probe.number_low = probe.number_high = number->ToDouble();
    if (relation == Relation::kContains || relation == Relation::kDisjoint) {
        const std::optional<Decimal> half = HalfUnit(value);
        const auto low = half ? Decimal::Subtract(*number, *half) : std::nullopt;
        const auto high = half ? Decimal::Add(*number, *half) : std::nullopt;
        if (!low || !high) return Fail(Code::kInvalid, "not a number");
        probe.number_low = low->ToDouble();
        // [low, high): the upper end belongs to the next number.
        probe.number_high =
            std::nextafter(high->ToDouble(), -std::numeric_limits<double>::infinity());
    }
    if (relation == Relation::kOverlaps) {
        const double tolerance = std::fabs(probe.number_low) / 10;
        probe.number_low -= tolerance;
        probe.number_high += tolerance;
    }
    return probe;
}

bool IsId(std::string_view text) {
    return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '.';
    });
}

// system|code, code, |code, system|
void ParseToken(std::string_view value, Wanted& out) {
    const std::vector<std::string_view> parts = SplitEscaped(value, '|');
    out.any_system = parts.size() == 1;
    if (!out.any_system) {
        out.system = Unescape(parts[0]);
        value.remove_prefix(parts[0].size() + 1);
    }
    out.code = Unescape(value);
    out.any_code = out.code.empty();
}

Result<void> ParseQuantity(std::string_view value, Wanted& out) {
    const std::vector<std::string_view> parts = SplitEscaped(value, '|');
    if (parts.size() != 1 && parts.size() != 3) {
        return Fail(Code::kInvalid, "a quantity is number or number|system|code");
    }
    CARESTREAM_ASSIGN(range, ParseNumberRange(parts[0]));
    out.range = range;
    out.any_system = parts.size() == 1 || parts[1].empty();
    out.any_code = parts.size() == 1 || parts[2].empty();
    if (parts.size() == 3) {
        out.system = Unescape(parts[1]);
        out.code = Unescape(parts[2]);
    }
    return {};
}

Result<void> AddTargets(const fhir::Definitions& definitions, const Compiled& compiled,
                        std::string_view id, Wanted& out) {
    if (!IsId(id)) return Fail(Code::kInvalid, "not a reference (Type/id, an id or a URL)");
    const auto add = [&](std::string_view type) {
        out.references.push_back(std::string(type) + "/" + std::string(id));
    };
    const auto targets = compiled.parameter->targets;
    if (targets.empty()) {
        for (const std::string_view type : definitions.ResourceTypes()) add(type);
    }
    for (const std::string_view type : targets) add(type);
    return {};
}

Result<void> ParseReference(const fhir::Definitions& definitions, const Compiled& compiled,
                            std::string_view escaped, std::string_view type,
                            const QueryLimits& limits, Wanted& out) {
    out.text = Unescape(escaped);
    std::string_view value = out.text;
    const bool canonical =
        std::all_of(compiled.sources.begin(), compiled.sources.end(), [](const Source& source) {
            return source.leaf == Leaf::kCanonical || source.leaf == Leaf::kUri;
        });
    if (canonical) {
        out.references.emplace_back(value.substr(0, value.find('|')));
        return {};
    }
    const bool own = !limits.base_url.empty() && value.starts_with(limits.base_url + "/");
    if (own) value.remove_prefix(limits.base_url.size() + 1);
    value = value.substr(0, value.find("/_history/"));
    if (value.find(':') != std::string_view::npos) {
        out.references.emplace_back(value.substr(0, value.find('|')));
        return {};
    }
    const std::size_t slash = value.find('/');
    if (slash != std::string_view::npos) {
        const std::string_view named = value.substr(0, slash);
        if (definitions.ResourceTypeNumber(named) == 0 || !IsId(value.substr(slash + 1))) {
            return Fail(Code::kInvalid, "not a reference (Type/id, an id or a URL)");
        }
        if (!type.empty() && named != type) {
            return Fail(Code::kInvalid, "the reference is not of the type that the modifier names");
        }
        out.references.emplace_back(value);
        if (own) out.references.push_back(out.text);
        return {};
    }
    if (type.empty()) return AddTargets(definitions, compiled, value, out);
    if (!IsId(value)) return Fail(Code::kInvalid, "not an id");
    out.references.push_back(std::string(type) + "/" + std::string(value));
    return {};
}

bool UnitMatches(const Wanted& wanted, const fhir::Node* holder) {
    if (wanted.any_code && wanted.any_system) return true;
    if (holder == nullptr) return false;
    const std::string_view currency = holder->TextOf("currency");
    const std::string_view code = currency.empty() ? holder->TextOf("code") : currency;
    const std::string_view system =
        currency.empty() ? holder->TextOf("system") : std::string_view("urn:iso:std:iso:4217");
    if (!wanted.any_system && system != wanted.system) return false;
    if (wanted.any_code || code == wanted.code) return true;
    return wanted.any_system && holder->TextOf("unit") == wanted.code;
}

bool TokenMatches(const fhir::Definitions& definitions, const Wanted& wanted,
                  const fhir::Node& node, Leaf leaf, const Source* source) {
    if (leaf == Leaf::kContactPoint) {
        const std::string_view system = node.TextOf("system");
        if (!wanted.any_system && system != wanted.system) return false;
        const std::string there = ContactText(node);
        const std::string contact = NormalContact(wanted.code);
        return wanted.any_code || there == contact ||
               (!there.empty() && there == OtherPlus(contact));
    }
    bool found = false;
    VisitTokens(node, leaf, [&](std::string_view system, std::string_view code) {
        if (found || (!wanted.any_code && code != wanted.code)) return;
        const bool own_system =
            leaf == Leaf::kCoding || leaf == Leaf::kCodeableConcept || leaf == Leaf::kIdentifier;
        if (wanted.any_system || own_system) {
            found = wanted.any_system || system == wanted.system;
            return;
        }
        // A plain code: its system is what its value set says.
        const std::string_view value_set =
            source == nullptr ? std::string_view() : source->value_set;
        if (value_set.empty()) {
            found = wanted.system.empty() || leaf == Leaf::kBoolean;
            return;
        }
        found = !wanted.system.empty() && definitions.InValueSet(value_set, wanted.system, code) !=
                                              fhir::Definitions::Membership::kOut;
    });
    return found;
}

bool StringMatches(const Compiled&, Modifier modifier, const Wanted& wanted, const fhir::Node& node,
                   Leaf leaf, const Source* source) {
    bool found = false;
    VisitStrings(node, leaf, [&](std::string_view text) {
        if (found) return;
        if (modifier == Modifier::kExact) {
            found = text == wanted.text;
            return;
        }
        const std::string folded = Fold(text);
        const bool words = source != nullptr && source->prefixes != Prefixes::kStart;
        if (modifier == Modifier::kContains)
            found = folded.find(wanted.folded) != std::string::npos;
        else if (words)
            found = StartsAWord(folded, wanted.folded);
        else
            found = folded.starts_with(wanted.folded);
    });
    return found;
}

}  // namespace

std::vector<std::string_view> SplitEscaped(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    std::size_t start = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '\\') {
            ++at;
        } else if (text[at] == separator) {
            parts.push_back(text.substr(start, at - start));
            start = at + 1;
        }
    }
    parts.push_back(text.substr(start));
    return parts;
}

std::string Unescape(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const bool escape = text[at] == '\\' && at + 1 < text.size() &&
                            std::string_view("\\,|$").find(text[at + 1]) != std::string_view::npos;
        if (escape) ++at;
        out += text[at];
    }
    return out;
}

Result<RangeProbe> ParseDateRange(std::string_view value, const QueryLimits& limits) {
    RangeProbe probe;
    CARESTREAM_ASSIGN(relation, TakePrefix(value));
    probe.relation = relation;
    // A plus sign that nobody encoded arrives as a blank.
    std::string text(value);
    std::replace(text.begin(), text.end(), ' ', '+');
    const std::optional<fhir::Temporal> date = fhir::Temporal::ParseDateTime(text);
    if (!date || text.back() == 'T')
        return Fail(Code::kInvalid, "not a date (yyyy-mm-ddThh:mm:ss)");
    probe.low = date->Low();
    probe.high = date->High();
    if (relation == Relation::kOverlaps && limits.now) {
        const Micros distance = std::max<Micros>(std::abs(*limits.now - probe.low) / 10, 0);
        probe.low = std::max(probe.low - distance, kDateOpenLow);
        probe.high = std::min(probe.high + distance, kDateOpenHigh);
    }
    return probe;
}

Result<Wanted> ParseWanted(const fhir::Definitions& definitions, const Compiled& compiled,
                           std::string_view value, std::string_view type_modifier,
                           const QueryLimits& limits) {
    Wanted out;
    switch (compiled.kind) {
        case ParameterKind::kToken:
            ParseToken(value, out);
            break;
        case ParameterKind::kString:
            out.text = Unescape(value);
            out.folded = Fold(out.text);
            if (out.folded.empty()) return Fail(Code::kInvalid, "no letter or digit to search for");
            break;
        case ParameterKind::kReference:
            CARESTREAM_TRY(
                ParseReference(definitions, compiled, value, type_modifier, limits, out));
            break;
        case ParameterKind::kDate:
        case ParameterKind::kPrivateDate: {
            CARESTREAM_ASSIGN(range, ParseDateRange(value, limits));
            out.range = range;
            break;
        }
        case ParameterKind::kNumber: {
            CARESTREAM_ASSIGN(range, ParseNumberRange(value));
            out.range = range;
            out.any_system = out.any_code = true;
            break;
        }
        case ParameterKind::kQuantity:
            CARESTREAM_TRY(ParseQuantity(value, out));
            break;
        case ParameterKind::kUri:
            out.text = Unescape(value);
            break;
        case ParameterKind::kComposite: {
            const auto parts = SplitEscaped(value, '$');
            const auto& row = compiled.components.front();
            if (parts.size() != row.size()) {
                return Fail(Code::kInvalid,
                            "a composite value has one part per component, joined by $");
            }
            for (std::size_t i = 0; i < parts.size(); ++i) {
                CARESTREAM_ASSIGN(
                    part, ParseWanted(definitions, *row[i].parameter, parts[i], {}, limits));
                out.parts.push_back(std::move(part));
            }
            break;
        }
        case ParameterKind::kSpecial:
            return Fail(Code::kUnsupported, "not offered");
    }
    return out;
}

bool ValueMatches(const fhir::Definitions& definitions, const Compiled& compiled, Modifier modifier,
                  const Wanted& wanted, const fhir::Node& node, Leaf leaf, const Source* source) {
    switch (compiled.kind) {
        case ParameterKind::kToken:
            return TokenMatches(definitions, wanted, node, leaf, source);
        case ParameterKind::kString:
            return StringMatches(compiled, modifier, wanted, node, leaf, source);
        case ParameterKind::kUri:
            return node.text() == wanted.text;
        case ParameterKind::kReference: {
            const std::string_view reference = ReferenceOf(node, leaf);
            const bool versioned = wanted.text.find('|') != std::string::npos;
            return !reference.empty() && (!versioned || node.text() == wanted.text) &&
                   std::find(wanted.references.begin(), wanted.references.end(), reference) !=
                       wanted.references.end();
        }
        case ParameterKind::kDate:
        case ParameterKind::kPrivateDate: {
            const std::optional<Interval> interval = DateInterval(node, leaf);
            return interval && InRange(wanted.range, *interval);
        }
        case ParameterKind::kNumber:
        case ParameterKind::kQuantity: {
            bool found = false;
            VisitNumbers(node, leaf, [&](std::string_view text, const fhir::Node* holder) {
                const std::optional<Decimal> number = Decimal::Parse(text);
                found = found || (number && InRange(wanted.range, number->ToDouble()) &&
                                  UnitMatches(wanted, holder));
            });
            return found;
        }
        default:
            return false;
    }
}

}  // namespace carestream::search
