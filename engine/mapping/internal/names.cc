#include "mapping/internal/names.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "mapping/internal/condition.h"

namespace carestream::mapping::internal {

namespace {

tl::unexpected<Error> FailHere(std::size_t offset, std::string message) {
    return tl::make_unexpected(Error{Code::kInvalid, std::move(message), {}, {}, offset, false});
}

bool IsOpenType(std::string_view type) {
    return type.empty() || type == "varies" || type == "Varies" || type == "VARIES" || type == "*";
}

constexpr std::array<std::pair<std::string_view, Operand::Kind>, 5> kContext = {
    {{"assigning_authority", Operand::Kind::kAuthority},
     {"channel", Operand::Kind::kChannel},
     {"received", Operand::Kind::kReceived},
     {"tenant", Operand::Kind::kTenant},
     {"time_zone", Operand::Kind::kTimeZone}}};

std::string MistakeAmong(std::string_view event, const std::vector<std::string_view>& known) {
    if (event.starts_with('Z') || std::find(known.begin(), known.end(), event) != known.end()) {
        return {};
    }
    return "HL7 has no event '" + std::string(event) + "'" + DidYouMean(event, known);
}

}  // namespace

bool Names::IsSegment(std::string_view id) const {
    if (id.size() != 3) return false;
    return id[0] == 'Z' || dictionary_.FindSegment(id) != nullptr;
}

bool Names::IsDataType(std::string_view id) const {
    return dictionary_.FindDataType(id) != nullptr;
}

std::string Names::SegmentHint(std::string_view id) const {
    const std::vector<std::string_view> ids = dictionary_.SegmentIds();
    return DidYouMean(id, ids);
}

std::string Names::EventMistake(std::string_view event) const {
    const std::size_t hat = event.find('^');
    if (hat != event.npos && event.substr(hat + 1).starts_with('Z')) return {};
    return MistakeAmong(event, dictionary_.Events());
}

std::string Names::TriggerMistake(std::string_view trigger) const {
    std::vector<std::string_view> triggers = dictionary_.Events();
    for (std::string_view& one : triggers) one.remove_prefix(one.find('^') + 1);
    return MistakeAmong(trigger, triggers);
}

bool Names::MayRefer(const std::vector<std::string_view>& allowed, std::string_view type) {
    return allowed.empty() || std::find(allowed.begin(), allowed.end(), type) != allowed.end() ||
           std::find(allowed.begin(), allowed.end(), "Resource") != allowed.end();
}

bool Names::IsA(std::string_view type, std::string_view base) const {
    for (int depth = 0; depth < 8 && !type.empty(); ++depth) {
        if (type == base) return true;
        const fhir::TypeDefinition* definition = definitions_.FindType(type);
        if (definition == nullptr) return false;
        type = definition->base;
    }
    return false;
}

Result<Operand> Names::ResolveOperand(std::string_view text, const Scope& scope, bool whole) const {
    CARESTREAM_ASSIGN(path, ParsePathText(text));
    if (path.head == "event" || path.head == "context") return ContextOperand(text, path);
    if (path.is_field) return FieldOperand(text, path, scope);
    const bool is_value = !scope.values.empty() && IsDataType(path.head);
    if (path.numbers == 0 && !is_value && IsSegment(path.head)) {
        if (!whole) return FailHere(0, "expected a field, such as " + path.head + "-1");
        if (scope.segment.empty()) {
            return FailHere(0, "a data type map reads only its own value");
        }
        Operand operand;
        operand.kind = Operand::Kind::kSegment;
        operand.segment = PackSegment(path.head);
        operand.from_parent = path.from_parent;
        operand.text = std::string(text);
        return operand;
    }
    if (path.numbers == 0 && !whole) {
        return FailHere(0, "expected a component, such as " + path.head + ".1");
    }
    return ValueOperand(text, path, scope);
}

Result<Operand> Names::ContextOperand(std::string_view text, const PathText& path) const {
    Operand operand;
    operand.text = std::string(text);
    operand.kind = Operand::Kind::kEvent;
    operand.field_repeats = false;
    if (path.head == "event") return operand;
    std::vector<std::string_view> words;
    for (const auto& [word, kind] : kContext) {
        words.push_back(word);
        if (word != path.word) continue;
        operand.kind = kind;
        return operand;
    }
    return FailHere(8, "the context has no '" + path.word + "'" + DidYouMean(path.word, words));
}

Result<void> Names::Descend(std::string_view text, const std::string& what, int number,
                            std::string& type, int& table) const {
    if (IsOpenType(type)) {
        type.clear();
        return {};
    }
    const hl7::DataTypeDefinition* definition = dictionary_.FindDataType(type);
    const std::size_t count = definition == nullptr ? 0 : definition->components.size();
    if (count == 0) {
        if (number == 1) return {};
        return FailHere(text.size(), what + " is of the simple type " + type +
                                         ", which has no component " + std::to_string(number));
    }
    if (static_cast<std::size_t>(number) > count) {
        return FailHere(text.size(), what + " is of type " + type + ", which has " +
                                         std::to_string(count) + " components");
    }
    const auto& component = definition->components[static_cast<std::size_t>(number - 1)];
    type = component.data_type;
    if (component.table != 0) table = component.table;
    return {};
}

Result<Operand> Names::FieldOperand(std::string_view text, const PathText& path,
                                    const Scope& scope) const {
    const std::size_t start = path.from_parent ? 1 : 0;
    if (scope.segment.empty()) {
        return FailHere(0, "a data type map reads only its own value, not the segment " +
                               path.head + "; read it in the segment's map");
    }
    if (!IsSegment(path.head)) {
        return FailHere(start, "unknown segment '" + path.head + "'" + SegmentHint(path.head));
    }
    Operand operand;
    operand.kind = Operand::Kind::kSegment;
    operand.segment = PackSegment(path.head);
    operand.from_parent = path.from_parent;
    operand.field = path.field;
    operand.repetition = path.repetition;
    operand.component = path.component;
    operand.subcomponent = path.subcomponent;
    operand.text = std::string(text);
    const hl7::SegmentDefinition* segment = dictionary_.FindSegment(path.head);
    if (segment == nullptr) return operand;  // a Z-segment
    const std::size_t count = segment->fields.size();
    if (static_cast<std::size_t>(path.field) > count) {
        return FailHere(start, path.head + " has " + std::to_string(count) + " fields, not " +
                                   std::to_string(path.field));
    }
    const auto& field = segment->fields[static_cast<std::size_t>(path.field - 1)];
    operand.data_type = field.data_type;
    operand.table = field.table;
    operand.field_repeats = field.repeats || IsOpenType(field.data_type);
    if (path.component != 0) {
        std::string what = path.head + "-" + std::to_string(path.field);
        CARESTREAM_TRY(Descend(text, what, path.component, operand.data_type, operand.table));
        if (path.subcomponent != 0) {
            what += "." + std::to_string(path.component);
            CARESTREAM_TRY(
                Descend(text, what, path.subcomponent, operand.data_type, operand.table));
        }
    }
    if (IsOpenType(operand.data_type)) operand.data_type.clear();
    // The field that is being mapped stands for its current repetition.
    if (path.from_parent || path.repetition != 0) return operand;
    for (std::size_t i = scope.values.size(); i-- > 0;) {
        const ScopeValue& value = scope.values[i];
        if (value.segment != operand.segment || value.field != operand.field) continue;
        operand.kind = Operand::Kind::kValue;
        operand.depth = static_cast<int>(scope.values.size() - 1 - i);
        operand.field_repeats = false;
        break;
    }
    return operand;
}

Result<Operand> Names::ValueOperand(std::string_view text, const PathText& path,
                                    const Scope& scope) const {
    if (!IsDataType(path.head)) {
        return FailHere(
            0, IsSegment(path.head)
                   ? "a field is written " + path.head + "-1, not " + std::string(text)
                   : "unknown data type or segment '" + path.head + "'" + SegmentHint(path.head));
    }
    if (scope.values.empty()) {
        return FailHere(
            0, "'" + path.head + "' names a part of a value, but no value is being mapped here");
    }
    Operand operand;
    operand.kind = Operand::Kind::kValue;
    operand.text = std::string(text);
    bool found = false;
    for (std::size_t i = scope.values.size(); i-- > 0; ++operand.depth) {
        found = scope.values[i].type == path.head || IsOpenType(scope.values[i].type);
        if (found) break;
    }
    if (!found) {
        const std::string& innermost = scope.values.back().type;
        return FailHere(0, "the value here is of type " + innermost + ", not " + path.head);
    }
    operand.component = path.component;
    operand.subcomponent = path.subcomponent;
    operand.data_type = path.head;
    operand.field_repeats = false;
    if (path.component != 0) {
        CARESTREAM_TRY(Descend(text, path.head, path.component, operand.data_type, operand.table));
        if (path.subcomponent != 0) {
            CARESTREAM_TRY(Descend(text, path.head + "." + std::to_string(path.component),
                                   path.subcomponent, operand.data_type, operand.table));
        }
    }
    if (IsOpenType(operand.data_type)) operand.data_type.clear();
    return operand;
}

std::string Names::ElementHint(const fhir::TypeDefinition& type, std::string_view name) const {
    std::vector<std::string> names;
    for (const fhir::ElementDefinition& element : type.elements) {
        if (!element.choice) {
            names.emplace_back(element.name);
            continue;
        }
        for (const std::string_view option : element.types) {
            std::string member(element.name);
            member += option;
            const std::size_t upper = element.name.size();
            if (member[upper] >= 'a' && member[upper] <= 'z') {
                member[upper] = static_cast<char>(member[upper] - 32);
            }
            if (element.name == name) return ", write the type with it: '" + member + "'";
            names.push_back(std::move(member));
        }
    }
    const std::vector<std::string_view> views(names.begin(), names.end());
    return DidYouMean(name, views);
}

Result<void> Names::AddStep(std::string_view part, std::size_t offset, bool last, std::string& type,
                            Target& target) const {
    Step step;
    std::size_t end = part.find_first_of("[(");
    step.member = std::string(part.substr(0, end));
    std::string_view rest = end == std::string_view::npos ? "" : part.substr(end);
    if (!rest.empty() && rest.front() == '[') {
        const std::size_t close = rest.find(']');
        if (close == std::string_view::npos) return FailHere(offset, "the '[' is not closed");
        step.named = true;
        step.entry = std::string(rest.substr(1, close - 1));
        if (step.entry.empty() || IsDigits(step.entry)) {
            return FailHere(offset + step.member.size(),
                            "a list entry has a name in '[ ]', such as [home]");
        }
        rest.remove_prefix(close + 1);
    }
    if (!rest.empty() && rest.front() == '(' && rest.back() == ')') {
        step.through = std::string(rest.substr(1, rest.size() - 2));
        rest = {};
    }
    if (!rest.empty()) return FailHere(offset, "unexpected '" + std::string(rest) + "'");
    const fhir::TypeDefinition* definition = definitions_.FindType(type);
    if (definition == nullptr || definition->kind == fhir::TypeKind::kPrimitive) {
        return FailHere(offset,
                        "'" + type + "' is a simple type and has no element '" + step.member + "'");
    }
    const fhir::ResolvedElement resolved = definitions_.Resolve(*definition, step.member);
    if (resolved.element == nullptr || step.member == "resourceType") {
        return FailHere(offset, type + " has no element '" + step.member + "'" +
                                    ElementHint(*definition, step.member));
    }
    const fhir::ElementDefinition& element = *resolved.element;
    step.list = element.max > 1;
    if (step.named && !step.list) {
        return FailHere(offset,
                        type + "." + step.member + " takes one value: it has no entries to name");
    }
    if (element.choice) step.choice_base = std::string(element.name);
    const std::vector<std::string_view> references(element.targets.begin(), element.targets.end());
    type = std::string(resolved.type);
    if (!step.through.empty()) {
        const fhir::TypeDefinition* through = definitions_.FindType(step.through);
        if (type != "Reference") {
            return FailHere(offset, step.member + " is no Reference: '(" + step.through +
                                        ")' cannot stand here");
        }
        if (through == nullptr || through->kind != fhir::TypeKind::kResource) {
            const auto types = definitions_.ResourceTypes();
            return FailHere(offset, "unknown resource type '" + step.through + "'" +
                                        DidYouMean(step.through, types));
        }
        if (!MayRefer(references, step.through)) {
            return FailHere(offset,
                            step.member + " may not refer to a resource of type " + step.through);
        }
        if (last) {
            return FailHere(
                offset, "name an element behind '(" + step.through + ")', or give a map with `as`");
        }
        type = step.through;
    }
    if (last) {
        target.type = type;
        target.list = step.list && !step.named;
        target.reference_types = references;
        const fhir::TypeDefinition* leaf = definitions_.FindType(type);
        target.primitive = leaf == nullptr ? fhir::Primitive::kNone : leaf->primitive;
        if (element.strength == fhir::BindingStrength::kRequired &&
            target.primitive == fhir::Primitive::kCode) {
            target.value_set = std::string(element.value_set);
        }
    }
    step.key = Fnv64(step.member + '[' + step.entry);
    target.steps.push_back(std::move(step));
    return {};
}

Result<Target> Names::ResolveTarget(std::string_view text, const Scope& scope) const {
    Target target;
    target.text = std::string(text);
    target.path = scope.path;
    if (text == ".") {
        target.type = scope.type;
        const fhir::TypeDefinition* definition = definitions_.FindType(scope.type);
        target.primitive = definition == nullptr ? fhir::Primitive::kNone : definition->primitive;
        return target;
    }
    std::string type = scope.type;
    std::size_t offset = 0;
    for (;;) {
        const std::size_t dot = text.find('.', offset);
        const bool last = dot == std::string_view::npos;
        const std::string_view part = text.substr(offset, last ? dot : dot - offset);
        if (part.empty()) return FailHere(offset, "expected an element name");
        CARESTREAM_TRY(AddStep(part, offset, last, type, target));
        target.path += "." + target.steps.back().member;
        if (last) break;
        offset = dot + 1;
    }
    if (scope.at_root) {
        for (const Step& step : target.steps) {
            if (!step.through.empty()) {
                target.cleared.clear();
                break;
            }
            target.cleared += (target.cleared.empty() ? "" : ".") + step.member;
            if (step.list) break;
        }
    }
    return target;
}

Result<void> Names::ToExtension(Target& target, std::string_view url,
                                std::string_view value_type) const {
    target.extension = std::string(url);
    target.on_primitive = target.primitive != fhir::Primitive::kNone && !target.steps.empty();
    if (target.on_primitive && target.list) {
        return FailHere(
            0, "an extension on an entry of the repeating " + target.text + " is not supported");
    }
    if (target.list) {
        return FailHere(0, "'" + target.text + "' repeats: name the entry, or use nested `rules`");
    }
    target.path += ".extension";
    target.cleared.clear();
    target.reference_types.clear();
    target.value_set.clear();
    target.primitive = fhir::Primitive::kNone;
    target.list = true;
    if (value_type.empty()) {
        target.type = "Extension";
        return {};
    }
    std::string member = "value";
    member += value_type;
    if (member[5] >= 'a' && member[5] <= 'z') member[5] = static_cast<char>(member[5] - 32);
    const fhir::TypeDefinition* extension = definitions_.FindType("Extension");
    const fhir::ResolvedElement resolved =
        extension == nullptr ? fhir::ResolvedElement{} : definitions_.Resolve(*extension, member);
    if (resolved.element == nullptr) {
        std::vector<std::string_view> types;
        for (const fhir::ElementDefinition& element : extension->elements) {
            if (element.choice) types.assign(element.types.begin(), element.types.end());
        }
        return FailHere(0, "an extension has no value of type '" + std::string(value_type) + "'" +
                               DidYouMean(value_type, types));
    }
    target.extension_value = std::move(member);
    target.type = std::string(resolved.type);
    const fhir::TypeDefinition* leaf = definitions_.FindType(target.type);
    target.primitive = leaf == nullptr ? fhir::Primitive::kNone : leaf->primitive;
    return {};
}

}  // namespace carestream::mapping::internal
