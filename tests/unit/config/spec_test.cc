// Goal: one declaration gives typed values, every mistake with its place, and documents that agree.
#include "config/spec.h"

#include <gtest/gtest.h>

#include <fstream>

#include "config/documents.h"

namespace carestream::config {
namespace {

Spec ExampleSpec() {
    return {.name = "example",
            .title = "Example",
            .description = "For tests.",
            .fields = {
                {.key = "name", .description = "Its name.", .required = true, .example = "adt"},
                {.key = "mode",
                 .type = Type::kChoice,
                 .default_text = "commit",
                 .choices = {"commit", "processing"}},
                {.key = "ids", .list = true, .default_text = "[P]"},
                {.key = "wait", .type = Type::kDuration, .default_text = "20s", .max = 60'000},
                {.key = "password", .type = Type::kSecret},
                {.key = "tenants", .type = Type::kInteger, .map = true},
                {.key = "limits",
                 .type = Type::kObject,
                 .fields = {{.key = "frame_bytes_max",
                             .type = Type::kBytes,
                             .default_text = "64MiB",
                             .min = 1}}},
                {.key = "source",
                 .type = Type::kObject,
                 .fields = {{.key = "mllp",
                             .type = Type::kObject,
                             .fields = {{.key = "listen", .type = Type::kAddress, .required = true},
                                        {.key = "allow", .type = Type::kNetwork, .list = true}}},
                            {.key = "file",
                             .type = Type::kObject,
                             .fields = {{.key = "folder", .type = Type::kPath}}}},
                 .one_of = true},
            }};
}

References TestReferences() {
    return {[](const std::string& name) -> std::optional<std::string> {
                if (name == "PORT") return "9999";
                if (name == "EMPTY") return "";
                return std::nullopt;
            },
            testing::TempDir()};
}

Read ReadText(const std::string& text) {
    const auto yaml = Yaml::Parse(text, "c.yaml");
    EXPECT_TRUE(yaml) << yaml.error().ToString();
    return ReadSpec(ExampleSpec(), *yaml, TestReferences());
}

std::vector<std::string> Errors(const Read& read) {
    std::vector<std::string> lines;
    for (const Error& error : read.errors) lines.push_back(error.ToString());
    return lines;
}

TEST(Spec, ReadsTypedValuesAndDefaults) {
    const Read read = ReadText(
        "name: adt\nwait: 5s\ntenants: {main: 1, lab: 2}\n"
        "source: {mllp: {listen: \"127.0.0.1:${env:PORT:-1}\", allow: [127.0.0.0/8, \"::1\"]}}\n");
    ASSERT_EQ(Errors(read), std::vector<std::string>{});
    const Values& values = read.values;
    EXPECT_EQ(values.String("name"), "adt");
    EXPECT_EQ(values.String("mode"), "commit");
    EXPECT_EQ(values.Integer("wait"), 5000);
    EXPECT_EQ(values.Strings("ids"), std::vector<std::string>{"P"});
    EXPECT_EQ(values.Object("limits").Integer("frame_bytes_max"), 64 << 20);
    EXPECT_EQ(values.Map("tenants").at("lab"), "2");
    const Values& source = values.Object("source");
    EXPECT_TRUE(source.Has("mllp"));
    EXPECT_FALSE(source.Has("file"));
    EXPECT_EQ(source.Object("mllp").String("listen"), "127.0.0.1:9999");
    EXPECT_EQ(VariableIn(source.Object("mllp").Written("listen")), "PORT");
    EXPECT_EQ(source.Object("mllp").Strings("allow").size(), 2u);
    EXPECT_EQ(source.Object("mllp").ItemPosition("allow", 1).column, 74);
}

TEST(Spec, CollectsEveryMistakeWithItsPlace) {
    const Read read = ReadText(
        "mod: x\nmode: comit\nwait: 2m\nids: P\nlimits: {frame_bytes_max: 0}\n"
        "source: {mllp: {listen: here, alow: []}, file: {folder: /x}}\ntenants: {a: b}\n"
        "password: ${env:UNSET}\n");
    EXPECT_EQ(
        Errors(read),
        (std::vector<std::string>{
            "c.yaml:1:1: unknown key 'mod', did you mean 'mode'?",
            "c.yaml:1:1: 'name' is missing, for example name: adt",
            "c.yaml:2:7: 'mode': 'comit' is none of commit, processing, did you mean 'commit'?",
            "c.yaml:3:7: 'wait': must be at most 60000ms",
            "c.yaml:4:6: 'ids' is a list, like []",
            "c.yaml:5:27: 'frame_bytes_max': must be at least 1 bytes",
            "c.yaml:6:9: exactly one of these is expected here: mllp, file",
            "c.yaml:6:25: 'listen': 'here' is not an address: host:port, like 127.0.0.1:2575",
            "c.yaml:6:31: unknown key 'alow', did you mean 'allow'?",
            "c.yaml:7:14: 'tenants': 'b' is not a whole number",
            "c.yaml:8:11: the environment variable UNSET is not set; set it or write "
            "${env:UNSET:-default}",
        }));
}

TEST(Spec, FilesAndEmptyVariables) {
    std::ofstream(testing::TempDir() + "/secret.txt") << "open sesame\n";
    const Read read = ReadText("name: \"a${env:EMPTY:-b}c\"\npassword: ${file:secret.txt}\n");
    ASSERT_EQ(Errors(read), std::vector<std::string>{});
    EXPECT_EQ(read.values.String("name"), "abc");
    EXPECT_EQ(read.values.String("password"), "open sesame");
    EXPECT_EQ(Errors(ReadText("name: ${file:absent.txt}\n")).size(), 1u);
    EXPECT_EQ(Errors(ReadText("name: ${evn:X}\n"))[0],
              "c.yaml:1:7: '${evn:X}' is neither ${env:NAME} nor ${file:path}");
}

TEST(Spec, DumpReadsBackAndMasksSecrets) {
    const Read read = ReadText(
        "name: \"a: b\"\npassword: hush\ntenants: {main: 1}\n"
        "source: {file: {folder: \"/x y\"}}\n");
    const std::string dump = DumpYaml(read.values);
    EXPECT_EQ(dump.find("hush"), std::string::npos);
    const Read again = ReadText(dump);
    EXPECT_EQ(Errors(again), std::vector<std::string>{});
    EXPECT_EQ(DumpYaml(again.values), dump);
    EXPECT_NE(again.values.Fingerprint(), read.values.Fingerprint());  // the secret differs
}

TEST(Spec, FingerprintIgnoresPlacesAndSpelledDefaults) {
    const Read a = ReadText("name: x\n");
    const Read b = ReadText("# comment\nmode: commit\n\nname: \"x\"\nids: [P]\n");
    const Read c = ReadText("name: x\nids: [T]\n");
    EXPECT_EQ(a.values.Object("limits").Fingerprint(), b.values.Object("limits").Fingerprint());
    EXPECT_EQ(a.values.Fingerprint(), b.values.Fingerprint());
    EXPECT_NE(a.values.Fingerprint(), c.values.Fingerprint());
}

TEST(Spec, DocumentsNameEveryKey) {
    const std::string schema = JsonSchema(ExampleSpec());
    const std::string page = ReferencePage(ExampleSpec());
    for (const char* key : {"name", "mode", "frame_bytes_max", "listen", "allow", "folder"}) {
        EXPECT_NE(schema.find('"' + std::string(key) + '"'), std::string::npos) << key;
        EXPECT_NE(page.find('`' + std::string(key) + '`'), std::string::npos) << key;
    }
    EXPECT_TRUE(Yaml::Parse(schema, "schema.json"));  // JSON is YAML: brackets and quotes balance
}

}  // namespace
}  // namespace carestream::config
