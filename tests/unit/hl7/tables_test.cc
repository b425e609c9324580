// Goal: the shipped dictionary says what the standard says where it matters, is consistent in
// itself, and a broken table is refused with its place.
#include "hl7/tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <set>

namespace carestream::hl7 {
namespace {

namespace fs = std::filesystem;
const fs::path kTables = fs::path(CARESTREAM_SOURCE_DIR) / "schemas/hl7";

std::shared_ptr<const Dictionary> Shipped() {
    auto loaded = Dictionary::Load(kTables);
    if (!loaded) ADD_FAILURE() << loaded.error().ToString();
    return loaded ? *loaded : nullptr;
}

TEST(Dictionary, KnowsFieldsAndTypes) {
    const auto d = Shipped();
    ASSERT_NE(d, nullptr);
    const SegmentDefinition* pid = d->FindSegment("PID");
    ASSERT_NE(pid, nullptr);
    EXPECT_EQ(pid->name, "Patient Identification");
    ASSERT_EQ(pid->fields.size(), 40u);
    EXPECT_EQ(pid->fields[2].name, "Patient Identifier List");
    EXPECT_EQ(pid->fields[2].data_type, "CX");
    EXPECT_TRUE(pid->fields[2].repeats);
    EXPECT_EQ(pid->fields[1].data_type, "CX");  // withdrawn in 2.7, not forgotten
    EXPECT_EQ(pid->fields[7].table, 1);
    EXPECT_FALSE(pid->fields[6].repeats);
    const SegmentDefinition* obx = d->FindSegment("OBX");
    ASSERT_NE(obx, nullptr);
    EXPECT_EQ(obx->fields[4].data_type, "VARIES");
    EXPECT_FALSE(obx->fields[1].repeats);
    const DataTypeDefinition* cx = d->FindDataType("CX");
    ASSERT_NE(cx, nullptr);
    EXPECT_EQ(cx->components[3].data_type, "HD");
    EXPECT_TRUE(d->FindDataType("ST")->components.empty());
    EXPECT_EQ(d->FindSegment("ZZZ"), nullptr);
    EXPECT_GT(d->SegmentIds().size(), 170u);
}

TEST(Dictionary, EachTypeThatIsNamedExists) {
    const auto d = Shipped();
    ASSERT_NE(d, nullptr);
    for (const std::string_view id : d->SegmentIds()) {
        for (const FieldDefinition& field : d->FindSegment(id)->fields) {
            const DataTypeDefinition* type = d->FindDataType(field.data_type);
            ASSERT_NE(type, nullptr) << id << " " << field.name << " " << field.data_type;
            for (const FieldDefinition& component : type->components) {
                EXPECT_NE(d->FindDataType(component.data_type), nullptr) << type->id;
            }
        }
    }
}

TEST(Dictionary, MapsEventsToStructures) {
    const auto d = Shipped();
    ASSERT_NE(d, nullptr);
    const std::tuple<const char*, const char*, const char*> rows[] = {
        {"ADT", "A01", "ADT_A01"}, {"ADT", "A04", "ADT_A01"}, {"ADT", "A08", "ADT_A01"},
        {"ADT", "A13", "ADT_A01"}, {"ADT", "A03", "ADT_A03"}, {"ADT", "A11", "ADT_A09"},
        {"ADT", "A28", "ADT_A05"}, {"ADT", "A31", "ADT_A05"}, {"ADT", "A40", "ADT_A39"},
        {"ORU", "R01", "ORU_R01"}, {"SIU", "S12", "SIU_S12"}, {"SIU", "S26", "SIU_S12"},
        {"ORM", "O01", "ORM_O01"}, {"OML", "O21", "OML_O21"}, {"MDM", "T02", "MDM_T02"},
        {"VXU", "V04", "VXU_V04"}, {"ACK", "A01", "ACK"},     {"ADT", "Z99", ""}};
    for (const auto& [code, event, structure] : rows) {
        EXPECT_EQ(d->StructureOf(code, event), structure) << code << "^" << event;
    }
}

TEST(Dictionary, TreesNameKnownSegmentsOnly) {
    const auto d = Shipped();
    ASSERT_NE(d, nullptr);
    std::set<std::string> unknown;
    const std::function<void(const StructureNode&)> visit = [&](const StructureNode& node) {
        if (node.kind == StructureNode::Kind::kSegment && d->FindSegment(node.name) == nullptr) {
            unknown.insert(node.name);
        }
        for (const StructureNode& child : node.children) visit(child);
    };
    for (const std::string_view event : d->Events()) {
        const auto bar = event.find('^');
        const std::string_view name = d->StructureOf(event.substr(0, bar), event.substr(bar + 1));
        const StructureNode* root = d->FindStructure(name);
        if (root != nullptr) visit(*root);
    }
    EXPECT_THAT(unknown, testing::IsEmpty());
    const StructureNode* oru = d->FindStructure("ORU_R01");
    ASSERT_NE(oru, nullptr);
    EXPECT_EQ(oru->children[0].name, "MSH");
    const StructureNode& result = oru->children[3];
    EXPECT_EQ(result.name, "PATIENT_RESULT");
    EXPECT_TRUE(result.required);
    EXPECT_TRUE(result.repeats);
    EXPECT_EQ(result.children[1].name, "ORDER_OBSERVATION");
    EXPECT_FALSE(result.children[0].required);
    EXPECT_FALSE(result.children[0].repeats);
}

class BrokenTables : public testing::Test {
protected:
    void SetUp() override {
        folder_ = fs::path(testing::TempDir()) / ("hl7_tables_" + std::to_string(::getpid()));
        fs::create_directories(folder_);
        for (const char* name : {"segments.tsv", "datatypes.tsv", "structures.tsv"}) {
            fs::copy_file(kTables / name, folder_ / name, fs::copy_options::overwrite_existing);
        }
    }
    void TearDown() override { fs::remove_all(folder_); }
    void Write(const char* name, const std::string& text) { std::ofstream(folder_ / name) << text; }
    fs::path folder_;
};

TEST_F(BrokenTables, AreRefusedWithTheirPlace) {
    const std::tuple<const char*, const char*, int, const char*> rows[] = {
        {"segments.tsv", "h\nPID\t0\tx\n", 2, "columns"},
        {"segments.tsv", "h\nPID\t0\tx\t\t\t\nPID\t2\tx\tST\t\t\n", 3, "follow each other"},
        {"segments.tsv", "h\nPID\t1\tx\tST\t\tabc\n", 2, "not a number"},
        {"segments.tsv", "h\nPID\t1\tx\t\t\t\n", 2, "no data type"},
        {"datatypes.tsv", "", 1, "empty"},
        {"structures.tsv", "h\nstructure\tX\tMSH (PID\t2.5\n", 2, "not a message structure"},
        {"structures.tsv", "h\nstructur\tX\tMSH\t2.5\n", 2, "expected 'event'"}};
    for (const auto& [file, text, line, message] : rows) {
        SetUp();
        Write(file, text);
        const auto loaded = Dictionary::Load(folder_);
        ASSERT_FALSE(loaded) << text;
        EXPECT_EQ(loaded.error().position.line, line) << loaded.error().ToString();
        EXPECT_THAT(loaded.error().message, testing::HasSubstr(message));
        EXPECT_THAT(loaded.error().position.file, testing::EndsWith(file));
    }
    SetUp();
    fs::remove(folder_ / "segments.tsv");
    EXPECT_EQ(Dictionary::Load(folder_).error().code, Code::kNotFound);
}

}  // namespace
}  // namespace carestream::hl7
