#include "questionnaires/questionnaire.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/text.h"
#include "fhir/temporal.h"
#include "fhir/validator.h"

namespace carestream::questionnaires {

namespace {

constexpr std::string_view kOrdinal = "http://hl7.org/fhir/StructureDefinition/ordinalValue";
constexpr std::string_view kMinValue = "http://hl7.org/fhir/StructureDefinition/minValue";
constexpr std::string_view kMaxValue = "http://hl7.org/fhir/StructureDefinition/maxValue";

// What a response may write behind the url.
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kBehindUrl = {
    {{"|", "a version"}, {"#", "a part of it"}, {"/_history", "a state of it"}}};

struct TypeRow {
    std::string_view code;
    ItemType type;
    std::string_view member;
};
constexpr std::array<TypeRow, 14> kTypes = {{{"group", ItemType::kGroup, ""},
                                             {"display", ItemType::kDisplay, ""},
                                             {"boolean", ItemType::kBoolean, "valueBoolean"},
                                             {"decimal", ItemType::kDecimal, "valueDecimal"},
                                             {"integer", ItemType::kInteger, "valueInteger"},
                                             {"date", ItemType::kDate, "valueDate"},
                                             {"dateTime", ItemType::kDateTime, "valueDateTime"},
                                             {"time", ItemType::kTime, "valueTime"},
                                             {"string", ItemType::kString, "valueString"},
                                             {"text", ItemType::kText, "valueString"},
                                             {"url", ItemType::kUrl, "valueUri"},
                                             {"choice", ItemType::kChoice, "valueCoding"},
                                             {"open-choice", ItemType::kOpenChoice, "valueCoding"},
                                             {"quantity", ItemType::kQuantity, "valueQuantity"}}};

constexpr std::array<std::pair<std::string_view, Operator>, 7> kOperators = {
    {{"exists", Operator::kExists},
     {"=", Operator::kEqual},
     {"!=", Operator::kNotEqual},
     {">", Operator::kGreater},
     {"<", Operator::kLess},
     {">=", Operator::kGreaterOrEqual},
     {"<=", Operator::kLessOrEqual}}};

const std::vector<fhir::Node>& ItemsOf(const fhir::Node& node, std::string_view name) {
    static const std::vector<fhir::Node> none;
    const fhir::Node* list = node.Find(name);
    return list == nullptr ? none : list->items();
}

bool IsTrue(const fhir::Node& node, std::string_view name) {
    const fhir::Node* value = node.Find(name);
    return value != nullptr && value->boolean();
}

const fhir::Member* MemberWith(const fhir::Node& node, std::string_view prefix) {
    const fhir::Member* found = nullptr;
    for (const fhir::Member& member : node.members()) {
        if (!member.name.starts_with(prefix) || member.name.size() == prefix.size()) continue;
        if (found != nullptr) return nullptr;
        found = &member;
    }
    return found;
}

const fhir::Member* ExtensionOf(const fhir::Node& node, std::string_view url) {
    for (const fhir::Node& extension : ItemsOf(node, "extension")) {
        if (extension.TextOf("url") == url) return MemberWith(extension, "value");
    }
    return nullptr;
}

bool IsOrdered(ItemType type) {
    return type == ItemType::kInteger || type == ItemType::kDecimal || type == ItemType::kDate ||
           type == ItemType::kDateTime;
}

bool IsChoice(ItemType type) {
    return type == ItemType::kChoice || type == ItemType::kOpenChoice;
}

class Reader {
public:
    Reader(Questionnaire& out, std::string file, std::vector<Error>& errors)
        : out_(out), file_(std::move(file)), errors_(errors) {}

    void Read() {
        out_.url = out_.resource.TextOf("url");
        out_.version = out_.resource.TextOf("version");
        out_.title = out_.resource.TextOf("title");
        if (out_.resource.TextOf("id") != out_.name) {
            Say("Questionnaire.id", "is to be '" + out_.name + "', as the file is called");
        }
        if (out_.url.empty()) {
            Say("Questionnaire.url",
                "is missing: responses name it ('urn:carestream:questionnaire:" + out_.name + "')");
        }
        // Such a url would never be found by those who name it.
        for (const auto& [mark, begins] : kBehindUrl) {
            if (out_.url.find(mark) == std::string::npos) continue;
            Say("Questionnaire.url",
                "holds a '" + std::string(mark) + "', which begins " + std::string(begins));
        }
        if (out_.version.empty()) {
            Say("Questionnaire.version", "is missing: responses may name it");
        }
        if (out_.title.empty()) Say("Questionnaire.title", "is missing: people read it");
        ReadItems(out_.resource, "Questionnaire", std::nullopt, 1);
    }

private:
    void Say(const std::string& path, std::string message) {
        errors_.push_back(
            Error{Code::kInvalid, std::move(message), path, Position{file_, 0, 0}, 0, false});
    }

    void ReadItems(const fhir::Node& node, const std::string& path,
                   std::optional<std::size_t> parent, std::size_t depth) {
        const auto& list = ItemsOf(node, "item");
        if (list.empty()) return;
        if (depth > kDepthMax) {
            return Say(path, "items are nested deeper than " + std::to_string(kDepthMax));
        }
        for (std::size_t i = 0; i < list.size(); ++i) {
            if (out_.items.size() >= kItemsMax) {
                return Say(path, "more than " + std::to_string(kItemsMax) + " items");
            }
            ReadItem(list[i], path + ".item[" + std::to_string(i) + "]", parent, depth);
        }
    }

    void ReadItem(const fhir::Node& node, const std::string& path,
                  std::optional<std::size_t> parent, std::size_t depth) {
        const std::size_t index = out_.items.size();
        Item item;
        item.link_id = node.TextOf("linkId");
        item.text = node.TextOf("text");
        item.required = IsTrue(node, "required");
        item.repeats = IsTrue(node, "repeats");
        item.parent = parent;
        if (!out_.by_link_id.emplace(item.link_id, index).second) {
            Say(path + ".linkId", "'" + item.link_id + "' is there twice");
        }
        ReadType(node, path, item);
        ReadConditions(node, path, item);
        ReadOptions(node, path, item);
        ReadBounds(node, path, item);
        out_.items.push_back(std::move(item));
        (parent ? out_.items[*parent].children : out_.roots).push_back(index);
        if (out_.items[index].type == ItemType::kDisplay && !ItemsOf(node, "item").empty()) {
            Say(path + ".item", "a display item has no items");
        }
        ReadItems(node, path, index, depth + 1);
    }

    void ReadType(const fhir::Node& node, const std::string& path, Item& item) {
        const std::string_view code = node.TextOf("type");
        const auto row = std::find_if(kTypes.begin(), kTypes.end(),
                                      [&](const TypeRow& known) { return known.code == code; });
        if (row != kTypes.end()) {
            item.type = row->type;
        } else {
            Say(path + ".type", "'" + std::string(code) + "' is not offered here");
        }
        if (item.type == ItemType::kDisplay && (item.required || item.repeats)) {
            Say(path, "a display item is neither required nor repeated");
        }
        if (item.type != ItemType::kGroup && item.text.empty()) {
            Say(path + ".text", "is missing: patients read it");
        }
    }

    void ReadConditions(const fhir::Node& node, const std::string& path, Item& item) {
        const auto& list = ItemsOf(node, "enableWhen");
        const std::string_view behavior = node.TextOf("enableBehavior");
        item.any_condition = behavior == "any";
        if (list.size() > 1 && behavior.empty()) {
            Say(path + ".enableBehavior", "is missing: 'all' or 'any' of several conditions");
        }
        for (std::size_t i = 0; i < list.size(); ++i) {
            ReadCondition(list[i], path + ".enableWhen[" + std::to_string(i) + "]", item);
        }
    }

    void ReadCondition(const fhir::Node& node, const std::string& path, Item& item) {
        const std::string_view question = node.TextOf("question");
        const auto found = out_.by_link_id.find(question);
        // The item itself is known already, with the index that it will get.
        if (found == out_.by_link_id.end() || found->second >= out_.items.size()) {
            std::vector<std::string_view> names;
            for (const Item& before : out_.items) names.push_back(before.link_id);
            return Say(path + ".question", "'" + std::string(question) +
                                               "' is no item that stands before this one" +
                                               DidYouMean(question, names));
        }
        Condition condition;
        condition.question = found->second;
        const Item& asked = out_.items[condition.question];
        const std::string_view text = node.TextOf("operator");
        const auto op = std::find_if(kOperators.begin(), kOperators.end(),
                                     [&](const auto& known) { return known.first == text; });
        const fhir::Member* answer = MemberWith(node, "answer");
        if (op == kOperators.end() || answer == nullptr) {
            return Say(path, "needs an operator and an answer");
        }
        condition.op = op->second;
        condition.answer = answer->value;
        const std::string wanted =
            condition.op == Operator::kExists ? "valueBoolean" : AnswerMemberOf(asked);
        const std::string given = "value" + answer->name.substr(std::string_view("answer").size());
        if (wanted != given) {
            return Say(path + "." + answer->name,
                       wanted.empty() ? "the question takes no answers"
                                      : "is to be answer" + wanted.substr(5) + ", as the question");
        }
        const bool orders = condition.op != Operator::kExists && condition.op != Operator::kEqual &&
                            condition.op != Operator::kNotEqual;
        if (orders && !IsOrdered(asked.type)) {
            return Say(path + ".operator", "the answers of the question have no order");
        }
        item.conditions.push_back(std::move(condition));
    }

    static std::string AnswerMemberOf(const Item& item) {
        if (IsChoice(item.type) && !item.options.empty()) return item.options.front().member;
        return std::string(AnswerMember(item.type));
    }

    void ReadOptions(const fhir::Node& node, const std::string& path, Item& item) {
        if (node.Find("answerValueSet") != nullptr) {
            Say(path + ".answerValueSet", "is not offered: list the answers as answerOption");
        }
        const auto& list = ItemsOf(node, "answerOption");
        if (IsChoice(item.type) && list.empty()) {
            Say(path + ".answerOption", "is missing: a choice between what?");
        }
        if (!IsChoice(item.type) && !list.empty()) {
            Say(path + ".answerOption", "is offered of choice and open-choice only");
        }
        for (std::size_t i = 0; i < list.size(); ++i) {
            const std::string place = path + ".answerOption[" + std::to_string(i) + "]";
            const fhir::Member* value = MemberWith(list[i], "value");
            const bool known =
                value != nullptr && (value->name == "valueCoding" || value->name == "valueString" ||
                                     value->name == "valueInteger");
            if (!known) {
                Say(place, "is to be a valueCoding, a valueString or a valueInteger");
                continue;
            }
            if (!item.options.empty() && item.options.front().member != value->name) {
                Say(place, "is of another type than the first");
            }
            Option option{value->name, value->value, std::nullopt};
            const fhir::Member* ordinal = ExtensionOf(value->value, kOrdinal);
            if (ordinal == nullptr) ordinal = ExtensionOf(list[i], kOrdinal);
            if (ordinal != nullptr) option.points = fhir::Decimal::Parse(ordinal->value.text());
            if (option.member == "valueCoding" && option.value.TextOf("code").empty()) {
                Say(place + ".valueCoding.code", "is missing");
            }
            item.options.push_back(std::move(option));
        }
    }

    void ReadBounds(const fhir::Node& node, const std::string& path, Item& item) {
        if (const fhir::Node* length = node.Find("maxLength")) {
            const std::string& text = length->text();
            std::from_chars(text.data(), text.data() + text.size(), item.length_max);
            const bool texts = item.type == ItemType::kString || item.type == ItemType::kText ||
                               item.type == ItemType::kUrl || item.type == ItemType::kOpenChoice;
            if (!texts) Say(path + ".maxLength", "is of texts only");
        }
        for (const auto& [url, bound] :
             {std::pair(kMinValue, &item.min), std::pair(kMaxValue, &item.max)}) {
            const fhir::Member* value = ExtensionOf(node, url);
            if (value == nullptr) continue;
            *bound = value->value.text();
            if (!IsOrdered(item.type) || value->name != AnswerMember(item.type)) {
                Say(path + ".extension",
                    "a bound is of integer, decimal, date and dateTime items, "
                    "and of the item's type");
            }
        }
    }

    Questionnaire& out_;
    const std::string file_;
    std::vector<Error>& errors_;
};

}  // namespace

const Item* Questionnaire::Find(std::string_view link_id) const {
    const auto found = by_link_id.find(link_id);
    return found == by_link_id.end() ? nullptr : &items[found->second];
}

Questionnaire ReadQuestionnaire(const fhir::Definitions& definitions, fhir::Node resource,
                                const std::string& name, const std::string& file,
                                std::vector<Error>& errors) {
    Questionnaire questionnaire;
    questionnaire.name = name;
    questionnaire.resource = std::move(resource);
    const Position place{file, 0, 0};
    if (questionnaire.resource.TextOf("resourceType") != "Questionnaire") {
        errors.push_back(Error{Code::kInvalid, "the file is to hold one Questionnaire",
                               "resourceType", place, 0, false});
        return questionnaire;
    }
    const auto issues = fhir::Validate(definitions, questionnaire.resource);
    for (const fhir::Issue& issue : issues) {
        errors.push_back(Error{Code::kInvalid, issue.message, issue.expression, place, 0, false});
    }
    // What is no valid resource has no shape to rely on.
    if (issues.empty()) Reader(questionnaire, file, errors).Read();
    return questionnaire;
}

std::string_view AnswerMember(ItemType type) {
    return std::find_if(kTypes.begin(), kTypes.end(),
                        [&](const TypeRow& row) { return row.type == type; })
        ->member;
}

const fhir::Member* ValueOf(const fhir::Node& answer) {
    return MemberWith(answer, "value");
}

bool IsOption(const Option& option, const fhir::Member& answer) {
    if (option.member != answer.name) return false;
    if (answer.name != "valueCoding") return option.value.text() == answer.value.text();
    return option.value.TextOf("code") == answer.value.TextOf("code") &&
           option.value.TextOf("system") == answer.value.TextOf("system");
}

std::optional<fhir::Decimal> NumberOf(const Item& item, const fhir::Node& answer) {
    const fhir::Member* value = ValueOf(answer);
    if (value == nullptr) return std::nullopt;
    for (const Option& option : item.options) {
        if (option.points && IsOption(option, *value)) return option.points;
    }
    if (value->name == "valueBoolean") return fhir::Decimal(value->value.boolean() ? 1 : 0);
    const fhir::Node* number = &value->value;
    if (value->name == "valueQuantity") number = number->Find("value");
    if (number == nullptr || number->kind() != fhir::Kind::kNumber) return std::nullopt;
    return fhir::Decimal::Parse(number->text());
}

}  // namespace carestream::questionnaires
