// Goal: the stored state does not depend on the order in which messages arrive, and nothing is won
// by luck. Method: named cases state what a person expects; random sets of changes are applied in
// every permutation and must give the same bytes, resource and stamps, as applied in order.
#include "fhir/apply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "fhir/json.h"
#include "fhir/profiles.h"

namespace carestream::fhir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Definitions& R4() {
    static const auto definitions =
        Definitions::Load(std::filesystem::path(CARESTREAM_SOURCE_DIR) / "schemas/fhir/r4");
    EXPECT_TRUE(definitions) << definitions.error().ToString();
    return **definitions;
}

Node Json(std::string_view text) {
    auto node = ParseJson(text);
    EXPECT_TRUE(node) << node.error().ToString() << "\n" << text;
    return node ? *node : Node();
}

struct Op {
    Change change;
    Stamp stamp;
    std::string source = "adt|A|B";
    // A client that reads, edits and writes back; used instead of `change`.
    std::function<void(Node&)> edit;
};

Op Make(std::string_view json, std::int64_t time, std::string source = "adt|A|B") {
    Op op;
    op.change.resource = Json(json);
    op.change.type = op.change.resource.TextOf("resourceType");
    op.stamp = {time, time};
    op.source = std::move(source);
    return op;
}
Op Clear(std::string_view json, std::vector<std::string> cleared, std::int64_t time,
         std::string source = "adt|A|B") {
    Op op = Make(json, time, std::move(source));
    op.change.cleared = std::move(cleared);
    return op;
}
Op Merge(std::string_view json, std::string element, std::vector<std::string> keys,
         std::int64_t time, std::string source = "adt|A|B") {
    Op op = Make(json, time, std::move(source));
    op.change.lists.push_back({std::move(element), ListPolicy::kMerge, std::move(keys)});
    return op;
}

// A resource as it grows.
struct Stored {
    Node resource;
    std::string stamps;
    Applied last;

    void Run(const Op& op) {
        Result<Applied> applied;
        if (op.edit) {
            Node edited = resource;
            op.edit(edited);
            applied = Replace(R4(), resource, stamps, edited, op.stamp);
        } else {
            applied = Apply(R4(), resource, stamps, op.change, op.stamp, op.source);
        }
        ASSERT_TRUE(applied) << applied.error().ToString();
        // What is said to be unchanged is unchanged.
        if (!applied->changed) {
            EXPECT_EQ(ToJson(applied->resource), ToJson(resource));
        }
        EXPECT_EQ(applied->stamps_changed, applied->stamps != stamps);
        resource = applied->resource;
        stamps = applied->stamps;
        last = std::move(*applied);
    }
    std::string Text() const { return ToJson(resource); }
};

Stored RunAll(const std::vector<Op>& ops) {
    Stored stored;
    for (const Op& op : ops) stored.Run(op);
    return stored;
}

// Every order gives what the order of the stamps gives, and doing it all again changes nothing.
void ExpectSameInEveryOrder(std::vector<Op> ops) {
    std::sort(ops.begin(), ops.end(), [](const Op& a, const Op& b) { return a.stamp < b.stamp; });
    const Stored expected = RunAll(ops);
    std::vector<std::size_t> order(ops.size());
    std::iota(order.begin(), order.end(), 0);
    do {
        // A client's edit needs something to read.
        if (ops[order[0]].edit) continue;
        Stored stored;
        std::string trace;
        for (const std::size_t i : order) {
            stored.Run(ops[i]);
            trace += std::to_string(i) + ' ';
        }
        ASSERT_EQ(stored.Text(), expected.Text()) << "order " << trace;
        ASSERT_EQ(stored.stamps, expected.stamps) << "order " << trace << stored.Text();
        for (const std::size_t i : order) {
            if (ops[i].edit) continue;
            stored.Run(ops[i]);
            ASSERT_FALSE(stored.last.changed) << "again " << i << " after " << trace;
            ASSERT_FALSE(stored.last.stamps_changed) << "again " << i << " after " << trace;
        }
        ASSERT_EQ(stored.Text(), expected.Text());
    } while (std::next_permutation(order.begin(), order.end()));
}

TEST(ApplyTest, NewResource) {
    Stored stored;
    stored.Run(Make(R"({"resourceType":"Patient","birthDate":"1970-01-01","id":"p1",
                        "name":[{"family":"X"}],"active":true})",
                    1));
    EXPECT_TRUE(stored.last.changed);
    EXPECT_TRUE(stored.last.stamps_changed);
    EXPECT_EQ(stored.Text(),
              R"({"resourceType":"Patient","id":"p1","active":true,"name":[{"family":"X"}],)"
              R"("birthDate":"1970-01-01"})");
}

TEST(ApplyTest, ProvisionalIdWhenTheResourceHasNone) {
    Op op = Make(R"({"resourceType":"Patient","active":true})", 1);
    op.change.provisional_id = "prov";
    Stored stored = RunAll({op});
    EXPECT_EQ(stored.resource.TextOf("id"), "prov");
    op.change.provisional_id = "other";
    op.stamp = {2, 2};
    stored.Run(op);
    EXPECT_EQ(stored.resource.TextOf("id"), "prov");
}

TEST(ApplyTest, EqualMessageMakesNoVersionButIsRemembered) {
    const char* json = R"({"resourceType":"Patient","gender":"male","name":[{"family":"X"}],
                           "address":[{"city":"A"},{"city":"B"}]})";
    Stored stored = RunAll({Make(json, 1)});
    stored.Run(Make(json, 5));
    EXPECT_FALSE(stored.last.changed);
    EXPECT_TRUE(stored.last.stamps_changed);
    stored.Run(Make(R"({"resourceType":"Patient","gender":"female"})", 3));
    EXPECT_FALSE(stored.last.changed) << "older than the repetition";
    EXPECT_THAT(stored.last.superseded, ElementsAre("gender"));
}

TEST(ApplyTest, OlderFillsWhatNoNewerValued) {
    Stored stored =
        RunAll({Make(R"({"resourceType":"Patient","gender":"male"})", 5),
                Make(R"({"resourceType":"Patient","gender":"female","birthDate":"1970"})", 2)});
    EXPECT_EQ(stored.Text(), R"({"resourceType":"Patient","gender":"male","birthDate":"1970"})");
    EXPECT_THAT(stored.last.superseded, ElementsAre("gender"));
}

TEST(ApplyTest, NullDeletesAndStaysDeleted) {
    Stored stored = RunAll({Make(R"({"resourceType":"Patient","birthDate":"1970",
                                     "_birthDate":{"id":"b"},"gender":"male"})",
                                 2),
                            Clear(R"({"resourceType":"Patient"})", {"birthDate"}, 5)});
    EXPECT_TRUE(stored.last.changed);
    EXPECT_EQ(stored.Text(), R"({"resourceType":"Patient","gender":"male"})");
    stored.Run(Make(R"({"resourceType":"Patient","birthDate":"1971"})", 4));
    EXPECT_EQ(stored.Text(), R"({"resourceType":"Patient","gender":"male"})");
    EXPECT_THAT(stored.last.superseded, ElementsAre("birthDate"));
    stored.Run(Make(R"({"resourceType":"Patient","birthDate":"1972"})", 6));
    EXPECT_EQ(stored.resource.TextOf("birthDate"), "1972");
}

TEST(ApplyTest, AdmitDischargeCancelDischarge) {
    const Op a01 = Make(R"({"resourceType":"Encounter","status":"in-progress",
                            "period":{"start":"2026-01-01T08:00:00Z"}})",
                        1);
    const Op a03 = Make(R"({"resourceType":"Encounter","status":"finished",
                            "period":{"start":"2026-01-01T08:00:00Z","end":"2026-01-03T09:00:00Z"},
                            "hospitalization":{"dischargeDisposition":{"text":"home"}}})",
                        2);
    const Op a13 = Clear(R"({"resourceType":"Encounter","status":"in-progress"})",
                         {"period.end", "hospitalization.dischargeDisposition"}, 3);
    EXPECT_EQ(RunAll({a01, a03}).resource.Find("period")->TextOf("end"), "2026-01-03T09:00:00Z");
    EXPECT_EQ(RunAll({a13, a03, a01}).Text(),
              R"({"resourceType":"Encounter","status":"in-progress",)"
              R"("period":{"start":"2026-01-01T08:00:00Z"}})");
    ExpectSameInEveryOrder({a01, a03, a13});
}

TEST(ApplyTest, AssumedValuesGiveWayToStatedOnes) {
    const auto assume = [](std::string_view status, std::int64_t time) {
        Op op =
            Make(R"({"resourceType":"Encounter","status":")" + std::string(status) + R"("})", time);
        op.change.assumed = {"status"};
        return op;
    };
    const Op a03 = Make(R"({"resourceType":"Encounter","status":"finished"})", 2);
    const auto status = [](const std::vector<Op>& ops) {
        return std::string(RunAll(ops).resource.TextOf("status"));
    };
    EXPECT_EQ(status({a03, assume("in-progress", 3)}), "finished");
    EXPECT_EQ(status({assume("in-progress", 3), a03}), "finished");
    EXPECT_EQ(status({assume("planned", 1), assume("in-progress", 3)}), "in-progress");
    EXPECT_EQ(status({assume("in-progress", 3), assume("planned", 1)}), "in-progress");
    EXPECT_TRUE(RunAll({a03, assume("in-progress", 1)}).last.superseded.empty());
    ExpectSameInEveryOrder({assume("planned", 1), a03, assume("in-progress", 3)});

    // A list gives way to what is there, and comes where nothing is.
    Op content =
        Make(R"({"resourceType":"Encounter","participant":[{"period":{"start":"2026"}}]})", 4);
    content.change.assumed = {"participant"};
    const Op stated =
        Make(R"({"resourceType":"Encounter","participant":[{"period":{"start":"2025"}}]})", 1);
    EXPECT_EQ(RunAll({stated, content}).resource, RunAll({stated}).resource);
    EXPECT_EQ(RunAll({content}).resource.Find("participant")->items().size(), 1u);

    // What came over REST has no stamp, and was stated.
    const Node rest = Json(R"({"resourceType":"Encounter","status":"arrived"})");
    const Op update = assume("in-progress", 3);
    const auto kept = Apply(R4(), rest, "", update.change, update.stamp, update.source);
    ASSERT_TRUE(kept);
    EXPECT_FALSE(kept->changed);
}

TEST(ApplyTest, ClearedObjectTakesItsOlderMembersAlong) {
    const Op start = Make(R"({"resourceType":"Encounter","period":{"start":"2026-01-01"}})", 1);
    const Op clear = Clear(R"({"resourceType":"Encounter","status":"planned"})", {"period"}, 3);
    const Op end = Make(R"({"resourceType":"Encounter","period":{"end":"2026-01-09"}})", 4);
    EXPECT_EQ(RunAll({start, clear}).Text(), R"({"resourceType":"Encounter","status":"planned"})");
    EXPECT_EQ(RunAll({end, clear, start}).Text(),
              R"({"resourceType":"Encounter","status":"planned","period":{"end":"2026-01-09"}})");
    ExpectSameInEveryOrder({start, clear, end});
}

TEST(ApplyTest, ValueWinsOverItsOwnClear) {
    const Op op = Clear(R"({"resourceType":"Encounter","period":{"start":"2026"},"priority":
                            {"text":"x"},"participant":[{"id":"a"}]})",
                        {"period", "priority", "participant"}, 3);
    EXPECT_EQ(RunAll({op}).Text(), R"({"resourceType":"Encounter","priority":{"text":"x"},)"
                                   R"("participant":[{"id":"a"}],"period":{"start":"2026"}})");
    ExpectSameInEveryOrder({op, Make(R"({"resourceType":"Encounter","period":{"end":"2025"}})", 2),
                            Make(R"({"resourceType":"Encounter","period":{"end":"2027"}})", 5)});
}

TEST(ApplyTest, ChoiceIsOneSlotWhateverItsType) {
    const Op boolean = Make(R"({"resourceType":"Patient","deceasedBoolean":true})", 1);
    const Op date = Make(R"({"resourceType":"Patient","deceasedDateTime":"2026-01-01",
                             "_deceasedDateTime":{"id":"d"}})",
                         2);
    EXPECT_EQ(RunAll({boolean, date}).Text(),
              R"({"resourceType":"Patient","deceasedDateTime":"2026-01-01",)"
              R"("_deceasedDateTime":{"id":"d"}})");
    EXPECT_EQ(RunAll({date, boolean}).Text(), RunAll({boolean, date}).Text());
    for (const char* name : {"deceased", "deceased[x]", "deceasedBoolean"}) {
        const Op clear = Clear(R"({"resourceType":"Patient","active":true})", {name}, 3);
        EXPECT_EQ(RunAll({boolean, date, clear}).Text(),
                  R"({"resourceType":"Patient","active":true})");
        ExpectSameInEveryOrder({boolean, date, clear});
    }
}

TEST(ApplyTest, MergedListsKeepWhatIsNotNamed) {
    const Op first = Merge(R"({"resourceType":"Patient","telecom":[
                               {"use":"home","value":"1"},{"use":"work","value":"2"}]})",
                           "telecom", {"home", "work"}, 1);
    const Op second = Merge(R"({"resourceType":"Patient","telecom":[
                                {"use":"home","value":"3"}]})",
                            "telecom", {"home"}, 2, "lab|C|D");
    EXPECT_EQ(RunAll({first, second}).Text(),
              R"({"resourceType":"Patient","telecom":[{"use":"home","value":"3"},)"
              R"({"use":"work","value":"2"}]})");
    ExpectSameInEveryOrder({first, second});
    // Several entries may share a key: they come and go together.
    const Op both = Merge(R"({"resourceType":"Patient","telecom":[
                              {"use":"home","value":"4"},{"use":"home","value":"5"}]})",
                          "telecom", {"home", "home"}, 3);
    EXPECT_EQ(RunAll({first, second, both}).resource.Find("telecom")->items().size(), 3u);
    ExpectSameInEveryOrder({first, second, both});
    // A null of the field empties the whole list.
    Op clear = Clear(R"({"resourceType":"Patient"})", {"telecom"}, 4);
    clear.change.lists.push_back({"telecom", ListPolicy::kMerge, {}});
    EXPECT_EQ(RunAll({first, clear, both}).Text(), R"({"resourceType":"Patient"})");
    ExpectSameInEveryOrder({first, second, both, clear});
}

TEST(ApplyTest, SnapshotReplacesTheOwnEntriesOnly) {
    const Op a = Make(R"({"resourceType":"Patient","contact":[{"id":"a1"},{"id":"a2"}]})", 1, "a");
    const Op b = Make(R"({"resourceType":"Patient","contact":[{"id":"b1"}]})", 2, "b");
    const Op a_again = Make(R"({"resourceType":"Patient","contact":[{"id":"a3"}]})", 3, "a");
    const auto ids = [](const Stored& stored) {
        std::vector<std::string> found;
        if (const Node* contacts = stored.resource.Find("contact")) {
            for (const Node& item : contacts->items()) found.emplace_back(item.TextOf("id"));
        }
        return found;
    };
    EXPECT_THAT(ids(RunAll({a, b})), testing::UnorderedElementsAre("a1", "a2", "b1"));
    EXPECT_THAT(ids(RunAll({a, b, a_again})), testing::UnorderedElementsAre("a3", "b1"));
    // Listed and absent: this source has none any more.
    Op none = Make(R"({"resourceType":"Patient"})", 4, "b");
    none.change.lists.push_back({"contact", ListPolicy::kSnapshot, {}});
    EXPECT_THAT(ids(RunAll({a, b, a_again, none})), ElementsAre("a3"));
    Op cleared = Clear(R"({"resourceType":"Patient"})", {"contact"}, 5, "a");
    EXPECT_THAT(ids(RunAll({a, b, a_again, none, cleared})), IsEmpty());
    ExpectSameInEveryOrder({a, b, a_again, none, cleared});
    // Two sources that repeat themselves in turn make no versions.
    Stored stored = RunAll({a, b});
    for (int time = 10; time < 14; ++time) {
        Op again = time % 2 == 0 ? a : b;
        again.stamp = {time, time};
        stored.Run(again);
        EXPECT_FALSE(stored.last.changed);
    }
}

Op WithParts(Op op, std::vector<std::string> parts, std::vector<std::string> nulled = {}) {
    op.change.lists.back().parts = std::move(parts);
    op.change.lists.back().nulled = std::move(nulled);
    return op;
}

TEST(ApplyTest, ANullTakesWhatItsPartOfTheMessageGave) {
    const auto telecom = [](std::string_view ids, std::vector<std::string> keys,
                            std::vector<std::string> parts, std::vector<std::string> nulled,
                            std::int64_t time, const char* source = "a") {
        std::string json = R"({"resourceType":"Patient")";
        for (std::size_t i = 0; i < ids.size(); ++i) {
            json += (i == 0 ? R"(,"telecom":[)" : ",") + std::string(R"({"id":")") + ids[i] + "\"}";
        }
        json += ids.empty() ? "}" : "]}";
        return WithParts(Merge(json, "telecom", std::move(keys), time, source), std::move(parts),
                         std::move(nulled));
    };
    const Op both = telecom("hw", {"home", "work"}, {"13", "14"}, {}, 1);
    const Op nulled = telecom("", {}, {}, {"13"}, 2, "b");
    EXPECT_EQ(RunAll({both, nulled}).Text(),
              R"({"resourceType":"Patient","telecom":[{"id":"w"}]})");
    // Won by another part since: it stays. With a value in the same message: that one is there.
    const Op taken = telecom("t", {"home"}, {"14"}, {}, 3);
    const Op again = telecom("n", {"mobile"}, {"13"}, {"13"}, 4);
    const auto ids = [](const Stored& stored) {
        std::vector<std::string> found;
        if (const Node* list = stored.resource.Find("telecom")) {
            for (const Node& item : list->items()) found.emplace_back(item.TextOf("id"));
        }
        return found;
    };
    EXPECT_THAT(ids(RunAll({both, nulled, taken, again})),
                testing::UnorderedElementsAre("n", "t", "w"));
    ExpectSameInEveryOrder({both, nulled, taken, again});
    Op cleared = Clear(R"({"resourceType":"Patient"})", {"telecom"}, 5);
    cleared.change.lists.push_back({"telecom", ListPolicy::kMerge, {}});
    EXPECT_THAT(ids(RunAll({both, nulled, taken, again, cleared})), IsEmpty());
    ExpectSameInEveryOrder({both, nulled, taken, again, cleared});
}

TEST(ApplyTest, EachPartOfASnapshotIsOneOfItsOwn) {
    const auto people = [](const std::string& json, std::vector<std::string> parts,
                           std::vector<std::string> nulled, std::int64_t time) {
        Op op = Make(R"({"resourceType":"Encounter")" + json + "}", time);
        op.change.lists.push_back({"participant", ListPolicy::kSnapshot, {}});
        return WithParts(std::move(op), std::move(parts), std::move(nulled));
    };
    const Op two = people(R"(,"participant":[{"id":"a"},{"id":"r"}])", {"7", "8"}, {}, 1);
    const Op one = people(R"(,"participant":[{"id":"b"}])", {"7"}, {}, 2);
    const Op none = people("", {}, {"7"}, 3);
    EXPECT_EQ(RunAll({two, one}).Text(),
              R"({"resourceType":"Encounter","participant":[{"id":"b"},{"id":"r"}]})");
    EXPECT_EQ(RunAll({two, one, none}).Text(),
              R"({"resourceType":"Encounter","participant":[{"id":"r"}]})");
    const Op cleared = Clear(R"({"resourceType":"Encounter"})", {"participant"}, 4);
    EXPECT_EQ(RunAll({two, one, none, cleared}).Text(), R"({"resourceType":"Encounter"})");
    ExpectSameInEveryOrder({two, one, none, cleared});
}

TEST(ApplyTest, MarksAreNoValuesAndOutliveAClientsWrite) {
    Stored stored = RunAll({Make(R"({"resourceType":"Patient","gender":"male"})", 1)});
    stored.stamps = *Mark(stored.stamps, "seen", {5, 5});
    EXPECT_EQ(*Mark(stored.stamps, "seen", {4, 4}), stored.stamps);
    Op edit;
    edit.stamp = {6, 6};
    edit.edit = [](Node& node) { node.Set("gender", Node::String("female")); };
    stored.Run(edit);
    EXPECT_EQ(**MarkedAt(stored.stamps, "seen"), (Stamp{5, 5}));
    EXPECT_FALSE(MarkedAt(stored.stamps, "other")->has_value());
}

TEST(ApplyTest, ListsOfPrimitivesKeepTheirSiblings) {
    const Op a = Make(R"({"resourceType":"AllergyIntolerance","category":["food",null],
                          "_category":[null,{"id":"x"}]})",
                      1, "a");
    const Op b = Make(R"({"resourceType":"AllergyIntolerance","category":["biologic"]})", 2, "b");
    Stored stored = RunAll({a, b});
    EXPECT_EQ(stored.resource.Find("category")->items().size(), 3u);
    EXPECT_EQ(stored.resource.Find("_category")->items().size(), 3u);
    ExpectSameInEveryOrder(
        {a, b, Make(R"({"resourceType":"AllergyIntolerance","category":["food"]})", 3, "a")});
}

TEST(ApplyTest, RefusesWhatDoesNotFit) {
    const auto error = [](const Op& op, std::string_view stamps = {}, Node current = Node()) {
        const auto applied = Apply(R4(), current, stamps, op.change, op.stamp, op.source);
        return applied ? std::string("none") : applied.error().ToString();
    };
    EXPECT_THAT(error(Make(R"({"resourceType":"Patient","colour":"red"})", 1)),
                HasSubstr("colour"));
    EXPECT_THAT(error(Make(R"({"resourceType":"Encounter","period":{"stop":"1"}})", 1)),
                HasSubstr("period.stop"));
    EXPECT_THAT(error(Make(R"({"resourceType":"Encounter","period":"x"})", 1)),
                HasSubstr("period"));
    EXPECT_THAT(error(Make(R"({"resourceType":"Patient","name":{"family":"x"}})", 1)),
                HasSubstr("name"));
    EXPECT_THAT(error(Clear(R"({"resourceType":"Patient"})", {"name.family"}, 1)),
                HasSubstr("name.family"));
    EXPECT_THAT(error(Clear(R"({"resourceType":"Patient"})", {"id"}, 1)), HasSubstr("Patient.id"));
    EXPECT_THAT(error(Merge(R"({"resourceType":"Patient","name":[{"id":"a"}]})", "name", {}, 1)),
                HasSubstr("key"));
    EXPECT_THAT(error(Make(R"({"resourceType":"Patient","active":true})", 1), "garbage"),
                HasSubstr("stamps"));
    // Stamps of another resource: a list with another number of entries.
    const Stored other = RunAll({Make(R"({"resourceType":"Patient","name":[{"id":"a"}]})", 1)});
    EXPECT_THAT(error(Make(R"({"resourceType":"Patient","name":[{"id":"a"}]})", 2), other.stamps,
                      Json(R"({"resourceType":"Patient","active":true})")),
                HasSubstr("do not fit"));
}

TEST(ApplyTest, DamagedStampsAreRefusedNotRead) {
    const Stored stored =
        RunAll({Make(R"({"resourceType":"Patient","active":true,"name":[{"id":"a"}],
                                           "gender":"male"})",
                     1)});
    for (std::size_t size = 1; size < stored.stamps.size(); ++size) {
        const Op op = Make(R"({"resourceType":"Patient","active":false})", 2);
        EXPECT_FALSE(Apply(R4(), stored.resource, stored.stamps.substr(0, size), op.change,
                           op.stamp, op.source))
            << size;
    }
    std::mt19937 random(7);
    for (int i = 0; i < 2000; ++i) {
        std::string damaged = stored.stamps;
        damaged[random() % damaged.size()] = static_cast<char>(random());
        const Op op = Make(R"({"resourceType":"Patient","name":[{"id":"b"}]})", 2);
        (void)Apply(R4(), stored.resource, damaged, op.change, op.stamp, op.source);
    }
}

TEST(ApplyTest, ValuesWithoutStampsAreTheOldest) {
    Stored stored;
    stored.resource = Json(R"({"resourceType":"Patient","gender":"male","name":[{"id":"a"}]})");
    stored.Run(Make(R"({"resourceType":"Patient","gender":"female","name":[{"id":"b"}]})", -5));
    EXPECT_EQ(stored.resource.TextOf("gender"), "female");
    EXPECT_EQ(stored.resource.Find("name")->items().size(), 2u);
}

TEST(ReplaceTest, ResultIsWhatTheClientSent) {
    Stored stored =
        RunAll({Make(R"({"resourceType":"Patient","id":"p","gender":"male","birthDate":"1970",
                  "contact":[{"id":"c1"},{"id":"c2"}]})",
                     5),
                Merge(R"({"resourceType":"Patient","telecom":[{"value":"1"},{"value":"2"}]})",
                      "telecom", {"home", "work"}, 6)});
    Op put;
    put.stamp = {3, 3};  // even with an old clock
    put.edit = [](Node& node) {
        node = Json(R"({"birthDate":"1971","resourceType":"Patient","id":"p","meta":{"tag":[
                        {"code":"x"}]},"telecom":[{"value":"2"},{"value":"1"},{"value":"3"}],
                        "contact":[{"id":"c2"}],"maritalStatus":{"text":"M"}})");
    };
    stored.Run(put);
    EXPECT_TRUE(stored.last.changed);
    EXPECT_EQ(stored.Text(),
              R"({"resourceType":"Patient","id":"p","meta":{"tag":[{"code":"x"}]},)"
              R"("telecom":[{"value":"2"},{"value":"1"},{"value":"3"}],"birthDate":"1971",)"
              R"("maritalStatus":{"text":"M"},"contact":[{"id":"c2"}]})");
    put.stamp = {7, 7};
    stored.Run(put);
    EXPECT_FALSE(stored.last.changed);
    EXPECT_FALSE(stored.last.stamps_changed);
}

TEST(ReplaceTest, StampsWhatChangesAndKeepsTheRest) {
    Stored stored = RunAll({Make(R"({"resourceType":"Patient","gender":"male","birthDate":"1970",
                                     "active":true})",
                                 1)});
    Op put;
    put.stamp = {10, 10};
    put.edit = [](Node& node) {
        node.Set("gender", Node::String("other"));
        node.Remove("active");
    };
    stored.Run(put);
    // An older message arrives late: it fills nothing that the client decided.
    stored.Run(Make(R"({"resourceType":"Patient","gender":"female","birthDate":"1975",
                        "active":false})",
                    5));
    EXPECT_EQ(stored.Text(), R"({"resourceType":"Patient","gender":"other","birthDate":"1975"})");
    EXPECT_THAT(stored.last.superseded, ElementsAre("gender", "active"));
}

TEST(ReplaceTest, RemovedObjectsAndListsStayRemoved) {
    Stored stored = RunAll({Make(R"({"resourceType":"Encounter","status":"planned",
                                     "period":{"start":"2026"},"participant":[{"id":"a"}]})",
                                 1)});
    Op put;
    put.stamp = {10, 10};
    put.edit = [](Node& node) {
        node.Remove("period");
        node.Remove("participant");
    };
    stored.Run(put);
    stored.Run(Make(R"({"resourceType":"Encounter","period":{"start":"2025","end":"2026"},
                        "participant":[{"id":"b"}]})",
                    5));
    EXPECT_EQ(stored.Text(), R"({"resourceType":"Encounter","status":"planned"})");
    stored.Run(Make(R"({"resourceType":"Encounter","period":{"end":"2027"},
                        "participant":[{"id":"c"}]})",
                    12));
    EXPECT_EQ(stored.Text(),
              R"({"resourceType":"Encounter","status":"planned","participant":[{"id":"c"}],)"
              R"("period":{"end":"2027"}})");
}

// A client adds a phone, edits one, and the feed goes on: no doubles.
TEST(ReplaceTest, EntriesKeepTheirOrigin) {
    const auto feed = [](int time, const char* home) {
        return Merge(
            std::string(R"({"resourceType":"Patient","telecom":[{"use":"home","value":")") + home +
                R"("},{"use":"work","value":"2"}]})",
            "telecom", {"home", "work"}, time);
    };
    Stored stored = RunAll({feed(1, "1")});
    Op add;
    add.stamp = {2, 2};
    add.edit = [](Node& node) {
        node.At("telecom").Append(Json(R"({"use":"mobile","value":"9"})"));
        node.At("telecom").items()[0].Set("value", Node::String("1a"));
    };
    stored.Run(add);
    stored.Run(feed(3, "1b"));
    EXPECT_EQ(stored.Text(), R"({"resourceType":"Patient","telecom":[{"use":"home","value":"1b"},)"
                             R"({"use":"work","value":"2"},{"use":"mobile","value":"9"}]})");
    // The feed learns of the mobile and takes it over.
    stored.Run(Merge(R"({"resourceType":"Patient","telecom":[{"use":"mobile","value":"9"}]})",
                     "telecom", {"mobile"}, 4));
    EXPECT_EQ(stored.resource.Find("telecom")->items().size(), 3u);
}

TEST(ReplaceTest, MetaOfTheClientCountsAndTheServersDoesNot) {
    Stored stored = RunAll({Make(R"({"resourceType":"Patient","active":true})", 1)});
    Op put;
    put.stamp = {2, 2};
    put.edit = [](Node& node) { node.Set("meta", Json(R"({"versionId":"7"})")); };
    Node edited = stored.resource;
    put.edit(edited);
    EXPECT_FALSE(Replace(R4(), stored.resource, stored.stamps, edited, put.stamp)->changed);
    edited.At("meta").Set("tag", Json(R"([{"code":"x"}])"));
    EXPECT_TRUE(Replace(R4(), stored.resource, stored.stamps, edited, put.stamp)->changed);
}

// ---- Random sets --------------------------------------------------------------------------------

class Generator {
public:
    explicit Generator(unsigned seed) : random_(seed) {}

    Op Patient(std::int64_t time) {
        Op op = Start("Patient", time);
        Node& node = op.change.resource;
        Maybe(op, "active", {"true", "false"});
        Maybe(op, "gender", {R"("male")", R"("female")", R"("other")"});
        if (Maybe(op, "birthDate", {R"("1970-01-01")", R"("1971")"}) && Chance(30)) {
            node.Set("_birthDate", Json(R"({"extension":[{"url":"t","valueCode":"x"}]})"));
        }
        MaybeDeceased(op);
        Maybe(op, "maritalStatus", {R"({"text":"M"})", R"({"text":"S"})"});
        Maybe(op, "multipleBirthInteger", {"1", "2"});
        MaybeList(op, "identifier", ListPolicy::kMerge);
        MaybeList(op, "name", ListPolicy::kMerge);
        MaybeList(op, "telecom", ListPolicy::kMerge);
        MaybeList(op, "contact", ListPolicy::kSnapshot);
        MaybeList(op, "address", ListPolicy::kSnapshot);
        MaybeList(op, "extension", Chance(50) ? ListPolicy::kSnapshot : ListPolicy::kMerge);
        return op;
    }
    Op Encounter(std::int64_t time) {
        Op op = Start("Encounter", time);
        Node& node = op.change.resource;
        Maybe(op, "status", {R"("in-progress")", R"("finished")"});
        if (Chance(40)) op.change.assumed.push_back("status");
        Maybe(op, "class", {R"({"code":"IMP"})", R"({"code":"EMER"})"});
        if (Chance(60)) {
            Node& period = node.At("period");
            if (Chance(60)) period.Set("start", Json(Pick({R"("2026-01-01")", R"("2026-01-02")"})));
            if (Chance(60)) period.Set("end", Json(Pick({R"("2026-02-01")", R"("2026-02-02")"})));
            if (period.IsNull()) node.Remove("period");
        }
        for (const char* name : {"period.start", "period.end", "period"}) {
            if (Chance(12)) op.change.cleared.push_back(name);
        }
        if (Chance(50)) {
            Node& stay = node.At("hospitalization");
            if (Chance(60))
                stay.Set("dischargeDisposition",
                         Json(Pick({R"({"text":"home"})", R"({"text":"x"})"})));
            if (Chance(60))
                stay.Set("dietPreference",
                         Json(Pick({R"([{"text":"a"}])", R"([{"text":"a"},{"text":"b"}])"})));
            if (stay.IsNull()) node.Remove("hospitalization");
        }
        for (const char* name : {"hospitalization", "hospitalization.dietPreference"}) {
            if (Chance(10)) op.change.cleared.push_back(name);
        }
        MaybeList(op, "participant", ListPolicy::kSnapshot);
        MaybeList(op, "location", ListPolicy::kMerge);
        return op;
    }
    bool Chance(int percent) { return static_cast<int>(random_() % 100) < percent; }
    unsigned Number(unsigned below) { return static_cast<unsigned>(random_() % below); }

private:
    Op Start(const char* type, std::int64_t time) {
        Op op = Make(std::string(R"({"resourceType":")") + type + R"(","id":"1"})", time / 2,
                     Chance(60) ? "adt|A|B" : "lab|C|D");
        op.stamp.seq = time;  // the order time alone often does not decide
        return op;
    }
    const char* Pick(std::vector<const char*> values) { return values[random_() % values.size()]; }
    bool Maybe(Op& op, const char* name, std::vector<const char*> values) {
        if (Chance(15)) op.change.cleared.push_back(name);
        if (!Chance(50)) return false;
        op.change.resource.Set(name, Json(Pick(std::move(values))));
        return true;
    }
    void MaybeDeceased(Op& op) {
        if (Chance(20)) op.change.cleared.push_back("deceased");
        if (!Chance(50)) return;
        if (Chance(50)) {
            op.change.resource.Set("deceasedBoolean", Node::Boolean(Chance(50)));
        } else {
            op.change.resource.Set("deceasedDateTime", Node::String("2026-01-01"));
        }
    }
    void MaybeList(Op& op, const char* name, ListPolicy policy) {
        if (Chance(15)) op.change.cleared.push_back(name);
        ListChange list{name, policy, {}};
        const bool parts = Chance(60);
        if (Chance(15)) list.nulled.push_back(std::to_string(Number(2)));
        const bool present = Chance(60);
        if (present) {
            Node& array = op.change.resource.Set(name, Node::Array());
            for (unsigned i = 0, count = 1 + Number(3); i < count; ++i) {
                Node item = Node::Object();
                const std::string key = std::to_string(Number(3));
                item.Set("id", Node::String(key + "-" + std::to_string(Number(2))));
                array.Append(std::move(item));
                if (policy == ListPolicy::kMerge) list.keys.push_back(key);
                if (parts) list.parts.push_back(Chance(30) ? "" : std::to_string(Number(2)));
            }
        }
        if (policy == ListPolicy::kMerge || Chance(50)) op.change.lists.push_back(std::move(list));
    }

    std::mt19937 random_;
};

// More with CARESTREAM_PROPERTY_ROUNDS=50: that many times as many sets.
unsigned Rounds(unsigned usual) {
    const char* factor = std::getenv("CARESTREAM_PROPERTY_ROUNDS");
    return factor == nullptr ? usual
                             : usual * static_cast<unsigned>(std::max(1, std::atoi(factor)));
}

// meta.profile of a guide's profiles is true of what is stored, whatever the message brought.
TEST(ApplyTest, ClaimsOfProfilesHoldAfterTheMerge) {
    static const auto us_core =
        Guides(std::filesystem::path(CARESTREAM_SOURCE_DIR) / "schemas/fhir",
               Definitions::Load(std::filesystem::path(CARESTREAM_SOURCE_DIR) / "schemas/fhir/r4")
                   .value())
            .Get("us-core")
            .value();
    const std::string url = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient";
    const auto with = [&](Op op) {
        op.change.profiles = {us_core};
        return op;
    };
    const auto claims = [](const Stored& stored) {
        const Node* meta = stored.resource.Find("meta");
        return meta == nullptr ? std::string() : ToJson(*meta);
    };
    const std::string claim = R"("meta":{"profile":["urn:other",")" + url + R"("]},)";
    const std::string rest = R"("identifier":[{"system":"urn:a","value":"1"}],"gender":"male",)"
                             R"("name":[{"family":"Roe"}]})";
    Stored stored = RunAll({with(Make(R"({"resourceType":"Patient",)" + claim + rest, 1))});
    EXPECT_EQ(claims(stored), R"({"profile":["urn:other",")" + url + R"("]})");
    // The same again, and one that says nothing of it.
    stored.Run(with(Make(R"({"resourceType":"Patient",)" + claim + rest, 2)));
    EXPECT_FALSE(stored.last.changed);
    stored.Run(with(Make(R"({"resourceType":"Patient","birthDate":"1980"})", 3)));
    EXPECT_EQ(claims(stored), R"({"profile":["urn:other",")" + url + R"("]})");
    // What it asks for goes, and comes back.
    stored.Run(with(Clear(R"({"resourceType":"Patient"})", {"gender"}, 4)));
    EXPECT_TRUE(stored.last.changed);
    EXPECT_EQ(claims(stored), R"({"profile":["urn:other"]})");
    stored.Run(with(Make(R"({"resourceType":"Patient",)" + claim + rest, 5)));
    EXPECT_EQ(claims(stored), R"({"profile":["urn:other",")" + url + R"("]})");
    // Without guides meta stays as it is.
    stored.Run(Clear(R"({"resourceType":"Patient"})", {"gender"}, 6));
    EXPECT_EQ(claims(stored), R"({"profile":["urn:other",")" + url + R"("]})");
}

TEST(ApplyPropertyTest, AnyOrderOfFourPatientChanges) {
    for (unsigned seed = 1; seed <= Rounds(20); ++seed) {
        SCOPED_TRACE(seed);
        Generator generator(seed);
        std::vector<Op> ops;
        for (int time = 1; time <= 4; ++time) ops.push_back(generator.Patient(time));
        ExpectSameInEveryOrder(std::move(ops));
        if (HasFatalFailure()) return;
    }
}

TEST(ApplyPropertyTest, AnyOrderOfFourEncounterChanges) {
    for (unsigned seed = 1; seed <= Rounds(30); ++seed) {
        SCOPED_TRACE(seed);
        Generator generator(seed);
        std::vector<Op> ops;
        for (int time = 1; time <= 4; ++time) ops.push_back(generator.Encounter(time));
        ExpectSameInEveryOrder(std::move(ops));
        if (HasFatalFailure()) return;
    }
}

TEST(ApplyPropertyTest, AnyOrderOfFiveChanges) {
    for (unsigned seed = 1; seed <= Rounds(4); ++seed) {
        SCOPED_TRACE(seed);
        Generator generator(1000 + seed);
        std::vector<Op> ops;
        for (int time = 1; time <= 5; ++time) {
            ops.push_back(seed % 2 == 0 ? generator.Patient(time) : generator.Encounter(time));
        }
        ExpectSameInEveryOrder(std::move(ops));
        if (HasFatalFailure()) return;
    }
}

// A client that reads, sets a date and adds a phone, at any moment between the messages.
TEST(ApplyPropertyTest, AnyOrderWithAClientBetween) {
    for (unsigned seed = 1; seed <= Rounds(20); ++seed) {
        SCOPED_TRACE(seed);
        Generator generator(5000 + seed);
        std::vector<Op> ops;
        for (int time = 1; time <= 3; ++time) ops.push_back(generator.Patient(time));
        Op put;
        put.stamp = {9, 9};
        put.edit = [](Node& node) {
            node.Set("birthDate", Node::String("2001-01-01"));
            node.Remove("_birthDate");
            node.At("telecom").Append(Json(R"({"id":"client"})"));
        };
        ops.push_back(std::move(put));
        ExpectSameInEveryOrder(std::move(ops));
        if (HasFatalFailure()) return;
    }
}

// Long histories with clients that write anything: bookkeeping and body never part.
TEST(ApplyPropertyTest, LongHistoriesStayConsistent) {
    for (unsigned seed = 1; seed <= Rounds(10); ++seed) {
        SCOPED_TRACE(seed);
        Generator generator(9000 + seed);
        Stored stored = RunAll({generator.Patient(1)});
        for (int step = 2; step < 60; ++step) {
            Op op = generator.Patient(generator.Number(60) + 2);
            if (generator.Chance(40)) {
                const Node random = op.change.resource;
                op.edit = [random](Node& node) { node = random; };
            }
            const std::string sent = op.edit ? ToJson(op.change.resource) : "";
            stored.Run(op);
            if (HasFatalFailure()) return;
            if (op.edit) {
                EXPECT_EQ(stored.resource, Json(sent));
            }
        }
    }
}

Op Labelled(const std::string& code, std::int64_t time) {
    return Make(R"({"resourceType":"Observation","status":"final","code":{"text":"x"},"meta":)"
                R"({"security":[{"code":")" +
                    code + R"("}]}})",
                time);
}

std::string CodesOf(const Node& resource) {
    std::string codes;
    const Node* meta = resource.Find("meta");
    const Node* labels = meta == nullptr ? nullptr : meta->Find("security");
    if (labels == nullptr) return codes;
    for (const Node& label : labels->items()) {
        codes += (codes.empty() ? "" : " ") + std::string(label.TextOf("code"));
    }
    return codes;
}

TEST(Security, IsWhatTheNewestMessageThatSpeaksOfItSays) {
    const char* const silent =
        R"({"resourceType":"Observation","status":"amended","code":{"text":"x"}})";
    std::vector<Op> ops = {Labelled("N", 1), Labelled("R", 2), Make(silent, 3), Labelled("V", 4),
                           Make(silent, 5)};
    std::sort(ops.begin(), ops.end(), [](const Op& a, const Op& b) { return a.stamp < b.stamp; });
    std::vector<std::size_t> order(ops.size());
    std::iota(order.begin(), order.end(), 0);
    do {
        Stored stored;
        for (const std::size_t i : order) stored.Run(ops[i]);
        EXPECT_EQ(CodesOf(stored.resource), "V");
    } while (std::next_permutation(order.begin(), order.end()));
    Stored stored;
    stored.Run(ops[0]);
    stored.Run(ops[1]);
    EXPECT_TRUE(stored.last.changed) << "a version of its own";
    EXPECT_EQ(CodesOf(stored.resource), "R");
    stored.Run(ops[1]);
    EXPECT_FALSE(stored.last.changed);
    stored.Run(Clear(silent, {"meta.security"}, 9));
    EXPECT_EQ(CodesOf(stored.resource), "");
    EXPECT_EQ(stored.resource.Find("meta"), nullptr);
}

TEST(Security, TheServersLabelsStayAndAPersonsWordIsNewerThanOlderMessages) {
    Stored stored;
    stored.Run(Labelled("N", 1));
    Op person = Labelled("", 5);
    person.edit = [](Node& resource) {
        Node& labels = resource.At("meta").At("security");
        labels.items().clear();
        Node held = Node::Object();
        held.Set("system", Node::String("urn:carestream:hold"));
        held.Set("code", Node::String("held"));
        labels.Append(std::move(held));
        Node code = Node::Object();
        code.Set("code", Node::String("R"));
        labels.Append(std::move(code));
    };
    stored.Run(person);
    stored.Run(Labelled("N", 3));
    EXPECT_EQ(CodesOf(stored.resource), "held R");
    EXPECT_THAT(stored.last.superseded, testing::Contains("meta.security"));
    stored.Run(Labelled("V", 6));
    EXPECT_EQ(CodesOf(stored.resource), "held V");
}

}  // namespace
}  // namespace carestream::fhir
