// Arithmetic, mathematical functions and the boundaries of imprecise values.
// Source: FHIRPath 2.0.0, sections 5.7 and 6.6; the STU functions lowBoundary, highBoundary,
// precision.
#include <algorithm>
#include <cmath>
#include <utility>

#include "fhir/internal/path_eval.h"
#include "fhir/internal/units.h"

namespace carestream::fhir::path {
namespace {

using Rounding = Decimal::Rounding;

bool IsNumber(const Value& value) {
    return value.kind == System::kInteger || value.kind == System::kDecimal;
}

bool IsTemporal(const Value& value) {
    return value.kind == System::kDate || value.kind == System::kDateTime ||
           value.kind == System::kTime;
}

struct Duration {
    std::int64_t amount = 0;
    Temporal::Unit unit = Temporal::Unit::kDay;
};

// Calendar units, and the UCUM units that equal one. Fractions count only for seconds.
std::optional<Duration> ReadDuration(const Value& quantity) {
    std::string_view unit = quantity.text;
    if (quantity.calendar && unit.size() > 1 && unit.back() == 's') unit.remove_suffix(1);
    const auto whole = [&](std::int64_t scale) {
        const Decimal number = quantity.number.Rounded(0, Rounding::kTruncate);
        return number.ToInteger().value_or(0) * scale;
    };
    if (quantity.number.Rounded(0, Rounding::kTruncate).SignificantDigits() > 12)
        return std::nullopt;
    if (quantity.calendar && unit == "year") return Duration{whole(1), Temporal::Unit::kYear};
    if (quantity.calendar && unit == "month") return Duration{whole(1), Temporal::Unit::kMonth};
    if (unit == "week" || unit == "wk") return Duration{whole(7), Temporal::Unit::kDay};
    if (unit == "day" || unit == "d") return Duration{whole(1), Temporal::Unit::kDay};
    using MilliUnit = Temporal::Unit;
    if (unit == "hour" || unit == "h") return Duration{whole(3'600'000), MilliUnit::kMillisecond};
    if (unit == "minute" || unit == "min") return Duration{whole(60'000), MilliUnit::kMillisecond};
    if (unit == "millisecond" || unit == "ms") return Duration{whole(1), MilliUnit::kMillisecond};
    if (unit != "second" && unit != "s") return std::nullopt;
    const auto millis = Decimal::Multiply(quantity.number, Decimal(1000));
    if (!millis) return std::nullopt;
    return Duration{millis->Rounded(0, Rounding::kTruncate).ToInteger().value_or(0),
                    MilliUnit::kMillisecond};
}

std::string JoinUnits(std::string_view left, char sign, std::string_view right) {
    if (right == "1" || right.empty()) return std::string(left.empty() ? "1" : left);
    if (sign == '/' && left == right) return "1";
    std::string out(left == "1" && sign == '.' ? "" : left);
    if (!out.empty()) out += sign;
    return out.append(right);
}

}  // namespace

bool Evaluator::Arithmetic(Op op, Span left, Span right, Items& out) {
    if (left.size() > 1 || right.size() > 1) {
        return Failed(Code::kInvalid, "an operator needs one item on each side");
    }
    if (op == Op::kConcatenate) {
        std::string text;
        for (const Span side : {left, right}) {
            if (side.empty()) continue;
            const Value value = ReadValue(side[0]);
            if (value.kind != System::kString) {
                return Failed(Code::kInvalid, "'&' joins strings");
            }
            text += value.text;
        }
        return PutText(out, std::move(text));
    }
    if (left.empty() || right.empty()) return true;
    const Value a = ReadValue(left[0]);
    const Value b = ReadValue(right[0]);
    if (op == Op::kAdd && a.kind == System::kString && b.kind == System::kString) {
        return PutText(out, std::string(a.text).append(b.text));
    }
    if (IsTemporal(a) && b.kind == System::kQuantity) return TemporalArithmetic(op, a, b, out);
    if (a.kind == System::kQuantity || b.kind == System::kQuantity) {
        return QuantityArithmetic(op, a, b, out);
    }
    if (!IsNumber(a) || !IsNumber(b)) {
        return Failed(Code::kInvalid, "these types cannot be calculated with");
    }
    const bool integers = a.kind == System::kInteger && b.kind == System::kInteger;
    const System type = integers ? System::kInteger : System::kDecimal;
    std::optional<Decimal> result;
    switch (op) {
        case Op::kAdd:
            result = Decimal::Add(a.number, b.number);
            break;
        case Op::kSubtract:
            result = Decimal::Subtract(a.number, b.number);
            break;
        case Op::kMultiply:
            result = Decimal::Multiply(a.number, b.number);
            break;
        case Op::kDivide:
            result = Decimal::Divide(a.number, b.number);
            return !result || PutNumber(out, *result, System::kDecimal);
        default: {
            const std::optional<Decimal> quotient = Decimal::Divide(a.number, b.number);
            if (!quotient) return true;
            const Decimal whole = quotient->Rounded(0, Rounding::kTruncate);
            if (op == Op::kIntegerDivide) return PutNumber(out, whole, System::kInteger);
            const std::optional<Decimal> product = Decimal::Multiply(whole, b.number);
            if (product) result = Decimal::Subtract(a.number, *product);
        }
    }
    return !result || PutNumber(out, *result, type);
}

bool Evaluator::TemporalArithmetic(Op op, const Value& left, const Value& right, Items& out) {
    const std::optional<Duration> duration = ReadDuration(right);
    if (!duration || (op != Op::kAdd && op != Op::kSubtract)) {
        return Failed(Code::kInvalid, "not a duration that a date can take");
    }
    const std::int64_t amount = op == Op::kAdd ? duration->amount : -duration->amount;
    const std::optional<Temporal> result = left.temporal.Plus(amount, duration->unit);
    return !result || PutText(out, result->ToString(), left.kind);
}

bool Evaluator::QuantityArithmetic(Op op, const Value& left, const Value& right, Items& out) {
    const auto usable = [](const Value& value) {
        return IsNumber(value) || value.kind == System::kQuantity;
    };
    if (!usable(left) || !usable(right) || op == Op::kIntegerDivide || op == Op::kModulo) {
        return Failed(Code::kInvalid, "these types cannot be calculated with");
    }
    const std::string_view unit_a = IsNumber(left) ? "1" : left.text;
    const std::string_view unit_b = IsNumber(right) ? "1" : right.text;
    std::optional<Decimal> number;
    std::string unit(unit_a);
    bool calendar = left.calendar;
    if (op == Op::kMultiply || op == Op::kDivide) {
        number = op == Op::kMultiply ? Decimal::Multiply(left.number, right.number)
                                     : Decimal::Divide(left.number, right.number);
        unit = JoinUnits(unit_a, op == Op::kMultiply ? '.' : '/', unit_b);
        calendar = false;
    } else {
        Decimal other = right.number;
        if (unit_a != unit_b || left.calendar != right.calendar) {
            const std::optional<Unit> a = ParseUnit(unit_a);
            const std::optional<Unit> b = ParseUnit(unit_b);
            if (!a || !b || !a->Comparable(*b)) return true;
            const auto converted =
                Decimal::FromDouble(right.number.ToDouble() * b->factor / a->factor);
            if (!converted) return true;
            other = *converted;
        }
        number = op == Op::kAdd ? Decimal::Add(left.number, other)
                                : Decimal::Subtract(left.number, other);
    }
    if (!number) return true;
    return PutOwned(out, QuantityNode(number->ToString(), std::move(unit), calendar),
                    System::kQuantity);
}

bool Evaluator::RoundOrPower(const Call& call, const Value& value, Items& out) {
    const std::string& name = call.expr.text;
    if (name == "round") {
        std::optional<std::int64_t> digits = 0;
        if (!call.expr.kids.empty() && !IntegerArgument(call, 0, digits)) return false;
        if (!digits) return true;
        if (*digits < 0 || *digits > 28) {
            return Failed(Code::kInvalid, "round() takes 0 to 28 digits");
        }
        const Decimal rounded =
            value.number.Rounded(static_cast<int>(*digits), Rounding::kHalfAway);
        return PutNumber(out, rounded, System::kDecimal);
    }
    Items argument;
    if (!Argument(call, 0, argument)) return false;
    if (argument.empty()) return true;
    const Value other = ReadValue(argument[0]);
    if (argument.size() > 1 || !IsNumber(other)) {
        return Failed(Code::kInvalid, name + "() needs a number");
    }
    const double x = value.number.ToDouble();
    const double y = other.number.ToDouble();
    const auto result =
        Decimal::FromDouble(name == "log" ? std::log(x) / std::log(y) : std::pow(x, y));
    if (!result) return true;
    const bool integers = name == "power" && value.kind == System::kInteger &&
                          other.kind == System::kInteger && result->IsInteger();
    return PutNumber(out, *result, integers ? System::kInteger : System::kDecimal);
}

bool Evaluator::Math(const Call& call, Items& out) {
    const Item* item = nullptr;
    if (!OneInput(call, item)) return false;
    if (item == nullptr) return true;
    const Value value = ReadValue(*item);
    const std::string& name = call.expr.text;
    if (value.kind == System::kQuantity && name == "abs") {
        const Decimal number = value.number.IsNegative() ? value.number.Negated() : value.number;
        return PutOwned(out,
                        QuantityNode(number.ToString(), std::string(value.text), value.calendar),
                        System::kQuantity);
    }
    if (!IsNumber(value)) {
        return Failed(Code::kInvalid, name + "() is for numbers");
    }
    if (name == "abs") {
        const Decimal number = value.number.IsNegative() ? value.number.Negated() : value.number;
        return PutNumber(out, number, value.kind);
    }
    if (name == "ceiling") {
        return PutNumber(out, value.number.Rounded(0, Rounding::kCeiling), System::kInteger);
    }
    if (name == "floor") {
        return PutNumber(out, value.number.Rounded(0, Rounding::kFloor), System::kInteger);
    }
    if (name == "truncate") {
        return PutNumber(out, value.number.Rounded(0, Rounding::kTruncate), System::kInteger);
    }
    if (!call.expr.kids.empty() || name == "round") return RoundOrPower(call, value, out);
    const double x = value.number.ToDouble();
    const double result = name == "exp" ? std::exp(x) : name == "ln" ? std::log(x) : std::sqrt(x);
    const std::optional<Decimal> number = Decimal::FromDouble(result);
    return !number || PutNumber(out, *number, System::kDecimal);
}

bool Evaluator::NumberBoundary(const Value& value, std::optional<std::int64_t> digits, bool high,
                               Items& out) {
    const std::int64_t wanted = digits.value_or(8);
    if (wanted < 0 || wanted > 28) return true;
    const Decimal half = value.number.HalfUnit();
    const std::optional<Decimal> edge =
        high ? Decimal::Add(value.number, half) : Decimal::Subtract(value.number, half);
    if (!edge) return true;
    const Decimal rounded =
        edge->Rounded(static_cast<int>(wanted), high ? Rounding::kCeiling : Rounding::kFloor, true);
    if (value.kind != System::kQuantity) return PutNumber(out, rounded, System::kDecimal);
    return PutOwned(out, QuantityNode(rounded.ToString(), std::string(value.text), value.calendar),
                    System::kQuantity);
}

bool Evaluator::TemporalBoundary(const Value& value, std::optional<std::int64_t> digits, bool high,
                                 Items& out) {
    using Kind = Temporal::Kind;
    using Precision = Temporal::Precision;
    Temporal edge = value.temporal;
    const std::int64_t wanted = digits.value_or(edge.kind == Kind::kDate   ? 8
                                                : edge.kind == Kind::kTime ? 9
                                                                           : 17);
    const std::int64_t shift = edge.kind == Kind::kTime ? 8 : 0;
    constexpr std::int64_t kSteps[] = {4, 6, 8, 10, 12, 17};
    const auto* step = std::find(std::begin(kSteps), std::end(kSteps), wanted + shift);
    if (step == std::end(kSteps)) return true;
    const auto precision = static_cast<Precision>(step - std::begin(kSteps));
    const bool timed =
        value.temporal.precision >= Precision::kHour || precision >= Precision::kHour;
    if (high) {
        if (edge.precision < Precision::kMonth) edge.month = 12;
        if (edge.precision < Precision::kDay && edge.kind != Kind::kTime) {
            edge.day = 1;
            const std::optional<Temporal> next = edge.Plus(1, Temporal::Unit::kMonth);
            if (!next) return true;
            Temporal day = *next;
            day.precision = Precision::kDay;
            const std::optional<Temporal> last = day.Plus(-1, Temporal::Unit::kDay);
            if (!last) return true;
            edge.day = last->day;
        }
        if (edge.precision < Precision::kHour) edge.hour = 23;
        if (edge.precision < Precision::kMinute) edge.minute = 59;
        if (edge.precision < Precision::kSecond) edge.second = 59;
        if (edge.fraction_digits == 0) edge.nanos = 999'000'000;
    }
    edge.precision = precision;
    edge.fraction_digits = 0;
    if (precision == Precision::kSecond) edge.fraction_digits = 3;
    if (precision >= Precision::kHour && edge.kind != Kind::kTime) {
        edge.kind = Kind::kDateTime;
        if (timed && !edge.has_offset) {
            edge.has_offset = true;
            edge.offset_minutes = static_cast<std::int16_t>(high ? -12 * 60 : 14 * 60);
        }
    }
    if (precision < Precision::kHour) edge.has_offset = false;
    const System type = edge.kind == Kind::kTime   ? System::kTime
                        : edge.kind == Kind::kDate ? System::kDate
                                                   : System::kDateTime;
    return PutText(out, edge.ToString(), type);
}

bool Evaluator::Boundary(const Call& call, Items& out) {
    const Item* item = nullptr;
    std::optional<std::int64_t> digits;
    if (!OneInput(call, item)) return false;
    if (!call.expr.kids.empty() && !IntegerArgument(call, 0, digits)) return false;
    if (item == nullptr) return true;
    const Value value = ReadValue(*item);
    const bool high = call.expr.text == "highBoundary";
    if (IsNumber(value) || value.kind == System::kQuantity) {
        return NumberBoundary(value, digits, high, out);
    }
    if (IsTemporal(value)) return TemporalBoundary(value, digits, high, out);
    return Failed(Code::kInvalid, call.expr.text + "() is for numbers and dates");
}

bool Evaluator::Precision(const Call& call, Items& out) {
    const Item* item = nullptr;
    if (!OneInput(call, item)) return false;
    if (item == nullptr) return true;
    const Value value = ReadValue(*item);
    if (IsNumber(value)) return PutInteger(out, value.number.scale());
    if (!IsTemporal(value)) return true;
    constexpr std::int64_t kDigits[] = {4, 6, 8, 10, 12, 14};
    std::int64_t digits = kDigits[static_cast<int>(value.temporal.precision)];
    digits += value.temporal.fraction_digits;
    return PutInteger(out, value.kind == System::kTime ? digits - 8 : digits);
}

bool Evaluator::Comparable(const Call& call, Items& out) {
    const Item* item = nullptr;
    Items argument;
    if (!OneInput(call, item) || !Argument(call, 0, argument)) return false;
    if (item == nullptr || argument.size() != 1) return true;
    const Value a = ReadValue(*item);
    const Value b = ReadValue(argument[0]);
    if (a.kind != System::kQuantity || b.kind != System::kQuantity) {
        return Failed(Code::kInvalid, "comparable() is for quantities");
    }
    return PutBoolean(out, CompareQuantities(a, b).has_value());
}

}  // namespace carestream::fhir::path
