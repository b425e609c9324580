#include "auth/scope.h"

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace carestream::auth {
namespace {

constexpr std::string_view kLetters = "cruds";  // in this order, as bits of Action from the lowest
constexpr std::uint8_t kAll = 31;
constexpr std::size_t kScopesMax = 256;

bool IsTypeName(std::string_view text) {
    if (text == "*") return true;
    if (text.empty() || text.size() > 64 || text[0] < 'A' || text[0] > 'Z') return false;
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
}

std::optional<Scope::Level> LevelOf(std::string_view text) {
    if (text == "patient") return Scope::Level::kPatient;
    if (text == "user") return Scope::Level::kUser;
    if (text == "system") return Scope::Level::kSystem;
    return std::nullopt;
}

// Version 1's words.
std::uint8_t ActionsOfWord(std::string_view word) {
    const auto bits = [](std::initializer_list<Action> actions) {
        std::uint8_t out = 0;
        for (const Action action : actions) out |= static_cast<std::uint8_t>(action);
        return out;
    };
    if (word == "read") return bits({Action::kRead, Action::kSearch});
    if (word == "write") return bits({Action::kCreate, Action::kUpdate, Action::kDelete});
    return word == "*" ? kAll : std::uint8_t{0};
}

// Letters in the order of "cruds", each once; 0 for anything else.
std::uint8_t ActionsOfLetters(std::string_view text) {
    std::uint8_t out = 0;
    std::size_t from = 0;
    for (const char letter : text) {
        const std::size_t at = kLetters.find(letter, from);
        if (at == std::string_view::npos) return 0;
        out = static_cast<std::uint8_t>(out | 1u << at);
        from = at + 1;
    }
    return out;
}

std::optional<Scope> ParseScope(std::string_view text) {
    const std::size_t slash = text.find('/');
    const std::size_t dot = text.find('.', slash == std::string_view::npos ? text.size() : slash);
    if (dot == std::string_view::npos) return std::nullopt;
    const auto level = LevelOf(text.substr(0, slash));
    const std::string_view type = text.substr(slash + 1, dot - slash - 1);
    if (!level || !IsTypeName(type)) return std::nullopt;
    Scope scope{*level, std::string(type), 0, {}};
    std::string_view actions = text.substr(dot + 1);
    const std::size_t question = actions.find('?');
    if (question == std::string_view::npos) {
        scope.actions = ActionsOfWord(actions);
    } else {
        auto query = net::ParseForm(actions.substr(question + 1), 16);
        if (!query || query->empty()) return std::nullopt;
        scope.query = std::move(*query);
        actions = actions.substr(0, question);
    }
    if (scope.actions == 0) scope.actions = ActionsOfLetters(actions);
    if (scope.actions == 0) return std::nullopt;
    return scope;
}

}  // namespace

std::vector<Scope> ParseScopes(std::string_view text) {
    std::vector<Scope> scopes;
    for (const std::string_view piece : Split(text, ' ')) {
        auto scope = ParseScope(piece);
        if (!scope || scopes.size() >= kScopesMax) continue;
        if (std::find(scopes.begin(), scopes.end(), *scope) == scopes.end()) {
            scopes.push_back(std::move(*scope));
        }
    }
    return scopes;
}

std::string FormatScopes(const std::vector<Scope>& scopes) {
    std::string text;
    for (const Scope& scope : scopes) {
        if (!text.empty()) text += ' ';
        text += scope.level == Scope::Level::kPatient ? "patient/"
                : scope.level == Scope::Level::kUser  ? "user/"
                                                      : "system/";
        text += scope.type + ".";
        for (std::size_t bit = 0; bit < kLetters.size(); ++bit) {
            if ((scope.actions & 1u << bit) != 0) text += kLetters[bit];
        }
        char glue = '?';
        for (const auto& [name, value] : scope.query) {
            text += glue + net::PercentEncode(name) + "=" + net::PercentEncode(value);
            glue = '&';
        }
    }
    return text;
}

}  // namespace carestream::auth
