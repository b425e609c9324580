// Code tables and the built-in conversions.
#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "mapping/internal/run.h"

namespace carestream::mapping::internal {

namespace {

constexpr std::string_view kHl7System = "http://terminology.hl7.org/CodeSystem/v2-";
constexpr std::size_t kInlineDataMax = 64u << 10;  // longer documents become a Binary

bool IsCoded(const Target& target) {
    return target.type == "Coding" || target.type == "CodeableConcept";
}

fhir::Node Wrap(const Target& target, fhir::Node coding) {
    if (target.type != "CodeableConcept") return coding;
    fhir::Node concept_node = fhir::Node::Object();
    concept_node.At("coding").Append(std::move(coding));
    return concept_node;
}

std::string MediaType(std::string_view type, std::string_view subtype) {
    if (subtype.find('/') != std::string_view::npos) return ToLowerAscii(subtype);
    const std::string main = ToLowerAscii(type);
    const std::string sub = ToLowerAscii(subtype);
    constexpr std::array<std::string_view, 6> kMains = {"application", "text",  "image",
                                                        "audio",       "video", "multipart"};
    for (const std::string_view known : kMains) {
        if (main == known && !sub.empty()) {
            if (sub == "jpg") return main + "/jpeg";
            if (sub == "txt") return main + "/plain";
            return main + "/" + sub;
        }
    }
    struct Known {
        std::string_view word, media;
    };
    constexpr std::array<Known, 13> kKnown = {{{"pdf", "application/pdf"},
                                               {"rtf", "application/rtf"},
                                               {"html", "text/html"},
                                               {"htm", "text/html"},
                                               {"xml", "application/xml"},
                                               {"jpeg", "image/jpeg"},
                                               {"jpg", "image/jpeg"},
                                               {"png", "image/png"},
                                               {"gif", "image/gif"},
                                               {"tiff", "image/tiff"},
                                               {"tif", "image/tiff"},
                                               {"text", "text/plain"},
                                               {"plain", "text/plain"}}};
    for (const std::string& word : {sub, main}) {
        for (const Known& known : kKnown) {
            if (known.word == word) return std::string(known.media);
        }
    }
    if (main == "tx" || main == "ft" || main == "st") return "text/plain";
    return {};
}

}  // namespace

fhir::Node Run::CodedNode(const Rule& rule, const TableEntry& entry, const Value* value,
                          const Here& here) {
    fhir::Node coding = fhir::Node::Object();
    if (!entry.system.empty()) coding.Set("system", fhir::Node::String(entry.system));
    coding.Set("code", fhir::Node::String(entry.code));
    std::string_view display = entry.display;
    if (display.empty() && !entry.system.empty()) {
        display = model_.definitions->Display(entry.system, entry.code);
    }
    std::string text;
    std::string_view piece;
    const Value second = value == nullptr ? Value{} : Part(*value, 2);
    const bool texted = value != nullptr && IsValued(second) && ReadText(second, here, text, piece);
    if (!display.empty()) {
        coding.Set("display", fhir::Node::String(std::string(display)));
    } else if (texted) {
        coding.Set("display", fhir::Node::String(text));
    }
    if (value != nullptr) {
        const Value system = Part(*value, 3);
        if (IsValued(system)) ledger_.Mapped(LeafOf(system), here.element.resource);
    }
    fhir::Node node = Wrap(rule.target, std::move(coding));
    if (!texted) return node;
    const bool concept_text = rule.target.type == "CodeableConcept";
    if (concept_text) node.Set("text", fhir::Node::String(text));
    if (concept_text || display.empty()) {
        ledger_.Mapped(piece, here.element.resource);
    } else {
        ledger_.Lost(piece, "the display of the code system is used", here.element.resource, false);
    }
    return node;
}

Run::Outcome Run::ApplyCode(const Rule& rule, const Here& here, const Value& value) {
    std::string code;
    std::string_view piece;
    if (!ReadText(value, here, code, piece)) return Outcome::kFailed;
    while (!code.empty() && code.back() == ' ') code.pop_back();
    code.erase(0, code.find_first_not_of(' ') == std::string::npos ? code.size()
                                                                   : code.find_first_not_of(' '));
    if (hl7::IsNull(piece)) {
        if (rule.null_clears && !rule.has_fallback) FollowNull(rule, here);
        ledger_.Mapped(piece, here.element.resource);
        return Outcome::kEmpty;
    }
    if (code.empty()) return Outcome::kEmpty;
    const TableEntry* entry = rule.table->Find(code);
    const bool refused =
        !rule.refused.empty() &&
        std::find(rule.refused.begin(), rule.refused.end(), code) != rule.refused.end();
    if (entry == nullptr || entry->code.empty() || refused) {
        return MissedCode(rule, here, value, piece, code, entry);
    }
    const std::size_t mark = ledger_.mark();
    ledger_.Mapped(piece, here.element.resource);
    ++writes_;
    fhir::Node node = IsCoded(rule.target) ? CodedNode(rule, *entry, &value, here)
                                           : PrimitiveNode(rule.target.primitive, entry->code);
    const Outcome outcome = Place(rule, here, std::move(node), mark);
    if (outcome != Outcome::kWritten) --writes_;
    return outcome;
}

Run::Outcome Run::MissedCode(const Rule& rule, const Here& here, const Value& value,
                             std::string_view piece, const std::string& code,
                             const TableEntry* entry) {
    const bool coded = IsCoded(rule.target);
    const std::string& reason =
        entry == nullptr ? rule.table->reason_missing : rule.table->reason_none;
    MissKind miss = rule.miss;
    if (miss == MissKind::kDefault) miss = coded ? MissKind::kKeep : MissKind::kDrop;
    if (miss == MissKind::kKeep && !coded && rule.target.primitive == fhir::Primitive::kCode) {
        miss = MissKind::kDrop;
    }
    if (miss == MissKind::kDrop) {
        ledger_.Lost(piece, reason, here.element.resource, entry == nullptr);
        return Outcome::kFailed;
    }
    const std::size_t mark = ledger_.mark();
    if (miss == MissKind::kSet) {
        ledger_.Lost(piece, reason, here.element.resource, false);
        ++writes_;
        const TableEntry set{rule.miss_code, rule.table->system, ""};
        const Outcome outcome = Place(rule, here,
                                      coded ? CodedNode(rule, set, nullptr, here)
                                            : PrimitiveNode(rule.target.primitive, rule.miss_code),
                                      mark);
        if (outcome != Outcome::kWritten) --writes_;
        return outcome;
    }
    if (entry == nullptr) Warn(piece, reason + "; kept as sent");
    if (!coded) {
        Text text{code, {}};
        text.pieces.push_back(piece);
        return ApplyText(rule, here, std::move(text));
    }
    TableEntry kept{code, "", ""};
    const Value system = Part(value, 3);
    if (IsValued(system)) {
        kept.system = CodingSystemUri(PlainText(system));
    } else if (!rule.table->hl7_system.empty() &&
               model_.definitions->InCodeSystem(rule.table->hl7_system, code) ==
                   fhir::Definitions::Membership::kIn) {
        kept.system = rule.table->hl7_system;
    }
    ledger_.Mapped(piece, here.element.resource);
    ++writes_;
    const Outcome outcome = Place(rule, here, CodedNode(rule, kept, &value, here), mark);
    if (outcome != Outcome::kWritten) --writes_;
    return outcome;
}

// After `as: X.CodeableConcept` with `code`: the translation in front of what the sender wrote.
void Run::Translate(const Rule& rule, const Here& here, const Value& value, fhir::Node& node) {
    const std::string code = PlainText(value);
    if (code.empty()) return;
    const Table& table = *rule.table;
    const TableEntry* entry = table.Find(code);
    fhir::Node* sent = &node;
    if (rule.target.type == "CodeableConcept") {
        fhir::Node* list = node.Find("coding");
        sent = list == nullptr || list->items().empty() ? nullptr : &list->items().front();
    }
    if (sent != nullptr && sent->Find("system") == nullptr && !table.hl7_system.empty() &&
        model_.definitions->InCodeSystem(table.hl7_system, code) ==
            fhir::Definitions::Membership::kIn) {
        sent->Set("system", fhir::Node::String(table.hl7_system));
    }
    if (entry == nullptr) Warn(LeafOf(value), table.reason_missing + "; kept as sent");
    if (entry == nullptr || entry->code.empty()) return;
    const bool same = sent != nullptr && sent->TextOf("code") == entry->code &&
                      sent->TextOf("system") == entry->system;
    if (same) return;
    fhir::Node coding = fhir::Node::Object();
    if (!entry->system.empty()) coding.Set("system", fhir::Node::String(entry->system));
    coding.Set("code", fhir::Node::String(entry->code));
    std::string display = entry->display;
    if (display.empty()) display = model_.definitions->Display(entry->system, entry->code);
    if (!display.empty()) coding.Set("display", fhir::Node::String(std::move(display)));
    ledger_.Mapped(LeafOf(value), here.element.resource);
    ++writes_;
    if (rule.target.type != "CodeableConcept") {
        node = std::move(coding);
        return;
    }
    fhir::Node& list = node.At("coding");
    list.Append(fhir::Node());  // also makes it an array
    list.items().pop_back();
    list.items().insert(list.items().begin(), std::move(coding));
}

std::string Run::CodingSystemUri(const std::string& name) const {
    if (model_.coding_systems != nullptr) {
        const TableEntry* entry = model_.coding_systems->Find(name);
        if (entry != nullptr && !entry->code.empty()) return entry->code;
    }
    if (name.starts_with("HL7") && name.size() == 7 && IsDigits(std::string_view(name).substr(3))) {
        return std::string(kHl7System) + name.substr(3);
    }
    if (IsOid(name)) return "urn:oid:" + name;
    if (IsUri(name)) return name;
    return "urn:carestream:coding-system:" + UrnPart(name);
}

std::string Run::TableSystem(int table, const std::string& code) const {
    if (table <= 0 || table > 9999) return {};
    std::string number = std::to_string(table);
    const std::string system =
        std::string(kHl7System) + std::string(4 - number.size(), '0') + number;
    return model_.definitions->InCodeSystem(system, code) == fhir::Definitions::Membership::kIn
               ? system
               : std::string();
}

std::string Run::AuthorityUri(const Value& value, Pieces& pieces) const {
    const Value first = Part(value, 1);
    const std::string name = PlainText(value.level == Value::Level::kLeaf ? value : first);
    const auto by_name = [&](std::string uri) {
        pieces.push_back(LeafOf(first));
        return uri;
    };
    if (model_.authorities != nullptr && !name.empty()) {
        const TableEntry* entry = model_.authorities->Find(name);
        if (entry != nullptr && !entry->code.empty()) return by_name(entry->code);
    }
    const Value second = Part(value, 2);
    const std::string id = PlainText(second);
    if (!id.empty()) {
        const Value third = Part(value, 3);
        const std::string type = PlainText(third);
        std::string uri;
        if ((type == "ISO" || type.empty()) && IsOid(id)) {
            uri = "urn:oid:" + id;
        } else if (type == "UUID" || type == "GUID") {
            uri = "urn:uuid:" + ToLowerAscii(id);
        } else if (IsUri(id)) {
            uri = id;
        } else if (type == "DNS") {
            uri = "http://" + UrnPart(ToLowerAscii(id));
        }
        if (!uri.empty()) {
            pieces.push_back(LeafOf(second));
            if (!type.empty()) pieces.push_back(LeafOf(third));
            return uri;
        }
        if (name.empty()) {
            pieces.push_back(LeafOf(second));
            return "urn:carestream:authority:" + UrnPart(id);
        }
    }
    if (name.empty()) return {};
    if (IsOid(name)) return by_name("urn:oid:" + name);
    if (IsUri(name)) return by_name(name);
    return by_name("urn:carestream:authority:" + UrnPart(name));
}

Run::Outcome Run::ApplyBuiltin(const Rule& rule, const Here& here, const Value& value, int table) {
    if (rule.builtin == Builtin::kQuantity) return ApplyQuantity(rule, here, value);
    if (rule.builtin == Builtin::kAttachment) return ApplyAttachment(rule, here, value);
    if (rule.builtin == Builtin::kText) {
        Text text;
        if (!ReadWhole(value, here, text)) return Outcome::kEmpty;
        return ApplyText(rule, here, std::move(text));
    }
    Text uri;
    if (rule.builtin == Builtin::kAuthority) {
        uri.text = AuthorityUri(value, uri.pieces);
    } else {
        std::string text;
        std::string_view piece;
        if (!ReadText(value, here, text, piece)) return Outcome::kFailed;
        text = std::string(Trim(text));
        if (text.empty() || hl7::IsNull(piece)) return Outcome::kEmpty;
        uri.text = rule.builtin == Builtin::kCodingSystem ? CodingSystemUri(text)
                                                          : TableSystem(table, text);
        uri.pieces.push_back(piece);
    }
    if (uri.text.empty()) return Outcome::kEmpty;
    return ApplyText(rule, here, std::move(uri));
}

Run::Outcome Run::ApplyQuantity(const Rule& rule, const Here& here, const Value& value) {
    std::string text;
    std::string_view piece;
    if (!ReadText(value, here, text, piece)) return Outcome::kFailed;
    std::string_view rest = Trim(text);
    if (rest.empty() || hl7::IsNull(piece)) return Outcome::kEmpty;
    std::string comparator;
    for (const std::string_view sign : {"<=", ">=", "<", ">"}) {
        if (!rest.starts_with(sign)) continue;
        comparator = std::string(sign);
        rest.remove_prefix(sign.size());
        break;
    }
    std::string number(rest);
    if (!NormalizeNumber(number)) {
        ledger_.Lost(piece, "not a number", here.element.resource, true);
        return Outcome::kFailed;
    }
    const std::size_t before = writes_;
    const std::size_t mark = ledger_.mark();
    ++writes_;
    ledger_.Mapped(piece, here.element.resource);
    fhir::Node node = fhir::Node::Object();
    if (!comparator.empty()) node.Set("comparator", fhir::Node::String(comparator));
    node.Set("value", fhir::Node::Number(std::move(number)));
    RunBeside(rule, here, value, node);
    const Outcome outcome = Place(rule, here, std::move(node), mark);
    if (outcome != Outcome::kWritten) writes_ = before;
    return outcome;
}

// ED: source, type, subtype, encoding, data. RP: pointer, application, type, subtype.
fhir::Node Run::AttachmentNode(const Here& here, const Value& value, Pieces& pieces,
                               std::string_view& reason) {
    const Value data = Part(value, 5);
    const bool embedded = IsValued(data);
    const Value type = Part(value, embedded ? 2 : 3);
    const Value subtype = Part(value, embedded ? 3 : 4);
    fhir::Node node = fhir::Node::Object();
    const std::string media = MediaType(PlainText(type), PlainText(subtype));
    if (!media.empty()) {
        node.Set("contentType", fhir::Node::String(media));
        pieces.push_back(LeafOf(type));
        pieces.push_back(LeafOf(subtype));
    }
    std::string text;
    std::string_view piece;
    if (!embedded) {
        if (!ReadText(value, here, text, piece)) return {};
        text = std::string(Trim(text));
        reason = "not a URL";
        if (text.empty() || text.find(' ') != std::string::npos) return {};
        pieces.push_back(piece);
        node.Set("url", fhir::Node::String(std::move(text)));
        return node;
    }
    piece = data.raw;
    bool clean = true;
    text = message_.Decode(piece, &clean);
    const Value encoding_value = Part(value, 4);
    const std::string encoding = ToLowerAscii(PlainText(encoding_value));
    if (encoding == "base64") {
        reason = "not base64";
        if (!CleanBase64(text)) return {};
    } else if (encoding == "hex") {
        std::string bytes;
        reason = "not hexadecimal";
        if (!FromHex(text, bytes)) return {};
        text = ToBase64(bytes);
    } else {
        text = ToBase64(text);
    }
    if (!encoding.empty()) pieces.push_back(LeafOf(encoding_value));
    pieces.push_back(piece);
    if (text.size() <= kInlineDataMax) {
        node.Set("data", fhir::Node::String(std::move(text)));
        return node;
    }
    const std::size_t binary = NewResource("Binary", here.element.resource, here);
    Made& made = made_[binary];
    made.node.Set("contentType",
                  fhir::Node::String(media.empty() ? "application/octet-stream" : media));
    made.node.Set("data", fhir::Node::String(std::move(text)));
    made.node.Set("securityContext", ReferenceTo(here.element.resource));
    made.has_local_key = true;
    made.local_key = "document";
    fhir::Node reference = ReferenceTo(binary);
    node.Set("url", fhir::Node::String(reference.Find("reference")->text()));
    return node;
}

Run::Outcome Run::ApplyAttachment(const Rule& rule, const Here& here, const Value& value) {
    Pieces pieces;
    std::string_view reason;
    fhir::Node node = AttachmentNode(here, value, pieces, reason);
    if (node.IsNull()) {
        ledger_.Lost(value.raw, reason, here.element.resource, true);
        return Outcome::kFailed;
    }
    const std::size_t before = writes_;
    const std::size_t mark = ledger_.mark();
    for (const std::string_view piece : pieces) ledger_.Mapped(piece, here.element.resource);
    ++writes_;
    RunBeside(rule, here, value, node);
    const Outcome outcome = Place(rule, here, std::move(node), mark);
    if (outcome != Outcome::kWritten) writes_ = before;
    return outcome;
}

// Nested rules about the element that a built-in conversion made.
void Run::RunBeside(const Rule& rule, const Here& here, const Value& value, fhir::Node& node) {
    if (rule.rules.empty()) return;
    const Frame frame = FrameOf(here.frame, value, 0);
    std::vector<Binding> bindings;
    Here inner = here;
    inner.frame = &frame;
    inner.element = {&node, here.element.resource, &bindings, false};
    RunRules(rule.rules, inner);
}

}  // namespace carestream::mapping::internal
