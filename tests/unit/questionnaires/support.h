#pragma once
// A folder of questionnaires for one test, and what can be said of it in a line.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "base/home.h"
#include "fhir/json.h"
#include "questionnaires/questionnaires.h"

namespace carestream::test {

inline const fhir::Definitions& R4() {
    static const auto definitions =
        fhir::Definitions::Load(FindHome().value() / "schemas/fhir/r4").value();
    return *definitions;
}

class QuestionnaireTest : public testing::Test {
protected:
    QuestionnaireTest()
        : folder_(std::filesystem::path(testing::TempDir()) /
                  testing::UnitTest::GetInstance()->current_test_info()->name()) {
        std::filesystem::remove_all(folder_);
        std::filesystem::create_directories(folder_);
    }
    ~QuestionnaireTest() override { std::filesystem::remove_all(folder_); }

    void Write(const std::string& name, const std::string& text) const {
        std::ofstream(folder_ / name) << text;
    }
    // A questionnaire "q" of these items.
    void WriteItems(const std::string& items, const std::string& name = "q") const {
        Write(name + ".json",
              R"({"resourceType":"Questionnaire","id":")" + name + R"(","url":"urn:test:)" + name +
                  R"(","version":"1","title":"Q","status":"active","item":)" + items + "}");
    }
    [[nodiscard]] questionnaires::Questionnaires::Loaded Load() const {
        return questionnaires::Questionnaires::Load(folder_, "questionnaires/", R4());
    }
    [[nodiscard]] std::vector<std::string> Mistakes() const {
        std::vector<std::string> lines;
        for (const Error& error : Load().errors) lines.push_back(error.ToString());
        return lines;
    }
    const std::filesystem::path folder_;
};

inline const questionnaires::Questionnaires& Shipped() {
    static const auto loaded = questionnaires::Questionnaires::Load(
        FindHome().value() / "mappings/questionnaires", "questionnaires/", R4());
    for (const Error& error : loaded.errors) ADD_FAILURE() << error.ToString();
    return *loaded.questionnaires;
}

}  // namespace carestream::test
