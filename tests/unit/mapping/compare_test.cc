#include "mapping/compare.h"

#include <gmock/gmock.h>

#include "support.h"

namespace carestream::mapping {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

fhir::Change ChangeOf(const std::string& type, const std::string& id, const std::string& json) {
    fhir::Change change;
    change.type = type;
    change.provisional_id = id;
    change.resource = fhir::ParseJson(json).value();
    return change;
}

Mapped Of(std::vector<fhir::Change> changes) {
    Mapped mapped;
    mapped.changes.changes = std::move(changes);
    return mapped;
}

std::vector<std::string> Lines(const Mapped& before, const Mapped& after) {
    std::vector<std::string> lines;
    for (const Difference& one : Compare(before, after))
        lines.push_back(one.path + "|" + one.before + "|" + one.after);
    return lines;
}

TEST(Compare, NamesEachElementThatDiffers) {
    const Mapped before =
        Of({ChangeOf("Patient", "1",
                     R"({"gender":"male","name":[{"family":"A","given":["B"]}],"active":true})")});
    EXPECT_THAT(Lines(before, before), IsEmpty());
    const Mapped after = Of({ChangeOf(
        "Patient", "1",
        R"({"gender":"female","name":[{"family":"A"},{"text":"C"}],"birthDate":"1980"})")});
    EXPECT_THAT(
        Lines(before, after),
        ElementsAre(R"(Patient/1.gender|"male"|"female")", R"(Patient/1.name[0].given|["B"]|)",
                    R"(Patient/1.name[1]||{"text":"C"})", "Patient/1.active|true|",
                    R"(Patient/1.birthDate||"1980")"));
}

TEST(Compare, NamesResourcesThatOneSideHas) {
    const Mapped before = Of({ChangeOf("Patient", "1", "{}"), ChangeOf("Encounter", "2", "{}")});
    const Mapped after = Of({ChangeOf("Encounter", "3", "{}"), ChangeOf("Patient", "1", "{}")});
    EXPECT_THAT(Lines(before, after), ElementsAre("Encounter/2|{}|", "Encounter/3||{}"));
}

TEST(Compare, SeesWhatIsDoneWithTheResource) {
    Mapped before = Of({ChangeOf("Patient", "1", "{}")});
    Mapped after = before;
    after.changes.changes[0].mode = fhir::ChangeMode::kDelete;
    after.changes.changes[0].cleared = {"birthDate", "telecom"};
    EXPECT_THAT(Lines(before, after), ElementsAre("Patient/1 mode|upsert|delete",
                                                  "Patient/1 cleared||birthDate, telecom"));
    before.status = after.status = MapStatus::kUnusable;
    before.path = after.path = "PID-3";
    EXPECT_THAT(Lines(before, after), IsEmpty());
    after.status = MapStatus::kMapped;
    before.reason = "no usable identity";
    EXPECT_THAT(Lines(before, after), ElementsAre("|PID-3: no usable identity|mapped"));
}

}  // namespace
}  // namespace carestream::mapping
