// Goal: a scope is never read as more than it says. Method: a table of both versions' grammar.
#include "auth/scope.h"

#include <gtest/gtest.h>

namespace carestream::auth {
namespace {

std::string Show(const std::string& text) {
    std::string out;
    for (const Scope& scope : ParseScopes(text)) {
        if (!out.empty()) out += ' ';
        out += scope.level == Scope::Level::kPatient ? "p"
               : scope.level == Scope::Level::kUser  ? "u"
                                                     : "s";
        out += "/" + scope.type + ".";
        for (const auto& [action, letter] : {std::pair{Action::kCreate, 'c'},
                                             {Action::kRead, 'r'},
                                             {Action::kUpdate, 'u'},
                                             {Action::kDelete, 'd'},
                                             {Action::kSearch, 's'}}) {
            if (scope.Grants(action)) out += letter;
        }
        for (const auto& [name, value] : scope.query) out += "[" + name + "=" + value + "]";
    }
    return out;
}

TEST(Scope, Table) {
    const std::pair<std::string, std::string> rows[] = {
        {"patient/Observation.read", "p/Observation.rs"},
        {"user/Observation.write", "u/Observation.cud"},
        {"system/*.*", "s/*.cruds"},
        {"patient/*.read", "p/*.rs"},
        {"patient/Observation.rs", "p/Observation.rs"},
        {"patient/Observation.cruds", "p/Observation.cruds"},
        {"system/*.cruds", "s/*.cruds"},
        {"patient/Observation.r", "p/Observation.r"},
        {"patient/Observation.s", "p/Observation.s"},
        {"patient/Observation.rs?category=laboratory", "p/Observation.rs[category=laboratory]"},
        {"patient/Observation.rs?category=http%3A%2F%2Fa%7Cb&code=x",
         "p/Observation.rs[category=http://a|b][code=x]"},
        {"patient/Observation.rs?category=http://a.b/c|lab",
         "p/Observation.rs[category=http://a.b/c|lab]"},
        {"openid fhirUser launch/patient offline_access patient/A.r", "p/A.r"},
        {"  patient/A.r   patient/A.r user/B.s ", "p/A.r u/B.s"},
        // Refused.
        {"", ""},
        {"patient/Observation", ""},
        {"patient/Observation.", ""},
        {"patient/Observation.sr", ""},
        {"patient/Observation.rr", ""},
        {"patient/Observation.rx", ""},
        {"patient/Observation.RS", ""},
        {"patient/Observation.Read", ""},
        {"patient/Observation.reads", ""},
        {"Patient/Observation.rs", ""},
        {"patients/Observation.rs", ""},
        {"/Observation.rs", ""},
        {"patient/.rs", ""},
        {"patient/**.rs", ""},
        {"patient/Obs*.rs", ""},
        {"patient/observation.rs", ""},
        {"patient/Observation/x.rs", ""},
        {"patient/Observation.rs?", ""},
        {"patient/Observation.rs?&", ""},
        {"patient/Observation.rs?a=%zz", ""},
        {"patient/Observation.read?category=a", ""},
        {"patient/Observation.*?category=a", ""},
        {"patient/Observation.rs#x", ""},
        {"patient/Observation.rs\tuser/*.rs", ""},
        {"patient/Observation.rs\nuser/*.rs", ""},
        {"x patient/Observation.rs,user/*.rs", ""},
    };
    for (const auto& [text, shown] : rows) EXPECT_EQ(Show(text), shown) << text;
}

TEST(Scope, TheirNumberIsLimited) {
    std::string text;
    for (int i = 0; i < 1000; ++i) {
        text += "patient/A" + std::string(1, static_cast<char>('a' + i % 26)) +
                std::string(1, static_cast<char>('a' + i / 26)) + ".r ";
    }
    EXPECT_EQ(ParseScopes(text).size(), 256u);
}

}  // namespace
}  // namespace carestream::auth
