// Rules: what is read, converted and put where.
#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/text.h"
#include "mapping/internal/run.h"

namespace carestream::mapping::internal {

void Run::RunRules(const std::vector<Rule>& rules, const Here& here) {
    for (const Rule& rule : rules) {
        if (!Idle(rule, here)) RunRule(rule, here);
    }
}

// A rule that reads one path, finds nothing there and has no `default` does nothing.
bool Run::Idle(const Rule& rule, const Here& here) const {
    return rule.kind == Rule::Kind::kValue && rule.source == SourceKind::kAt &&
           !rule.has_fallback && Absent(rule.at, here);
}

void Run::RunRule(const Rule& rule, const Here& here) {
    const RuleFrame frame{&rule, here.element.resource, frame_};
    frame_ = &frame;
    RunRuleInFrame(rule, here);
    frame_ = frame.up;
}

void Run::RunRuleInFrame(const Rule& rule, const Here& here) {
    const std::size_t decided = decided_.size();
    const std::size_t before = writes_;
    if (rule.when && !Test(*rule.when, here)) {
        Forget(decided);
        return;
    }
    bool done = false;
    switch (rule.kind) {
        case Rule::Kind::kGroup:
            RunRules(rule.rules, here);
            break;
        case Rule::Kind::kSwitch:
            RunSwitch(rule, here);
            break;
        case Rule::Kind::kClear:
            FollowNull(rule, here);
            done = true;
            break;
        case Rule::Kind::kValue:
            if (EntryMissing(rule, here)) break;
            const bool values =
                rule.source == SourceKind::kAt || rule.source == SourceKind::kFirstOf;
            const Outcome outcome = rule.source == SourceKind::kRef ? RunRef(rule, here)
                                    : values                        ? RunValues(rule, here)
                                    : rule.source == SourceKind::kNone
                                        ? ApplyNested(rule, here, nullptr, 0)
                                        : RunText(rule, here);
            done = outcome == Outcome::kWritten;
            if (rule.assumed && done) Assume(rule.target, here.element.resource);
            if (!done && rule.has_fallback && outcome != Outcome::kTaken) Fallback(rule, here);
            break;
    }
    if (done || writes_ != before) {
        for (std::size_t i = decided; i < decided_.size(); ++i) {
            ledger_.Mapped(decided_[i], here.element.resource);
        }
    }
    Forget(decided);
}

void Run::Assume(const Target& target, std::size_t resource) {
    made_[resource].assumed.push_back(target.steps.front().member);
}

void Run::RunSwitch(const Rule& rule, const Here& here) {
    const Value value = First(rule.at, here);
    const std::string text = PlainText(value);
    for (const Case& one : rule.cases) {
        if (std::find(one.values.begin(), one.values.end(), text) == one.values.end()) continue;
        decided_.push_back(LeafOf(value));
        return RunRules(one.rules, here);
    }
    RunRules(rule.rules, here);
}

void Run::Clear(const std::string& element, const Here& here) {
    if (element.empty() || !here.element.root) return;
    std::vector<std::string>& cleared = made_[here.element.resource].cleared;
    if (std::find(cleared.begin(), cleared.end(), element) == cleared.end()) {
        cleared.push_back(element);
    }
    ++writes_;
}

Made::ListParts& Made::PartsOf(const std::string& element) {
    for (ListParts& list : parts) {
        if (list.element == element) return list;
    }
    return parts.emplace_back(ListParts{element, {}, {}});
}

namespace {

// The rule gives entries of a list of the resource itself.
bool FillsList(const Rule& rule, const Here& here) {
    return here.element.root && rule.target.list && rule.target.steps.size() == 1 &&
           rule.target.extension.empty();
}

// "PID-13": who gives the entries; "" where that is no field.
std::string PartOf(const Operand& operand) {
    if (operand.kind != Operand::Kind::kSegment || operand.field == 0) return {};
    std::string part;
    for (const int shift : {16, 8, 0}) {
        part.push_back(static_cast<char>(operand.segment >> shift & 0xff));
    }
    return part + "-" + std::to_string(operand.field);
}

}  // namespace

// A null empties the element; of a list it takes what the same field gave before.
void Run::FollowNull(const Rule& rule, const Here& here) {
    const std::string part = rule.source == SourceKind::kAt ? PartOf(rule.at) : std::string();
    if (part.empty() || !FillsList(rule, here)) return Clear(rule.target.cleared, here);
    auto& nulled = made_[here.element.resource].PartsOf(rule.target.steps.front().member).nulled;
    if (std::find(nulled.begin(), nulled.end(), part) == nulled.end()) nulled.push_back(part);
    ++writes_;
}

std::size_t Run::EntriesOf(const Rule& rule, const Here& here) const {
    const fhir::Node* list = here.element.node->Find(rule.target.steps.front().member);
    return list == nullptr ? 0 : list->items().size();
}

void Run::NotePart(const Rule& rule, const Here& here, const std::string& part,
                   std::size_t before) {
    const std::size_t after = EntriesOf(rule, here);
    if (after == before || part.empty()) return;
    auto& of_entry =
        made_[here.element.resource].PartsOf(rule.target.steps.front().member).of_entry;
    of_entry.resize(before);
    of_entry.resize(after, part);
}

Run::Outcome Run::RunValues(const Rule& rule, const Here& here) {
    ValueList all;
    int table = rule.at.table;
    std::string part;
    if (rule.source == SourceKind::kAt) {
        Values(rule.at, here, all);
        part = PartOf(rule.at);
        if (table == 0 && rule.at.kind == Operand::Kind::kValue && here.frame != nullptr) {
            table = here.frame->table;
        }
    } else {
        for (const Operand& operand : rule.operands) {
            const Value value = First(operand, here);
            if (!IsValued(value)) continue;
            all.push_back(value);
            table = operand.table;
            part = PartOf(operand);
            break;
        }
    }
    // What a map or another builtin makes of each value is joined when it is put.
    const bool texts =
        rule.map == nullptr && (rule.builtin == Builtin::kNone || rule.builtin == Builtin::kText);
    if (rule.join && texts && rule.target.primitive != fhir::Primitive::kNone) {
        Text text;
        if (!ReadJoined(rule, all, here, text)) return Outcome::kEmpty;
        return ApplyText(rule, here, std::move(text));
    }
    Outcome result = Outcome::kEmpty;
    for (const Value& value : all) {
        if (!IsValued(value)) {
            if (!IsExplicitNull(value) || rule.has_fallback) continue;
            if (rule.null_clears) FollowNull(rule, here);
            ledger_.Mapped(value.raw, here.element.resource);
            continue;
        }
        if (result == Outcome::kWritten && !rule.target.list && !rule.join) {
            ledger_.Lost(value.raw, rule.target.reason_single, here.element.resource, false);
            continue;
        }
        const bool entries = FillsList(rule, here);
        const std::size_t entries_before = entries ? EntriesOf(rule, here) : 0;
        Outcome outcome = Apply(rule, here, value, table);
        if (entries) NotePart(rule, here, part, entries_before);
        if (outcome == Outcome::kFailed && rule.otherwise) {
            const std::size_t before = writes_;
            RunRule(*rule.otherwise, here);
            if (writes_ != before) outcome = Outcome::kWritten;
        }
        if (result != Outcome::kWritten && outcome != Outcome::kEmpty) result = outcome;
    }
    return result;
}

Run::Outcome Run::RunRef(const Rule& rule, const Here& here) {
    const std::size_t resource = FindName(rule.constant, *here.group);
    if (resource == kNoResource) return Outcome::kEmpty;
    const Outcome outcome = Place(rule, here, ReferenceTo(resource), ledger_.mark());
    if (outcome == Outcome::kWritten) ++writes_;
    return outcome;
}

Run::Outcome Run::RunText(const Rule& rule, const Here& here) {
    Text text;
    bool there = true;
    if (rule.source == SourceKind::kConst && rule.table != nullptr) {
        const TableEntry& entry = *rule.table->Find(rule.constant);  // the compiler saw it
        const bool simple = rule.target.primitive != fhir::Primitive::kNone;
        return Place(rule, here,
                     simple ? PrimitiveNode(rule.target.primitive, entry.code)
                            : CodedNode(rule, entry, nullptr, here),
                     ledger_.mark());
    }
    if (rule.source == SourceKind::kConst) {
        text.text = rule.constant;
    } else if (rule.source == SourceKind::kConcat) {
        there = Concat(rule, here, text);
    } else {
        there = Add(rule, here, text);
    }
    if (!there) return Outcome::kEmpty;
    return ApplyText(rule, here, std::move(text));
}

bool Run::ReadJoined(const Rule& rule, const ValueList& values, const Here& here, Text& out) {
    bool any = false;
    for (const Value& value : values) {
        if (!IsValued(value)) {
            if (IsExplicitNull(value)) ledger_.Mapped(value.raw, here.element.resource);
            if (!any) continue;
            out.text += rule.join->separator;  // an empty line of a text
            continue;
        }
        Text line;
        if (!ReadLine(rule, value, here, line)) continue;
        if (any) out.text += rule.join->separator;
        out.text += line.text;
        for (const std::string_view piece : line.pieces) out.pieces.push_back(piece);
        any = true;
    }
    return any;
}

bool Run::ReadLine(const Rule& rule, const Value& value, const Here& here, Text& out) {
    if (rule.builtin == Builtin::kText) return ReadWhole(value, here, out);
    std::string_view piece;
    if (!ReadText(value, here, out.text, piece)) return false;
    out.pieces.push_back(piece);
    return true;
}

// All parts of a value as HL7 writes them, with the delimiters that HL7 recommends whatever those
// of the message, escapes resolved. False if nothing can be read.
bool Run::ReadWhole(const Value& value, const Here& here, Text& out) {
    std::string_view piece;
    if (value.level == Value::Level::kLeaf) {
        if (!IsValued(value)) return false;
        std::string text;
        if (!ReadText(value, here, text, piece)) return false;
        out.text += text;
        out.pieces.push_back(piece);
        return true;
    }
    const bool components = value.level == Value::Level::kRepetition;
    const hl7::Delimiters& delimiters = message_.delimiters();
    const char delimiter = components ? delimiters.component : delimiters.subcomponent;
    const Value::Level level = components ? Value::Level::kComponent : Value::Level::kLeaf;
    const std::string_view search = message_.Searchable(value.raw);
    std::string gap;  // before the next part that is valued; there is none at the end
    bool any = false;
    for (std::size_t at = 0;;) {
        const std::size_t cut = std::min(search.find(delimiter, at), search.size());
        const std::size_t before = out.text.size();
        out.text += gap;
        if (ReadWhole({value.raw.substr(at, cut - at), level}, here, out)) {
            gap.clear();
            any = true;
        } else {
            out.text.resize(before);
        }
        if (cut == search.size()) return any;
        gap += components ? '^' : '&';
        at = cut + 1;
    }
}

bool Run::Concat(const Rule& rule, const Here& here, Text& out) {
    bool any = false;
    for (const ConcatPart& part : rule.parts) {
        if (part.literal) {
            if (rule.join && !out.text.empty() && !part.text.empty())
                out.text += rule.join->separator;
            out.text += part.text;
            continue;
        }
        const Value value = First(part.operand, here);
        if (!IsValued(value)) continue;
        std::string text;
        std::string_view piece;
        if (!ReadText(value, here, text, piece)) continue;
        if (rule.join && !out.text.empty()) out.text += rule.join->separator;
        out.text += text;
        out.pieces.push_back(piece);
        any = true;
    }
    return any;
}

// date + amount * unit, written again as an HL7 time so that the usual conversion follows.
bool Run::Add(const Rule& rule, const Here& here, Text& out) {
    const Value date = First(rule.at, here);
    const Value amount = First(rule.operands[0], here);
    if (!IsValued(date) || !IsValued(amount)) return false;
    Moment moment;
    std::string_view reason;
    std::string text = PlainText(date);
    if (!ParseMoment(text, moment, reason)) {
        ledger_.Lost(LeafOf(date), reason, here.element.resource, true);
        return false;
    }
    std::string number = PlainText(amount);
    std::string unit;
    out.pieces.push_back(LeafOf(date));
    out.pieces.push_back(LeafOf(amount));
    if (rule.operands.size() > 1) {
        const Value value = First(rule.operands[1], here);
        unit = PlainText(value);
        if (!unit.empty()) out.pieces.push_back(LeafOf(value));
    }
    if (!NormalizeNumber(number)) {
        ledger_.Lost(LeafOf(amount), "not a number", here.element.resource, true);
        return false;
    }
    const double size = std::strtod(number.c_str(), nullptr);
    if (!AddDuration(moment, rule.subtracts ? -size : size, unit)) {
        ledger_.Lost(LeafOf(amount), "not a duration (unit or size)", here.element.resource, true);
        return false;
    }
    const auto digits = [&](int value, int width) {
        std::string part = std::to_string(value);
        out.text += std::string(part.size() < static_cast<std::size_t>(width)
                                    ? static_cast<std::size_t>(width) - part.size()
                                    : 0,
                                '0') +
                    part;
    };
    digits(moment.year, 4);
    digits(moment.month, 2);
    digits(moment.day, 2);
    if (moment.precision >= Moment::kHour) {
        digits(moment.hour, 2);
        digits(moment.minute, 2);
        digits(moment.second, 2);
        if (!moment.fraction.empty()) out.text += "." + moment.fraction;
    }
    if (moment.offset_minutes) {
        out.text += *moment.offset_minutes < 0 ? "-" : "+";
        digits(std::abs(*moment.offset_minutes) / 60, 2);
        digits(std::abs(*moment.offset_minutes) % 60, 2);
    }
    return true;
}

Run::Outcome Run::Apply(const Rule& rule, const Here& here, const Value& value, int table) {
    if (rule.map != nullptr) {
        return rule.map->makes_resource ? ApplyResource(rule, here, value, table)
                                        : ApplyMap(rule, here, value, table);
    }
    if (rule.builtin != Builtin::kNone) return ApplyBuiltin(rule, here, value, table);
    if (rule.table != nullptr) return ApplyCode(rule, here, value);
    if (rule.target.primitive == fhir::Primitive::kNone) {
        return ApplyNested(rule, here, &value, table);
    }
    Text text;
    std::string_view piece;
    if (!ReadText(value, here, text.text, piece)) return Outcome::kFailed;
    if (piece.empty()) return Outcome::kEmpty;
    if (hl7::IsNull(piece)) {
        if (rule.null_clears && !rule.has_fallback) FollowNull(rule, here);
        ledger_.Mapped(piece, here.element.resource);
        return Outcome::kEmpty;
    }
    text.pieces.push_back(piece);
    return ApplyText(rule, here, std::move(text));
}

Run::Outcome Run::Place(const Rule& rule, const Here& here, fhir::Node&& node, std::size_t mark) {
    const Put put = PutNode(rule.target, rule.join, here.element, std::move(node));
    if (put == Put::kTaken) {
        ledger_.Revoke(mark, rule.target.reason_taken);
        return Outcome::kTaken;
    }
    return Outcome::kWritten;
}

Run::Outcome Run::ApplyText(const Rule& rule, const Here& here, Text&& text) {
    const Target& target = rule.target;
    const std::size_t resource = here.element.resource;
    std::string_view reason;
    conversion_.unsure_offset = false;
    if (rule.builtin == Builtin::kText && target.primitive == fhir::Primitive::kBase64Binary) {
        text.text = ToBase64(text.text);
    }
    bool good = ToPrimitive(target.primitive, text.text, conversion_, reason);
    if (good && !target.value_set.empty() && rule.table == nullptr) {
        good = model_.definitions->InValueSet(target.value_set, "", text.text) !=
               fhir::Definitions::Membership::kOut;
        if (!good) reason = "code that FHIR does not allow here";
    }
    if (!good) {
        for (const std::string_view piece : text.pieces) {
            ledger_.Lost(piece, reason, resource, true);
        }
        return Outcome::kFailed;
    }
    if (conversion_.unsure_offset && !text.pieces.empty()) {
        Warn(text.pieces.front(),
             conversion_.dst == Dst::kLater
                 ? "local time that occurs twice or never; the later offset taken"
                 : "local time that occurs twice or never; the earlier offset taken");
    }
    const std::size_t mark = ledger_.mark();
    if (!rule.constant_only) ++writes_;
    for (const std::string_view piece : text.pieces) ledger_.Mapped(piece, resource);
    const Outcome outcome =
        Place(rule, here, PrimitiveNode(target.primitive, std::move(text.text)), mark);
    if (outcome != Outcome::kWritten && !rule.constant_only) --writes_;
    return outcome;
}

Run::Outcome Run::Fallback(const Rule& rule, const Here& here) {
    fhir::Node node;
    if (rule.table != nullptr && rule.target.primitive == fhir::Primitive::kNone) {
        const TableEntry entry{rule.fallback, rule.table->system, ""};
        node = CodedNode(rule, entry, nullptr, here);
    } else {
        node = PrimitiveNode(rule.target.primitive, rule.fallback);
    }
    const Put put = PutNode(rule.target, std::nullopt, here.element, std::move(node));
    return put == Put::kTaken ? Outcome::kTaken : Outcome::kWritten;
}

Run::Outcome Run::ApplyMap(const Rule& rule, const Here& here, const Value& value, int table) {
    const Frame frame = FrameOf(here.frame, value, table);
    const std::size_t before = writes_;
    const std::size_t mark = ledger_.mark();
    if (rule.table != nullptr && rule.miss == MissKind::kDrop) {
        const TableEntry* entry = rule.table->Find(PlainText(value));
        if (entry == nullptr || entry->code.empty()) {
            ledger_.Lost(LeafOf(value),
                         entry == nullptr ? rule.table->reason_missing : rule.table->reason_none,
                         here.element.resource, entry == nullptr);
            return Outcome::kFailed;
        }
    }
    Here inner = here;
    inner.frame = &frame;
    if (rule.target.steps.empty() && rule.target.extension.empty()) {
        RunRules(rule.map->rules, inner);
        RunRules(rule.rules, inner);
        return writes_ == before ? Outcome::kEmpty : Outcome::kWritten;
    }
    fhir::Node node;
    std::vector<Binding> bindings;
    inner.element = {&node, here.element.resource, &bindings, false};
    if (rule.map->primitive == fhir::Primitive::kNone) node = fhir::Node::Object();
    RunRules(rule.map->rules, inner);
    RunRules(rule.rules, inner);
    if (rule.table != nullptr) Translate(rule, here, value, node);
    if (writes_ == before || node.IsEmpty()) {
        writes_ = before;
        return ledger_.LostSince(mark) ? Outcome::kFailed : Outcome::kEmpty;
    }
    if (rule.map->primitive != fhir::Primitive::kNone) {
        std::string text = node.text();
        std::string_view reason;
        if (!ToPrimitive(rule.target.primitive, text, conversion_, reason)) {
            ledger_.Revoke(mark, reason);
            writes_ = before;
            return Outcome::kFailed;
        }
        node = PrimitiveNode(rule.target.primitive, std::move(text));
    }
    const Outcome outcome = Place(rule, here, std::move(node), mark);
    if (outcome != Outcome::kWritten) writes_ = before;
    return outcome;
}

Run::Outcome Run::ApplyNested(const Rule& rule, const Here& here, const Value* value, int table) {
    const std::size_t before = writes_;
    const std::size_t mark = ledger_.mark();
    Frame frame;
    Here inner = here;
    if (value != nullptr) {
        frame = FrameOf(here.frame, *value, table);
        inner.frame = &frame;
    }
    if (rule.target.steps.empty() && rule.target.extension.empty()) {
        RunRules(rule.rules, inner);
        return writes_ == before ? Outcome::kEmpty : Outcome::kWritten;
    }
    fhir::Node node = fhir::Node::Object();
    std::vector<Binding> bindings;
    inner.element = {&node, here.element.resource, &bindings, false};
    RunRules(rule.rules, inner);
    // Constants alone make an entry only when the value itself decides that there is one, as the
    // kind of a place does: `at: PL, when: PL.3 valued, rules: [{const: bd, ...}]`.
    const bool only_constants = writes_ == before;
    if (node.IsEmpty() || (only_constants && (rule.when == nullptr || value == nullptr))) {
        writes_ = before;
        return ledger_.LostSince(mark) ? Outcome::kFailed : Outcome::kEmpty;
    }
    const Outcome outcome = Place(rule, here, std::move(node), mark);
    if (outcome != Outcome::kWritten) writes_ = before;
    return outcome;
}

Run::Outcome Run::ApplyResource(const Rule& rule, const Here& here, const Value& value, int table) {
    const Frame frame = FrameOf(here.frame, value, table);
    const std::size_t before = writes_;
    const std::size_t mark = ledger_.mark();
    const std::size_t resource = NewResource(rule.map->target, here.element.resource, here);
    Here inner = here;
    inner.frame = &frame;
    inner.element = {&made_[resource].node, resource, &made_[resource].bindings, true};
    RunRules(rule.map->rules, inner);
    RunRules(rule.rules, inner);
    TakeLocalKey(rule.map->key, inner, resource);
    if (writes_ == before) {
        made_[resource].dropped = true;
        return ledger_.LostSince(mark) ? Outcome::kFailed : Outcome::kEmpty;
    }
    const Outcome outcome = Place(rule, here, ReferenceTo(resource), mark);
    if (outcome != Outcome::kWritten) {
        made_[resource].dropped = true;
        writes_ = before;
    }
    return outcome;
}

}  // namespace carestream::mapping::internal
