// Conversions and the present. Source: FHIRPath 2.0.0, sections 5.5 and 5.9.
#include <utility>

#include "base/text.h"
#include "fhir/internal/path_eval.h"

namespace carestream::fhir::path {
namespace {

std::optional<bool> ReadBoolean(std::string_view text) {
    const std::string word = ToLowerAscii(text);
    if (word == "true" || word == "t" || word == "yes" || word == "y" || word == "1" ||
        word == "1.0") {
        return true;
    }
    if (word == "false" || word == "f" || word == "no" || word == "n" || word == "0" ||
        word == "0.0") {
        return false;
    }
    return std::nullopt;
}

// "4 days", "4 'mg'", "4".
std::optional<Node> ReadQuantityText(std::string_view text) {
    std::size_t end = 0;
    while (end < text.size() &&
           std::string_view("+-.0123456789").find(text[end]) != std::string_view::npos) {
        ++end;
    }
    std::string number(text.substr(0, end));
    if (!number.empty() && number[0] == '+') number.erase(0, 1);
    const std::string_view unit = Trim(text.substr(end));
    if (!Decimal::Parse(number)) return std::nullopt;
    if (unit.empty()) {
        return end == text.size() ? std::optional(QuantityNode(number, "1", false)) : std::nullopt;
    }
    if (unit.size() > 2 && unit.front() == '\'' && unit.back() == '\'') {
        return QuantityNode(number, std::string(unit.substr(1, unit.size() - 2)), false);
    }
    if (!IsCalendarUnit(unit)) return std::nullopt;
    return QuantityNode(number, std::string(unit), true);
}

}  // namespace

bool Evaluator::ConvertText(std::string_view target, const Value& value, Items& out) {
    const std::string_view text = value.text;
    if (target == "Boolean") {
        const std::optional<bool> boolean = ReadBoolean(text);
        return !boolean || PutBoolean(out, *boolean);
    }
    if (target == "Integer") {
        const bool signs = !text.empty() && (text[0] == '-' || text[0] == '+');
        if (!IsDigits(text.substr(signs ? 1 : 0))) return true;
        const std::optional<Decimal> number = Decimal::Parse(text);
        return !number || PutNumber(out, *number, System::kInteger);
    }
    if (target == "Decimal") {
        const std::optional<Decimal> number = Decimal::Parse(text);
        return !number || PutNumber(out, *number, System::kDecimal);
    }
    if (target == "Date") {
        if (Temporal::ParseDate(text)) return PutText(out, std::string(text), System::kDate);
        return !Temporal::ParseDateTime(text) ||
               PutText(out, std::string(text.substr(0, text.find('T'))), System::kDate);
    }
    if (target == "DateTime") {
        return !Temporal::ParseDateTime(text) || PutText(out, std::string(text), System::kDateTime);
    }
    if (target == "Time") {
        return !Temporal::ParseTime(text) || PutText(out, std::string(text), System::kTime);
    }
    std::optional<Node> quantity = ReadQuantityText(text);
    return !quantity || PutOwned(out, std::move(*quantity), System::kQuantity);
}

// Adds nothing when the value does not convert.
bool Evaluator::ConvertItem(std::string_view target, const Item& item, Items& out) {
    const Value value = ReadValue(item);
    if (value.kind == System::kNone) return true;
    if (SystemTypeName(value.kind).substr(7) == target) {
        if (item.system != System::kNone || value.kind == System::kQuantity) return Put(out, item);
        return PutText(out, std::string(value.text), value.kind);
    }
    if (target == "String") return PutText(out, ValueText(value));
    switch (value.kind) {
        case System::kString:
            return ConvertText(target, value, out);
        case System::kBoolean:
            if (target == "Integer") return PutInteger(out, value.boolean ? 1 : 0);
            if (target == "Decimal") {
                return PutNumber(out, *Decimal::Parse(value.boolean ? "1.0" : "0.0"),
                                 System::kDecimal);
            }
            return target != "Quantity" ||
                   PutOwned(out, QuantityNode(value.boolean ? "1.0" : "0.0", "1", false),
                            System::kQuantity);
        case System::kInteger:
        case System::kDecimal:
            if (target == "Decimal") return PutNumber(out, value.number, System::kDecimal);
            if (target == "Quantity") {
                return PutOwned(out, QuantityNode(value.number.ToString(), "1", false),
                                System::kQuantity);
            }
            if (target != "Boolean") return true;
            if (Decimal::Compare(value.number, Decimal(1)) == 0) return PutBoolean(out, true);
            return !value.number.IsZero() || PutBoolean(out, false);
        case System::kDate:
            return target != "DateTime" || PutText(out, std::string(value.text), System::kDateTime);
        case System::kDateTime:
            return target != "Date" ||
                   PutText(out, std::string(value.text.substr(0, value.text.find('T'))),
                           System::kDate);
        default:
            return true;
    }
}

bool Evaluator::Convert(const Call& call, Items& out) {
    const Item* item = nullptr;
    if (!OneInput(call, item)) return false;
    return item == nullptr || ConvertItem(std::string_view(call.expr.text).substr(2), *item, out);
}

bool Evaluator::ConvertsTo(const Call& call, Items& out) {
    const Item* item = nullptr;
    if (!OneInput(call, item)) return false;
    if (item == nullptr) return true;
    Items converted;
    if (!ConvertItem(std::string_view(call.expr.text).substr(10), *item, converted)) return false;
    return PutBoolean(out, !converted.empty());
}

bool Evaluator::Now(const Call& call, Items& out) {
    if (!limits_.now) {
        return Failed(Code::kUnsupported,
                      call.expr.text + "() has no meaning here: the expression is timeless");
    }
    const std::string instant = FormatInstant(*limits_.now);
    const std::string_view text = instant;
    if (call.expr.text == "now") return PutText(out, instant, System::kDateTime);
    if (call.expr.text == "today") {
        return PutText(out, std::string(text.substr(0, 10)), System::kDate);
    }
    return PutText(out, std::string(text.substr(11, text.size() - 12)), System::kTime);
}

}  // namespace carestream::fhir::path
