#include "mapping/internal/renderer.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/text.h"
#include "mapping/program.h"

namespace carestream::mapping::internal {

namespace {

constexpr std::string_view kHl7System = "http://terminology.hl7.org/CodeSystem/v2-";
constexpr std::string_view kOwnSystem = "urn:carestream:coding-system:";
constexpr std::string_view kOwnAuthority = "urn:carestream:authority:";

std::string FromUrnPart(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool coded = text[i] == '%' && i + 2 < text.size() && HexValue(text[i + 1]) >= 0 &&
                           HexValue(text[i + 2]) >= 0;
        if (!coded) {
            out.push_back(text[i]);
            continue;
        }
        out.push_back(static_cast<char>(HexValue(text[i + 1]) * 16 + HexValue(text[i + 2])));
        i += 2;
    }
    return out;
}

std::size_t Characters(std::string_view utf8) {
    return static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
}

std::string FirstCharacters(std::string_view utf8, std::size_t count) {
    std::size_t at = 0;
    for (; at < utf8.size(); ++at) {
        const bool begins = (static_cast<unsigned char>(utf8[at]) & 0xC0) != 0x80;
        if (begins && count-- == 0) break;
    }
    return std::string(utf8.substr(0, at));
}

// The codings of a Coding or CodeableConcept.
std::vector<const fhir::Node*> Codings(const fhir::Node& node, std::string_view type) {
    if (type == "Coding") return {&node};
    std::vector<const fhir::Node*> codings;
    if (const fhir::Node* list = node.Find("coding"); list != nullptr) {
        for (const fhir::Node& coding : list->items()) codings.push_back(&coding);
    }
    return codings;
}

// The name of table 0211 for MSH-18; "" for ASCII, which needs none.
std::string CharsetName(const std::string& charset) {
    const std::string name = ToLowerAscii(charset);
    if (name == "ascii" || name == "us-ascii") return {};
    if (name == "utf-8" || name == "utf8" || name == "unicode utf-8") return "UNICODE UTF-8";
    if (name.starts_with("iso-8859-")) return "8859/" + name.substr(9);
    return charset;
}

}  // namespace

Renderer::Renderer(const Model& model, const RenderRequest& request, const Destination& destination)
    : model_(model),
      request_(request),
      destination_(destination),
      zone_(Zone::Find(destination.time_zone).value()),
      editor_({}, destination.charset),
      event_(fhir::Node::String(std::string(request.event.substr(request.event.find('^') + 1)))),
      version_(fhir::Node::String(destination.version)),
      control_id_(fhir::Node::String(request.control_id)),
      now_(fhir::Node::String(FormatHl7(InZone(MomentAt(request.now)), false))) {
    number_ = fhir::Node::String("1");
    limits_.now = request.now;
    limits_.resolve = [this](std::string_view reference) -> const fhir::Node* {
        if (!reference.starts_with('#')) {
            return request_.resolve ? request_.resolve(reference) : nullptr;
        }
        const fhir::Node* contained = request_.focus->Find("contained");
        if (contained == nullptr) return nullptr;
        for (const fhir::Node& resource : contained->items()) {
            if (resource.TextOf("id") == reference.substr(1)) return &resource;
        }
        return nullptr;
    };
    limits_.variables = {{"focus", request.focus},     {"event", &event_}, {"version", &version_},
                         {"control_id", &control_id_}, {"now", &now_},     {"number", &number_}};
    for (const LeafLength& length : destination.lengths) {
        lengths_.emplace_back(hl7::ParsePath(length.path).value(), length.characters_max);
    }
}

Result<Rendered> Renderer::Render(const OutboundMessage& message) {
    WriteHeader(message);
    CARESTREAM_TRY(Nodes(message.nodes, {request_.focus, message.source}));
    return Rendered{editor_.Encode(), std::move(notes_)};
}

void Renderer::WriteHeader(const OutboundMessage& message) {
    editor_.Append("MSH");
    WriteParts(3, destination_.sending_application);
    WriteParts(4, destination_.sending_facility);
    WriteParts(5, destination_.receiving_application);
    WriteParts(6, destination_.receiving_facility);
    WriteText({0, 7}, now_.text());
    const std::size_t hat = request_.event.find('^');
    WriteText({0, 9, 1, 1}, std::string(request_.event.substr(0, hat)));
    WriteText({0, 9, 1, 2}, std::string(request_.event.substr(hat + 1)));
    if (destination_.version >= "2.3.1") WriteText({0, 9, 1, 3}, message.structure);
    WriteText({0, 10}, request_.control_id);
    WriteText({0, 11}, destination_.processing_id);
    WriteText({0, 12}, destination_.version);
    WriteText({0, 18}, CharsetName(destination_.charset));
}

void Renderer::WriteParts(int field, std::string_view parts) {
    int component = 1;
    for (const std::string_view part : Split(parts, '^')) {
        WriteText({0, field, 1, component++}, std::string(part));
    }
}

Result<void> Renderer::Nodes(const std::vector<OutboundNode>& nodes, const Item& item) {
    for (const OutboundNode& node : nodes) {
        if (!node.each) {
            CARESTREAM_TRY(Instance(node, item));
            continue;
        }
        CARESTREAM_ASSIGN(found, Evaluate(*node.each, item));
        int number = 0;
        const fhir::Node outer = number_;
        for (const fhir::PathItem& one : found.items) {
            if (one.node->IsEmpty()) continue;  // a reference to what is not here
            number_ = fhir::Node::String(std::to_string(++number));
            CARESTREAM_TRY(Instance(node, {one.node, one.type}));
        }
        number_ = outer;
    }
    return {};
}

Result<void> Renderer::Instance(const OutboundNode& node, const Item& item) {
    CARESTREAM_ASSIGN(holds, Holds(node.when, item));
    if (!holds) return {};
    return node.group ? Nodes(node.children, item) : Segment(node, item);
}

Result<void> Renderer::Segment(const OutboundNode& node, const Item& item) {
    const std::size_t at = editor_.Append(node.name);
    bool written = false;
    for (const OutboundMap* map : node.maps) {
        CARESTREAM_ASSIGN(some, Rules(map->rules, item, {at}));
        written = written || some;
    }
    CARESTREAM_ASSIGN(some, Rules(node.rules, item, {at}));
    written = written || some || (!node.each && editor_.FieldCount(at) > 0);
    if (!written) editor_.Remove(at);
    return {};
}

Result<bool> Renderer::Rules(const std::vector<OutboundRule>& rules, const Item& item,
                             const Place& place) {
    bool written = false;
    for (const OutboundRule& rule : rules) {
        CARESTREAM_ASSIGN(some, Apply(rule, item, place));
        written = written || some;
    }
    return written;
}

Result<bool> Renderer::Apply(const OutboundRule& rule, const Item& item, const Place& place) {
    CARESTREAM_ASSIGN(holds, Holds(rule.when, item));
    if (!holds) return false;
    if (rule.kind == OutboundRule::Kind::kGroup) return Rules(rule.rules, item, place);
    CARESTREAM_ASSIGN(written, ApplyItems(rule, item, place));
    if (written || (!rule.fallback && !rule.required)) return written;
    if (!rule.fallback) {
        return Fail(
            Code::kInvalid,
            "needed for " + rule.target.path + " of " + std::string(request_.event) + " and absent",
            std::string(item.type) + "." + (rule.at ? rule.at->text : ""));
    }
    WriteText(At(rule.target, place), *rule.fallback);
    return false;
}

Result<bool> Renderer::ApplyItems(const OutboundRule& rule, const Item& item, const Place& place) {
    Found found;
    fhir::Node constant;
    if (rule.at) {
        CARESTREAM_ASSIGN(evaluated, Evaluate(*rule.at, item));
        found = std::move(evaluated);
    } else {
        constant = fhir::Node::String(rule.constant);
        found.items.push_back({&constant, nullptr, "string"});
    }
    bool written = false;
    std::size_t left_out = 0;
    for (const fhir::PathItem& one : found.items) {
        if (one.node->IsNull()) continue;  // a primitive that has extensions only
        const bool many = rule.target.repeats || rule.target.self;
        if (written && !many) {
            ++left_out;
            continue;
        }
        Place here = At(rule.target, place);
        int* count = nullptr;
        if (rule.target.repeats) {
            count = &repetitions_[{here.segment, here.field}];
            here.repetition = *count + 1;
        }
        CARESTREAM_ASSIGN(some, Write(rule, {one.node, one.type}, here));
        if (some && count != nullptr) ++*count;
        written = written || some;
    }
    if (left_out > 0) Note(At(rule.target, place), "takes one value; others were left out");
    return written && rule.at && !rule.at->constant();
}

Result<bool> Renderer::Write(const OutboundRule& rule, const Item& value, const Place& place) {
    bool written = false;
    if (rule.map != nullptr) {
        CARESTREAM_ASSIGN(some, Rules(rule.map->rules, value, place));
        written = some;
    } else if (rule.table != nullptr) {
        written = WriteCode(rule, value, place);
    } else if (rule.builtin == Builtin::kAuthority) {
        written = WriteAuthority(value.node->text(), place);
    } else if (rule.builtin == Builtin::kCodingSystem) {
        written = WriteText(place, CodingSystemName(value.node->text()));
    } else if (rule.rules.empty() || !value.node->IsObject()) {
        written = WriteText(place, TextOf(value, rule.target.type));
    }
    CARESTREAM_ASSIGN(some, Rules(rule.rules, value, place));
    return written || some;
}

bool Renderer::WriteCode(const OutboundRule& rule, const Item& value, const Place& place) {
    std::string code = value.node->text();
    const std::string* sent = nullptr;
    if (value.node->IsObject()) {
        for (const fhir::Node* coding : Codings(*value.node, value.type)) {
            const std::string one(coding->TextOf("code"));
            if (code.empty()) code = one;
            const std::string_view system = coding->TextOf("system");
            if (sent == nullptr) sent = rule.table->FindOrigin(one, system);
            if (sent == nullptr && !system.empty() && system == rule.table->hl7_system) {
                return WriteText(place, one);  // the sender's own
            }
        }
    } else {
        sent = rule.table->FindOrigin(code, {});
    }
    if (sent != nullptr) return WriteText(place, *sent);
    if (rule.miss == MissKind::kKeep) return WriteText(place, code);
    if (!code.empty()) Note(place, "no code of " + rule.table->label + " stands for this");
    return rule.miss == MissKind::kSet && WriteText(place, rule.miss_code);
}

bool Renderer::WriteAuthority(std::string_view uri, const Place& place) {
    std::string name;
    std::string id(uri);
    std::string_view kind = "URI";
    if (model_.authorities != nullptr) {
        const std::string* known = model_.authorities->FindOrigin(id, {});
        if (known != nullptr) name = *known;
    }
    if (uri.starts_with(kOwnAuthority)) {
        if (name.empty()) name = FromUrnPart(uri.substr(kOwnAuthority.size()));
        id.clear();
    } else if (uri.starts_with("urn:oid:")) {
        id = id.substr(8);
        kind = "ISO";
    } else if (uri.starts_with("urn:uuid:")) {
        id = id.substr(9);
        kind = "UUID";
    } else if (!name.empty()) {
        id.clear();  // a name that the receiver knows says more than a web address
    }
    Place part = place;
    int& level = place.component == 0 ? part.component : part.subcomponent;
    level = 1;
    bool written = WriteText(part, name);
    if (id.empty()) return written;
    level = 2;
    written = WriteText(part, id) || written;
    level = 3;
    return WriteText(part, std::string(kind)) || written;
}

bool Renderer::WriteText(const Place& place, std::string text) {
    if (text.empty()) return false;
    Shorten(place, text);
    bool replaced = false;
    text = hl7::EncodableText(text, destination_.charset, &replaced);
    if (replaced) Note(place, "characters that the character set lacks were replaced");
    const auto set = editor_.SetText(place.segment, place.field, place.repetition, place.component,
                                     place.subcomponent, text);
    CARESTREAM_ASSERT(set.has_value());
    return true;
}

void Renderer::Shorten(const Place& place, std::string& text) {
    const auto same = [](int a, int b) { return std::max(a, 1) == std::max(b, 1); };
    for (const auto& [path, characters_max] : lengths_) {
        if (path.field != place.field || path.segment != editor_.SegmentId(place.segment) ||
            !same(path.component, place.component) ||
            !same(path.subcomponent, place.subcomponent) || Characters(text) <= characters_max) {
            continue;
        }
        text = FirstCharacters(text, characters_max);
        Note(place, "shortened to " + std::to_string(characters_max) + " characters");
    }
}

Result<Renderer::Found> Renderer::Evaluate(const Expression& expression, const Item& item) {
    auto found = expression.path.Evaluate(*model_.definitions, *item.node, item.type, limits_);
    if (found) return found;
    Error error = std::move(found).error();
    error.path = std::string(item.type) + "." + expression.text;
    return Fail(std::move(error));
}

Result<bool> Renderer::Holds(const std::optional<Expression>& when, const Item& item) {
    if (!when) return true;
    CARESTREAM_ASSIGN(found, Evaluate(*when, item));
    return found.items.size() == 1 && found.items[0].node->text() == "true";
}

Renderer::Place Renderer::At(const OutboundTarget& target, const Place& place) const {
    Place at = place;
    if (target.self) return at;
    if (target.field != 0) {
        at.field = target.field;
        at.component = target.component;
        at.subcomponent = target.subcomponent;
    } else if (place.component == 0) {
        at.component = target.component;
        at.subcomponent = target.subcomponent;
    } else {
        at.subcomponent = target.component;
    }
    return at;
}

std::string Renderer::TextOf(const Item& value, std::string_view hl7_type) const {
    constexpr std::string_view kTimes[] = {"date",        "dateTime",        "instant",    "time",
                                           "System.Date", "System.DateTime", "System.Time"};
    if (std::find(std::begin(kTimes), std::end(kTimes), value.type) == std::end(kTimes)) {
        return value.node->text();
    }
    Moment moment;
    bool time_only = false;
    if (!ParseFhirMoment(value.node->text(), moment, &time_only)) return value.node->text();
    moment = InZone(moment);
    if (hl7_type == "DT" && moment.precision > Moment::kDay) {
        moment.precision = Moment::kDay;
        moment.fraction.clear();
    }
    return FormatHl7(moment, time_only || hl7_type == "TM");
}

// In the destination's zone, if it is a moment at all.
Moment Renderer::InZone(Moment moment) const {
    if (moment.precision < Moment::kHour || !moment.offset_minutes) return moment;
    const int offset = zone_.OffsetMinutesAt(ToMicros(moment));
    (void)AddDuration(moment, offset - *moment.offset_minutes, "min");
    moment.offset_minutes.reset();
    if (destination_.write_offset) moment.offset_minutes = offset;
    return moment;
}

std::string Renderer::CodingSystemName(std::string_view uri) const {
    if (model_.coding_systems != nullptr) {
        const std::string* known = model_.coding_systems->FindOrigin(std::string(uri), {});
        if (known != nullptr) return *known;
    }
    if (uri.starts_with(kHl7System)) return "HL7" + std::string(uri.substr(kHl7System.size()));
    if (uri.starts_with(kOwnSystem)) return FromUrnPart(uri.substr(kOwnSystem.size()));
    return std::string(uri.starts_with("urn:oid:") ? uri.substr(8) : uri);
}

std::string Renderer::PathOf(const Place& place) const {
    const std::string_view id = editor_.SegmentId(place.segment);
    int occurrence = 0;
    for (std::size_t i = 0; i <= place.segment; ++i) occurrence += editor_.SegmentId(i) == id;
    std::string path(id);
    if (occurrence > 1) path += "[" + std::to_string(occurrence) + "]";
    if (place.field != 0) path += "-" + std::to_string(place.field);
    if (place.repetition > 1) path += "[" + std::to_string(place.repetition) + "]";
    if (place.component != 0) path += "." + std::to_string(place.component);
    if (place.subcomponent != 0) path += "." + std::to_string(place.subcomponent);
    return path;
}

void Renderer::Note(const Place& place, std::string message) {
    notes_.push_back({PathOf(place), std::move(message)});
}

}  // namespace carestream::mapping::internal
