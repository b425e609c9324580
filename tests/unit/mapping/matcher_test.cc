// Goal: segments land in the group where a reader of the standard would see them, also when the
// sender leaves out, repeats or misplaces some. Method: a tree in short form, a list of segments,
// and the places as text.
#include "mapping/internal/matcher.h"

#include "support.h"

namespace carestream::mapping::internal {
namespace {

TreeNode Segment(const char* id, bool repeats = false) {
    TreeNode node;
    node.name = id;
    node.segment = PackSegment(id);
    node.repeats = repeats;
    return node;
}

template <typename... Children>
TreeNode GroupOf(const char* name, bool repeats, Children... children) {
    TreeNode node;
    node.name = name;
    node.repeats = repeats;
    (node.children.push_back(std::move(children)), ...);
    for (const TreeNode& child : node.children) {
        if (child.segment != 0) node.below.push_back(child.segment);
        node.below.insert(node.below.end(), child.below.begin(), child.below.end());
    }
    std::sort(node.below.begin(), node.below.end());
    const TreeNode& first = node.children.front();
    node.first = first.segment != 0 ? first.segment : first.first;
    return node;
}

const TreeNode& Oru() {
    static const TreeNode tree = [] {
        TreeNode patient = GroupOf("PATIENT", false, Segment("PID"), Segment("NTE", true),
                                   GroupOf("VISIT", false, Segment("PV1"), Segment("PV2")));
        TreeNode order =
            GroupOf("ORDER", true, Segment("ORC"), Segment("OBR"), Segment("NTE", true),
                    GroupOf("OBSERVATION", true, Segment("OBX"), Segment("NTE", true)),
                    GroupOf("SPECIMEN", true, Segment("SPM"), Segment("OBX", true)));
        order.anchor = PackSegment("OBR");
        return GroupOf("ORU", false, Segment("MSH"),
                       GroupOf("RESULT", true, std::move(patient), std::move(order)));
    }();
    return tree;
}

void Write(const Group& group, const hl7::Message& message, std::string& out) {
    out += group.node->name + "(";
    bool first = true;
    for (const Group::Entry& entry : group.entries) {
        if (!first) out += " ";
        first = false;
        if (entry.group != nullptr) {
            Write(*entry.group, message, out);
        } else {
            out += std::string(message.SegmentId(entry.segment));
        }
    }
    out += ")";
}

struct Row {
    const char* name;
    const char* segments;
    const char* places;
};
class MatcherTest : public testing::TestWithParam<Row> {};

TEST_P(MatcherTest, PlacesSegments) {
    std::string text;
    std::istringstream words(GetParam().segments);
    for (std::string word; words >> word;) {
        text += word == "MSH" ? "MSH|^~\\&|A\n" : word + "|1\n";
    }
    const hl7::Message message = Parse(text);
    const Matching matching = Match(Oru(), message);
    std::string places;
    Write(matching.groups.front(), message, places);
    for (const std::size_t segment : matching.unplaced) {
        places += " -" + std::string(message.SegmentId(segment));
    }
    EXPECT_EQ(places, GetParam().places);
}

INSTANTIATE_TEST_SUITE_P(
    Oru, MatcherTest,
    testing::Values(
        Row{"plain", "MSH PID PV1 ORC OBR OBX OBX",
            "ORU(MSH RESULT(PATIENT(PID VISIT(PV1)) "
            "ORDER(ORC OBR OBSERVATION(OBX) OBSERVATION(OBX))))"},
        Row{"without_orc", "MSH PID OBR OBX OBR OBX",
            "ORU(MSH RESULT(PATIENT(PID) ORDER(OBR OBSERVATION(OBX)) ORDER(OBR "
            "OBSERVATION(OBX))))"},
        Row{"orc_each", "MSH PID ORC OBR OBX ORC OBR OBX",
            "ORU(MSH RESULT(PATIENT(PID) ORDER(ORC OBR OBSERVATION(OBX)) "
            "ORDER(ORC OBR OBSERVATION(OBX))))"},
        Row{"notes_under_their_parent", "MSH PID NTE OBR NTE OBX NTE NTE OBX",
            "ORU(MSH RESULT(PATIENT(PID NTE) "
            "ORDER(OBR NTE OBSERVATION(OBX NTE NTE) OBSERVATION(OBX))))"},
        Row{"observation_of_specimen", "MSH PID OBR OBX SPM OBX OBX SPM OBR",
            "ORU(MSH RESULT(PATIENT(PID) "
            "ORDER(OBR OBSERVATION(OBX) SPECIMEN(SPM OBX OBX) SPECIMEN(SPM)) ORDER(OBR)))"},
        Row{"second_patient", "MSH PID OBR OBX PID OBR",
            "ORU(MSH RESULT(PATIENT(PID) ORDER(OBR OBSERVATION(OBX))) "
            "RESULT(PATIENT(PID) ORDER(OBR)))"},
        Row{"visit_late", "MSH PID OBR OBX PV1",
            "ORU(MSH RESULT(PATIENT(PID VISIT(PV1)) ORDER(OBR OBSERVATION(OBX))))"},
        Row{"no_patient", "MSH OBR OBX", "ORU(MSH RESULT(ORDER(OBR OBSERVATION(OBX))))"},
        Row{"unknown_segments", "MSH ZZZ PID IN1 OBR ZOB OBX",
            "ORU(MSH RESULT(PATIENT(PID) ORDER(OBR OBSERVATION(OBX)))) -ZZZ -IN1 -ZOB"},
        Row{"visit_twice", "MSH PID PV1 PV1 OBR",
            "ORU(MSH RESULT(PATIENT(PID VISIT(PV1)) ORDER(OBR))) -PV1"},
        Row{"two_orders_of_one_orc", "MSH PID ORC OBR OBX OBR OBX",
            "ORU(MSH RESULT(PATIENT(PID) ORDER(ORC OBR OBSERVATION(OBX)) "
            "ORDER(OBR OBSERVATION(OBX))))"},
        Row{"order_without_obr", "MSH PID ORC OBX",
            "ORU(MSH RESULT(PATIENT(PID) ORDER(ORC OBSERVATION(OBX))))"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Matcher, FindsTheNearestSegment) {
    const hl7::Message message = Parse("MSH|^~\\&|A\nPID|1\nOBR|1\nOBX|1\nOBR|2\nOBX|2\nZZZ|1\n");
    const Matching matching = Match(Oru(), message);
    const auto near = [&](const char* id, std::size_t from) {
        return FindNear(matching, message, matching.group_of[from], PackSegment(id), from);
    };
    EXPECT_EQ(near("OBR", 3), 2u);
    EXPECT_EQ(near("OBR", 5), 4u);
    EXPECT_EQ(near("PID", 5), 1u);
    EXPECT_EQ(near("MSH", 5), 0u);
    EXPECT_EQ(near("ZZZ", 3), 6u);
    EXPECT_EQ(near("PV1", 3), kNoSegment);
    EXPECT_EQ(near("OBX", 2), kNoSegment) << "a segment of a group below that repeats is not near";
}

TEST(Matcher, IsLinearInManySegments) {
    std::string text = "MSH|^~\\&|A\nPID|1\nOBR|1\n";
    for (int i = 0; i < 50000; ++i) text += "OBX|1\n";
    const hl7::Message message = Parse(text);
    const Matching matching = Match(Oru(), message);
    EXPECT_TRUE(matching.unplaced.empty());
    EXPECT_EQ(FindNear(matching, message, matching.group_of[50000], PackSegment("OBR"), 50000), 2u);
}

}  // namespace
}  // namespace carestream::mapping::internal
