#pragma once
// A Questionnaire as this server asks it: read once, checked whole, then compared with answers.
// Source: FHIR R4 Questionnaire. What is not offered (answerValueSet, attachment and reference
// items, conditions on later items) is a mistake of the file, never ignored. Pure.
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/decimal.h"
#include "fhir/definitions.h"
#include "fhir/node.h"

namespace carestream::questionnaires {

constexpr std::size_t kItemsMax = 500;   // of one questionnaire
constexpr std::size_t kDepthMax = 8;     // of its items
constexpr std::size_t kAnswersMax = 64;  // to one question, repetitions of one group

enum class ItemType : std::uint8_t {
    kGroup,
    kDisplay,
    kBoolean,
    kDecimal,
    kInteger,
    kDate,
    kDateTime,
    kTime,
    kString,
    kText,
    kUrl,
    kChoice,
    kOpenChoice,
    kQuantity,
};

enum class Operator : std::uint8_t {
    kExists,
    kEqual,
    kNotEqual,
    kGreater,
    kLess,
    kGreaterOrEqual,
    kLessOrEqual,
};

// enableWhen: a question that stands before the item, and what its answer is compared with.
struct Condition {
    std::size_t question = 0;  // index of the item
    Operator op = Operator::kExists;
    fhir::Node answer;
};

struct Option {
    std::string member;  // of the answer: "valueCoding"
    fhir::Node value;
    std::optional<fhir::Decimal> points;  // extension ordinalValue
};

struct Item {
    std::string link_id;
    std::string text;
    ItemType type = ItemType::kGroup;
    bool required = false;
    bool repeats = false;
    bool any_condition = false;  // enableBehavior: any
    std::vector<Condition> conditions;
    std::vector<Option> options;
    std::string min;             // of integer, decimal, date, dateTime; "" = none
    std::string max;             // likewise
    std::size_t length_max = 0;  // characters; 0 = none
    std::optional<std::size_t> parent;
    std::vector<std::size_t> children;  // indexes
};

struct Questionnaire {
    std::string name;  // id of the resource, name of the file
    std::string url;
    std::string version;
    std::string title;
    fhir::Node resource;
    std::vector<Item> items;  // a parent before its children, in the order of the file
    std::vector<std::size_t> roots;
    std::map<std::string, std::size_t, std::less<>> by_link_id;

    [[nodiscard]] const Item* Find(std::string_view link_id) const;
};

// `name` is what the file is called by. All mistakes are appended, with the file and the JSON path.
[[nodiscard]] Questionnaire ReadQuestionnaire(const fhir::Definitions& definitions,
                                              fhir::Node resource, const std::string& name,
                                              const std::string& file, std::vector<Error>& errors);

// The member of an answer that an item of the type takes ("valueCoding"); "" for those that take
// none. A choice with options takes what the options are; an open one text as well.
[[nodiscard]] std::string_view AnswerMember(ItemType type);

// The points of a coded answer, the value of a number, 1 or 0 of a boolean; nullopt: it has none.
[[nodiscard]] std::optional<fhir::Decimal> NumberOf(const Item& item, const fhir::Node& answer);

// The answer (`member` and its value) is this option.
[[nodiscard]] bool IsOption(const Option& option, const fhir::Member& answer);

// The member of an answer that holds its value: valueX; nullptr when there is none or more than
// one.
[[nodiscard]] const fhir::Member* ValueOf(const fhir::Node& answer);

}  // namespace carestream::questionnaires
