// Paths and conditions on the message.
#include <algorithm>

#include "mapping/internal/run.h"

namespace carestream::mapping::internal {

using Level = Value::Level;

std::size_t Run::SegmentOf(const Operand& operand, const Here& here) const {
    if (!operand.from_parent && here.code == operand.segment) return here.segment;
    const Group* group =
        operand.from_parent && here.group->parent != nullptr ? here.group->parent : here.group;
    return FindNear(matching_, message_, group, operand.segment,
                    here.segment == kNoSegment ? 0 : here.segment);
}

Value Run::Part(const Value& value, int number) const {
    switch (value.level) {
        case Level::kRepetition:
            return {message_.Component(value.raw, number), Level::kComponent};
        case Level::kComponent:
            return {message_.Subcomponent(value.raw, number), Level::kLeaf};
        case Level::kLeaf:
            return number == 1 ? value : Value{{}, Level::kLeaf};
        case Level::kSegment:
            break;
    }
    return {{}, Level::kLeaf};
}

Value Run::Part(const Frame& frame, int number) const {
    const auto index = static_cast<std::size_t>(number - 1);
    if (index >= frame.parts.size() && frame.more) return Part(frame.value, number);
    const Level level = frame.value.level == Level::kRepetition ? Level::kComponent : Level::kLeaf;
    return {index < frame.parts.size() ? frame.parts[index] : std::string_view(), level};
}

Frame Run::FrameOf(const Frame* up, const Value& value, int table) const {
    Frame frame{up, value, table, {}, false};
    if (value.level == Level::kSegment) return frame;
    const hl7::Delimiters& delimiters = message_.delimiters();
    char delimiter = 0;
    if (value.level == Level::kRepetition) delimiter = delimiters.component;
    if (value.level == Level::kComponent) delimiter = delimiters.subcomponent;
    const std::string_view text = message_.Searchable(value.raw);
    std::size_t at = 0;
    for (std::string_view& part : frame.parts) {
        const std::size_t cut =
            delimiter == 0 ? text.size() : std::min(text.find(delimiter, at), text.size());
        part = value.raw.substr(at, cut - at);
        if (cut == text.size()) return frame;
        at = cut + 1;
    }
    frame.more = true;
    return frame;
}

bool Run::Absent(const Operand& operand, const Here& here) const {
    if (operand.kind == Operand::Kind::kSegment && operand.field != 0) {
        const std::size_t segment = SegmentOf(operand, here);
        return segment == kNoSegment || message_.Field(segment, operand.field).empty();
    }
    return operand.kind == Operand::Kind::kValue && operand.depth == 0 && operand.component != 0 &&
           here.frame != nullptr && Part(*here.frame, operand.component).raw.empty();
}

void Run::Values(const Operand& operand, const Here& here, ValueList& out) const {
    const auto add = [&](Value value) {
        if (operand.component != 0) value = Part(value, operand.component);
        if (operand.subcomponent != 0) value = Part(value, operand.subcomponent);
        if (!value.raw.empty()) out.push_back(value);
    };
    switch (operand.kind) {
        case Operand::Kind::kValue: {
            const Frame* frame = here.frame;
            for (int i = 0; i < operand.depth && frame != nullptr; ++i) frame = frame->up;
            if (frame == nullptr) return;
            Value value = frame->value;
            if (operand.component != 0) value = Part(*frame, operand.component);
            if (operand.subcomponent != 0) value = Part(value, operand.subcomponent);
            if (!value.raw.empty()) out.push_back(value);
            return;
        }
        case Operand::Kind::kEvent:
            return add({event_, Level::kLeaf});
        case Operand::Kind::kAuthority:
            return add({context_.assigning_authority, Level::kLeaf});
        case Operand::Kind::kChannel:
            return add({context_.channel, Level::kLeaf});
        case Operand::Kind::kTenant:
            return add({context_.tenant, Level::kLeaf});
        case Operand::Kind::kTimeZone:
            return add({context_.time_zone, Level::kLeaf});
        case Operand::Kind::kReceived:
            return add({received_, Level::kLeaf});
        case Operand::Kind::kSegment:
            break;
    }
    const std::size_t segment = SegmentOf(operand, here);
    if (segment == kNoSegment) return;
    if (operand.field == 0) return add({message_.SegmentBytes(segment), Level::kSegment});
    const std::string_view field = message_.Field(segment, operand.field);
    if (field.empty()) return;
    if (operand.repetition > 0) {
        return add(
            {message_.Repetition(segment, operand.field, operand.repetition), Level::kRepetition});
    }
    const std::string_view first = message_.Repetition(segment, operand.field, 1);
    if (first.size() == field.size()) return add({field, Level::kRepetition});
    for (const std::string_view repetition : message_.Repetitions(segment, operand.field)) {
        add({repetition, Level::kRepetition});
    }
}

Value Run::First(const Operand& operand, const Here& here) const {
    if (Absent(operand, here)) return {{}, Level::kLeaf};
    if (operand.kind == Operand::Kind::kSegment && operand.field != 0 && operand.repetition >= 0) {
        const std::size_t segment = SegmentOf(operand, here);
        Value value{message_.Repetition(segment, operand.field, std::max(operand.repetition, 1)),
                    Level::kRepetition};
        if (operand.component != 0) value = Part(value, operand.component);
        if (operand.subcomponent != 0) value = Part(value, operand.subcomponent);
        return value;
    }
    ValueList values;
    Values(operand, here, values);
    return values.empty() ? Value{{}, Level::kLeaf} : values.front();
}

std::string_view Run::LeafOf(const Value& value) const {
    switch (value.level) {
        case Level::kRepetition:
            return message_.Subcomponent(message_.Component(value.raw, 1), 1);
        case Level::kComponent:
            return message_.Subcomponent(value.raw, 1);
        case Level::kLeaf:
            return value.raw;
        case Level::kSegment:
            break;
    }
    return {};
}

bool Run::IsExplicitNull(const Value& value) {
    return hl7::IsNull(value.raw);
}

bool Run::IsValued(const Value& value) const {
    if (value.raw.empty() || IsExplicitNull(value)) return false;
    if (value.level == Level::kSegment) return true;
    const hl7::Delimiters& delimiters = message_.delimiters();
    return std::any_of(value.raw.begin(), value.raw.end(), [&](char c) {
        return c != ' ' && c != delimiters.component && c != delimiters.subcomponent &&
               c != delimiters.repetition;
    });
}

bool Run::ReadText(const Value& value, const Here& here, std::string& text,
                   std::string_view& piece) {
    piece = LeafOf(value);
    bool clean = true;
    text = message_.Decode(piece, &clean);
    if (clean) return true;
    ledger_.Lost(piece, "bytes that are not of the message's character set", here.element.resource,
                 true);
    return false;
}

std::string Run::PlainText(const Value& value) const {
    std::string text = message_.Decode(LeafOf(value));
    while (!text.empty() && text.back() == ' ') text.pop_back();
    return text;
}

bool Run::IsOneOf(const Value& value, const std::vector<std::string>& texts) const {
    const std::string_view leaf = LeafOf(value);
    std::string_view trimmed = leaf;
    while (!trimmed.empty() && trimmed.back() == ' ') trimmed.remove_suffix(1);
    while (!trimmed.empty() && trimmed.front() == ' ') trimmed.remove_prefix(1);
    if (std::find(texts.begin(), texts.end(), trimmed) != texts.end()) return true;
    // Only an escape can make different bytes the same text.
    if (leaf.find(message_.delimiters().escape) == std::string_view::npos) return false;
    return std::find(texts.begin(), texts.end(), PlainText(value)) != texts.end();
}

bool Run::TestValues(const Condition& condition, const Here& here) {
    const auto decides = [&](const Value& value) {
        if (!IsOneOf(value, condition.values)) return false;
        decided_.push_back(LeafOf(value));
        return true;
    };
    if (condition.operand.repetition != -1) return decides(First(condition.operand, here));
    ValueList values;
    Values(condition.operand, here, values);
    return std::any_of(values.begin(), values.end(), decides);
}

bool Run::TestMeasure(const Condition& condition, const Here& here) {
    int measured = 0;
    const Operand& operand = condition.operand;
    if (condition.op == Condition::Op::kLength) {
        measured = static_cast<int>(PlainText(First(operand, here)).size());
    } else if (operand.kind == Operand::Kind::kSegment && operand.field == 0) {
        std::string id;
        for (const int shift : {16, 8, 0}) {
            id.push_back(static_cast<char>(operand.segment >> shift & 0xff));
        }
        measured = message_.OccurrenceCount(id);
    } else {
        ValueList values;
        Values(operand, here, values);
        measured = static_cast<int>(std::count_if(
            values.begin(), values.end(), [&](const Value& value) { return IsValued(value); }));
    }
    switch (condition.compare) {
        case Condition::Compare::kEq:
            return measured == condition.number;
        case Condition::Compare::kNe:
            return measured != condition.number;
        case Condition::Compare::kLt:
            return measured < condition.number;
        case Condition::Compare::kLe:
            return measured <= condition.number;
        case Condition::Compare::kGt:
            return measured > condition.number;
        case Condition::Compare::kGe:
            return measured >= condition.number;
    }
    return false;
}

bool Run::Test(const Condition& condition, const Here& here) {
    switch (condition.op) {
        case Condition::Op::kAnd:
            return std::all_of(condition.children.begin(), condition.children.end(),
                               [&](const Condition& child) { return Test(child, here); });
        case Condition::Op::kOr:
            return std::any_of(condition.children.begin(), condition.children.end(),
                               [&](const Condition& child) { return Test(child, here); });
        case Condition::Op::kNot:
            return !Test(condition.children[0], here);
        case Condition::Op::kValued: {
            if (Absent(condition.operand, here)) return false;
            // Any repetition counts: "PID-11 valued" asks for the field.
            ValueList values;
            Values(condition.operand, here, values);
            return std::any_of(values.begin(), values.end(),
                               [&](const Value& value) { return IsValued(value); });
        }
        case Condition::Op::kNull: {
            const Value value = First(condition.operand, here);
            return IsExplicitNull(value) || hl7::IsNull(LeafOf(value));
        }
        case Condition::Op::kIn:
            return TestValues(condition, here);
        case Condition::Op::kSame:
            return PlainText(First(condition.operand, here)) ==
                   PlainText(First(condition.other, here));
        case Condition::Op::kBefore: {
            Moment moment, other;
            std::string_view reason;
            return ParseMoment(PlainText(First(condition.operand, here)), moment, reason) &&
                   ParseMoment(PlainText(First(condition.other, here)), other, reason) &&
                   IsBefore(moment, other);
        }
        case Condition::Op::kCount:
        case Condition::Op::kLength:
            return TestMeasure(condition, here);
    }
    return false;
}

}  // namespace carestream::mapping::internal
