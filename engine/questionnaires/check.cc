#include "questionnaires/check.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/text.h"
#include "fhir/temporal.h"

namespace carestream::questionnaires {

namespace {

const fhir::Node* ListOf(const fhir::Node& node, std::string_view name) {
    const fhir::Node* list = node.Find(name);
    return list == nullptr || list->items().empty() ? nullptr : list;
}

std::size_t Characters(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
}

// -1, 0, 1 of two values of a type that has an order; nullopt when it stays open.
std::optional<int> Compare(ItemType type, std::string_view a, std::string_view b) {
    if (type == ItemType::kInteger || type == ItemType::kDecimal) {
        const auto left = fhir::Decimal::Parse(a);
        const auto right = fhir::Decimal::Parse(b);
        if (!left || !right) return std::nullopt;
        return fhir::Decimal::Compare(*left, *right);
    }
    const auto read =
        type == ItemType::kDate ? fhir::Temporal::ParseDate : fhir::Temporal::ParseDateTime;
    const auto left = read(a);
    const auto right = read(b);
    if (!left || !right) return std::nullopt;
    return fhir::Temporal::Compare(*left, *right);
}

bool IsOrdered(ItemType type) {
    return type == ItemType::kInteger || type == ItemType::kDecimal || type == ItemType::kDate ||
           type == ItemType::kDateTime;
}

bool IsSame(ItemType type, const fhir::Member& answer, const fhir::Node& wanted) {
    if (answer.name == "valueCoding") {
        return answer.value.TextOf("code") == wanted.TextOf("code") &&
               answer.value.TextOf("system") == wanted.TextOf("system");
    }
    if (answer.name == "valueQuantity") {
        const fhir::Node* left = answer.value.Find("value");
        const fhir::Node* right = wanted.Find("value");
        return left != nullptr && right != nullptr &&
               answer.value.TextOf("code") == wanted.TextOf("code") &&
               Compare(ItemType::kDecimal, left->text(), right->text()) == 0;
    }
    if (IsOrdered(type)) return Compare(type, answer.value.text(), wanted.text()) == 0;
    return answer.value.text() == wanted.text();
}

bool Holds(Operator op, const Item& question, const std::vector<const fhir::Node*>& answers,
           const fhir::Node& wanted) {
    if (op == Operator::kExists) return answers.empty() != wanted.boolean();
    const auto equals = [&](const fhir::Node* answer) {
        const fhir::Member* value = ValueOf(*answer);
        return value != nullptr && IsSame(question.type, *value, wanted);
    };
    if (op == Operator::kEqual) return std::any_of(answers.begin(), answers.end(), equals);
    if (op == Operator::kNotEqual) return std::none_of(answers.begin(), answers.end(), equals);
    return std::any_of(answers.begin(), answers.end(), [&](const fhir::Node* answer) {
        const fhir::Member* value = ValueOf(*answer);
        if (value == nullptr) return false;
        const auto order = Compare(question.type, value->value.text(), wanted.text());
        if (!order) return false;
        switch (op) {
            case Operator::kGreater:
                return *order > 0;
            case Operator::kLess:
                return *order < 0;
            case Operator::kGreaterOrEqual:
                return *order >= 0;
            default:
                return *order <= 0;
        }
    });
}

// Which items are to be answered. An item that is not enabled has no answers for those after it.
std::vector<bool> EnabledOf(const Questionnaire& questionnaire, const Answers& answers) {
    static const std::vector<const fhir::Node*> none;
    std::vector<bool> enabled(questionnaire.items.size(), true);
    for (std::size_t i = 0; i < questionnaire.items.size(); ++i) {
        const Item& item = questionnaire.items[i];
        if (item.parent && !enabled[*item.parent]) {
            enabled[i] = false;
            continue;
        }
        if (item.conditions.empty()) continue;
        const auto holds = [&](const Condition& condition) {
            const std::size_t question = condition.question;
            return Holds(condition.op, questionnaire.items[question],
                         enabled[question] ? answers[question] : none, condition.answer);
        };
        enabled[i] = item.any_condition
                         ? std::any_of(item.conditions.begin(), item.conditions.end(), holds)
                         : std::all_of(item.conditions.begin(), item.conditions.end(), holds);
    }
    return enabled;
}

using Children = std::vector<std::size_t>;

// Calls `see(index, node, place)` for each item of the response that stands where its questionnaire
// has it; `stray(node, place)` for the others, which are not looked into.
template <typename See, typename Stray>
void Walk(const Questionnaire& questionnaire, const fhir::Node& node, const Children& children,
          const std::string& place, const See& see, const Stray& stray) {
    const fhir::Node* list = ListOf(node, "item");
    if (list == nullptr) return;
    for (std::size_t i = 0; i < list->items().size(); ++i) {
        const fhir::Node& item = list->items()[i];
        const std::string here = place + ".item[" + std::to_string(i) + "]";
        const auto found = questionnaire.by_link_id.find(item.TextOf("linkId"));
        if (found == questionnaire.by_link_id.end() ||
            std::find(children.begin(), children.end(), found->second) == children.end()) {
            stray(item, here);
            continue;
        }
        const Item& asked = questionnaire.items[found->second];
        see(found->second, item, here);
        if (asked.type == ItemType::kGroup) {
            Walk(questionnaire, item, asked.children, here, see, stray);
            continue;
        }
        const fhir::Node* answers = ListOf(item, "answer");
        if (answers == nullptr) continue;
        for (std::size_t k = 0; k < answers->items().size(); ++k) {
            Walk(questionnaire, answers->items()[k], asked.children,
                 here + ".answer[" + std::to_string(k) + "]", see, stray);
        }
    }
}

constexpr std::size_t kNameMax = 128;

class Checker {
public:
    Checker(const Questionnaire& questionnaire, std::size_t issues_max)
        : questionnaire_(questionnaire), issues_max_(issues_max) {}

    std::vector<fhir::Issue> Run(const fhir::Node& response) {
        enabled_ = EnabledOf(questionnaire_, AnswersOf(questionnaire_, response));
        CheckContext(response, questionnaire_.roots, kRoot);
        Walk(
            questionnaire_, response, questionnaire_.roots, kRoot,
            [&](std::size_t index, const fhir::Node& item, const std::string& place) {
                CheckItem(index, item, place);
            },
            [&](const fhir::Node& item, const std::string& place) { SayStray(item, place); });
        return std::move(issues_);
    }

private:
    static inline const std::string kRoot = "QuestionnaireResponse";

    void Say(std::string code, std::string place, std::string message) {
        if (issues_.size() >= issues_max_) return;
        issues_.push_back({std::move(code), std::move(place), std::move(message)});
    }

    void SayStray(const fhir::Node& item, const std::string& place) {
        if (issues_.size() >= issues_max_) return;
        // What is longer than any name is near to none, and dear to compare.
        const std::string_view link_id = item.TextOf("linkId").substr(0, kNameMax);
        if (questionnaire_.Find(link_id) != nullptr) {
            return Say("structure", place + ".linkId",
                       "this item stands elsewhere in the questionnaire");
        }
        std::vector<std::string_view> names;
        for (const Item& known : questionnaire_.items) names.push_back(known.link_id);
        Say("not-found", place + ".linkId",
            "the questionnaire has no item of this linkId" + DidYouMean(link_id, names));
    }

    // What stands, or is missing, directly below the response, a group or an answer.
    void CheckContext(const fhir::Node& node, const Children& children, const std::string& place) {
        std::vector<std::size_t> counts(children.size(), 0);
        if (const fhir::Node* list = ListOf(node, "item")) {
            for (const fhir::Node& item : list->items()) {
                const auto found = questionnaire_.by_link_id.find(item.TextOf("linkId"));
                if (found == questionnaire_.by_link_id.end()) continue;
                const auto child = std::find(children.begin(), children.end(), found->second);
                if (child == children.end()) continue;
                const bool answered =
                    questionnaire_.items[found->second].type == ItemType::kGroup ||
                    ListOf(item, "answer") != nullptr;
                counts[static_cast<std::size_t>(child - children.begin())] += answered ? 1 : 0;
            }
        }
        for (std::size_t i = 0; i < children.size(); ++i) {
            const Item& item = questionnaire_.items[children[i]];
            const std::size_t max = item.type == ItemType::kGroup && item.repeats ? kAnswersMax : 1;
            if (counts[i] > max) {
                Say("structure", place + ".item",
                    "'" + item.link_id + "' is there more often than " + std::to_string(max) +
                        " times");
            }
            if (item.required && enabled_[children[i]] && counts[i] == 0) {
                Say("required", place + ".item", "'" + item.link_id + "' is to be answered");
            }
        }
    }

    void CheckItem(std::size_t index, const fhir::Node& node, const std::string& place) {
        const Item& item = questionnaire_.items[index];
        const fhir::Node* answers = ListOf(node, "answer");
        const bool has_items = ListOf(node, "item") != nullptr;
        const bool is_group = item.type == ItemType::kGroup;
        if (!enabled_[index] && (answers != nullptr || has_items)) {
            return Say("business-rule", place,
                       "'" + item.link_id + "' is not asked after the answers before it");
        }
        if (has_items && !is_group) {
            Say("structure", place + ".item",
                "the items below a question stand in its answer, those of display are none");
        }
        if (is_group) CheckContext(node, item.children, place);
        if (answers == nullptr) return;
        if (AnswerMember(item.type).empty()) {
            return Say("structure", place + ".answer", "'" + item.link_id + "' takes no answers");
        }
        const std::size_t max = item.repeats ? kAnswersMax : 1;
        if (answers->items().size() > max) {
            Say("structure", place + ".answer",
                "more answers than " + std::to_string(max) + " to '" + item.link_id + "'");
        }
        for (std::size_t i = 0; i < answers->items().size(); ++i) {
            CheckAnswer(item, answers->items()[i], place + ".answer[" + std::to_string(i) + "]");
        }
    }

    void CheckAnswer(const Item& item, const fhir::Node& answer, const std::string& place) {
        CheckContext(answer, item.children, place);
        const fhir::Member* value = ValueOf(answer);
        if (value == nullptr) return Say("required", place, "an answer has one value");
        const std::string where = place + ".value";
        const bool is_choice = item.type == ItemType::kChoice || item.type == ItemType::kOpenChoice;
        const bool free_text = item.type == ItemType::kOpenChoice && value->name == "valueString";
        if (is_choice && !free_text) return CheckOption(item, *value, where);
        if (!free_text && value->name != AnswerMember(item.type)) {
            return Say("value", where,
                       "'" + item.link_id + "' takes " + std::string(AnswerMember(item.type)));
        }
        if (item.length_max != 0 && Characters(value->value.text()) > item.length_max) {
            Say("too-long", where, "at most " + std::to_string(item.length_max) + " characters");
        }
        CheckBound(item, *value, where, item.min, -1, "at least ");
        CheckBound(item, *value, where, item.max, 1, "at most ");
    }

    void CheckBound(const Item& item, const fhir::Member& value, const std::string& where,
                    const std::string& bound, int outside, const char* words) {
        if (bound.empty()) return;
        const auto order = Compare(item.type, value.value.text(), bound);
        if (!order || *order == outside) Say("value", where, words + bound + " is asked for");
    }

    void CheckOption(const Item& item, const fhir::Member& value, const std::string& where) {
        const std::string& member = item.options.front().member;
        if (value.name != member) {
            return Say("value", where, "'" + item.link_id + "' takes " + member);
        }
        const bool offered =
            std::any_of(item.options.begin(), item.options.end(),
                        [&](const Option& option) { return IsOption(option, value); });
        if (!offered) {
            Say("code-invalid", where, "is none of the answers that '" + item.link_id + "' offers");
        }
    }

    const Questionnaire& questionnaire_;
    const std::size_t issues_max_;
    std::vector<bool> enabled_;
    std::vector<fhir::Issue> issues_;
};

}  // namespace

Answers AnswersOf(const Questionnaire& questionnaire, const fhir::Node& response) {
    Answers answers(questionnaire.items.size());
    Walk(
        questionnaire, response, questionnaire.roots, {},
        [&](std::size_t index, const fhir::Node& item, const std::string&) {
            const fhir::Node* list = ListOf(item, "answer");
            if (list == nullptr) return;
            for (const fhir::Node& answer : list->items()) answers[index].push_back(&answer);
        },
        [](const fhir::Node&, const std::string&) {});
    return answers;
}

std::vector<fhir::Issue> Check(const Questionnaire& questionnaire, const fhir::Node& response,
                               std::size_t issues_max) {
    return Checker(questionnaire, issues_max).Run(response);
}

}  // namespace carestream::questionnaires
