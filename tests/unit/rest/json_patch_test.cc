// Goal: a JSON Patch does what RFC 6902 says, all of it or nothing, and is bounded. Method: the
// RFC's own examples (appendix A) and what clients get wrong, as tables.
#include "rest/internal/json_patch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fhir/json.h"

namespace carestream::rest {
namespace {

using testing::HasSubstr;

// The document afterwards, or "[2].path: message".
std::string Patched(const std::string& document, const std::string& patch,
                    const JsonPatchLimits& limits = {}) {
    const auto read = ParseJsonPatch(patch, limits);
    if (!read) return "unread " + read.error().path + ": " + read.error().message;
    const auto done = ApplyJsonPatch(*read, fhir::ParseJson(document).value(), limits);
    return done ? fhir::ToJson(*done) : done.error().path + ": " + done.error().message;
}

TEST(JsonPatch, Rfc6902AppendixA) {
    struct Row {
        const char* name;
        std::string document;
        std::string patch;
        std::string expected;  // a document, or the beginning of an error
    };
    const Row rows[] = {
        {"A.1", R"({"foo":"bar"})", R"([{"op":"add","path":"/baz","value":"qux"}])",
         R"({"foo":"bar","baz":"qux"})"},
        {"A.2", R"({"foo":["bar","baz"]})", R"([{"op":"add","path":"/foo/1","value":"qux"}])",
         R"({"foo":["bar","qux","baz"]})"},
        {"A.3", R"({"baz":"qux","foo":"bar"})", R"([{"op":"remove","path":"/baz"}])",
         R"({"foo":"bar"})"},
        {"A.4", R"({"foo":["bar","qux","baz"]})", R"([{"op":"remove","path":"/foo/1"}])",
         R"({"foo":["bar","baz"]})"},
        {"A.5", R"({"baz":"qux","foo":"bar"})", R"([{"op":"replace","path":"/baz","value":"boo"}])",
         R"({"baz":"boo","foo":"bar"})"},
        {"A.6", R"({"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}})",
         R"([{"op":"move","from":"/foo/waldo","path":"/qux/thud"}])",
         R"({"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}})"},
        {"A.7", R"({"foo":["all","grass","cows","eat"]})",
         R"([{"op":"move","from":"/foo/1","path":"/foo/3"}])",
         R"({"foo":["all","cows","eat","grass"]})"},
        {"A.8", R"({"baz":"qux","foo":["a",2,"c"]})",
         R"([{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}])",
         R"({"baz":"qux","foo":["a",2,"c"]})"},
        {"A.9", R"({"baz":"qux"})", R"([{"op":"test","path":"/baz","value":"bar"}])", "[0].value"},
        {"A.10", R"({"foo":"bar"})", R"([{"op":"add","path":"/child","value":{"grandchild":{}}}])",
         R"({"foo":"bar","child":{"grandchild":{}}})"},
        {"A.11", R"({"foo":"bar"})", R"([{"op":"add","path":"/baz","value":"qux","xyz":123}])",
         R"({"foo":"bar","baz":"qux"})"},
        {"A.12", R"({"foo":"bar"})", R"([{"op":"add","path":"/baz/bat","value":"qux"}])",
         "[0].path"},
        {"A.13", R"({"foo":"bar"})", R"([{"op":"add","path":"/baz","value":"qux","op":"remove"}])",
         "unread"},
        {"A.14", R"({"/":9,"~1":10})", R"([{"op":"test","path":"/~01","value":10}])",
         R"({"/":9,"~1":10})"},
        {"A.15", R"({"/":9,"~1":10})", R"([{"op":"test","path":"/~01","value":"10"}])",
         "[0].value"},
        {"A.16", R"({"foo":["bar"]})", R"([{"op":"add","path":"/foo/-","value":["abc","def"]}])",
         R"({"foo":["bar",["abc","def"]]})"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const std::string patched = Patched(row.document, row.patch);
        EXPECT_EQ(patched.substr(0, row.expected.size()), row.expected) << patched;
        if (row.expected.starts_with('{')) {
            EXPECT_EQ(patched, row.expected);
        }
    }
}

TEST(JsonPatch, WhatTheExamplesLeaveOpen) {
    struct Row {
        std::string patch;
        std::string expected;
    };
    const std::string document = R"({"a":[1.50,{"b":null}],"c":{"d":"x","e":[]}})";
    const Row rows[] = {
        {"[]", document},
        {R"([{"op":"replace","path":"","value":{"n":1}}])", R"({"n":1})"},
        {R"([{"op":"add","path":"","value":[]}])", "[]"},
        {R"([{"op":"test","path":"","value":{"c":{"e":[],"d":"x"},"a":[15e-1,{"b":null}]}}])",
         document},
        {R"([{"op":"test","path":"/a/0","value":1.5}])", document},
        {R"([{"op":"test","path":"/a/0","value":1.51}])", "[0].value"},
        {R"([{"op":"test","path":"/a/1/b","value":null}])", document},
        {R"([{"op":"test","path":"/a/1/b","value":false}])", "[0].value"},
        {R"([{"op":"test","path":"/c","value":{"d":"x","f":[]}}])", "[0].value"},
        {R"([{"op":"add","path":"/c/d","value":2}])",
         R"({"a":[1.50,{"b":null}],"c":{"d":2,"e":[]}})"},
        {R"([{"op":"replace","path":"/c/f","value":2}])", "[0].path"},
        {R"([{"op":"remove","path":"/c/f"}])", "[0].path"},
        {R"([{"op":"remove","path":""}])", "[0].path"},
        {R"([{"op":"remove","path":"/a/-"}])", "[0].path"},
        {R"([{"op":"remove","path":"/a/01"}])", "[0].path"},
        {R"([{"op":"remove","path":"/a/2"}])", "[0].path"},
        {R"([{"op":"add","path":"/a/3","value":1}])", "[0].path"},
        {R"([{"op":"add","path":"/a/-1","value":1}])", "[0].path"},
        {R"([{"op":"add","path":"/a/99999999999999999999","value":1}])", "[0].path"},
        {R"([{"op":"add","path":"/c/d/z","value":1}])", "[0].path"},
        {R"([{"op":"copy","from":"/a/0","path":"/c/e/-"}])",
         R"({"a":[1.50,{"b":null}],"c":{"d":"x","e":[1.50]}})"},
        {R"([{"op":"copy","from":"/c","path":"/c/f"}])",
         R"({"a":[1.50,{"b":null}],"c":{"d":"x","e":[],"f":{"d":"x","e":[]}}})"},
        {R"([{"op":"copy","from":"/z","path":"/y"}])", "[0].from"},
        {R"([{"op":"move","from":"/c","path":"/c/f"}])", "[0].from"},
        {R"([{"op":"move","from":"/c","path":"/c"}])", document},
        {R"([{"op":"move","from":"/a/1","path":"/a/2"}])", "[0].path"},
        {R"([{"op":"move","from":"/a","path":"/c/a/b"}])", "[0].path"},
        // Nothing of what went before is left.
        {R"([{"op":"remove","path":"/a"},{"op":"remove","path":"/c"},{"op":"remove","path":"/a"}])",
         "[2].path"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.patch);
        const std::string patched = Patched(document, row.patch);
        EXPECT_EQ(patched.substr(0, row.expected.size()), row.expected) << patched;
    }
    EXPECT_THAT(Patched(document, R"([{"op":"remove","path":"/c/dd"}])"),
                HasSubstr("the path ends at \"/c\", did you mean 'd'?"));
    EXPECT_THAT(Patched(document, R"([{"op":"remove","path":"/a/9"}])"), HasSubstr("2 items"));
}

TEST(JsonPatch, WhatIsNoPatch) {
    const std::pair<std::string, std::string> rows[] = {
        {"", ": "},
        {"{}", ": a JSON Patch is an array"},
        {"[1]", "[0]: an operation"},
        {R"([{"path":"/a"}])", "[0].op: "},
        {R"([{"op":"delete","path":"/a"}])", "[0].op: "},
        {R"([{"op":"test","path":"/a","value":1},{"op":"Replace","path":"/a","value":1}])",
         "[1].op: is to be add, remove, replace, move, copy or test, did you mean 'replace'?"},
        {R"([{"op":"remove"}])", "[0].path: "},
        {R"([{"op":"remove","path":1}])", "[0].path: "},
        {R"([{"op":"remove","path":"a"}])", "[0].path: a JSON Pointer begins"},
        {R"([{"op":"remove","path":"/~2"}])", "[0].path: "},
        {R"([{"op":"remove","path":"/~"}])", "[0].path: "},
        {R"([{"op":"add","path":"/a"}])", "[0].value: "},
        {R"([{"op":"move","path":"/a"}])", "[0].from: "},
        {R"([{"op":"copy","path":"/a","from":"b"}])", "[0].from: "},
    };
    for (const auto& [patch, expected] : rows) {
        SCOPED_TRACE(patch);
        EXPECT_THAT(Patched(R"({"a":1})", patch), testing::StartsWith("unread " + expected));
    }
}

TEST(JsonPatch, IsBounded) {
    std::string many;
    for (int i = 0; i < 101; ++i) {
        many += (many.empty() ? "[" : ",") + std::string(R"({"op":"test","path":"/a","value":1})");
    }
    EXPECT_THAT(Patched(R"({"a":1})", many + "]"), HasSubstr("at most 100 operations"));
    std::string path;
    for (int i = 0; i < 65; ++i) path += "/a";
    EXPECT_THAT(Patched(R"({"a":1})", R"([{"op":"remove","path":")" + path + "\"}]"),
                HasSubstr("at most 64 levels"));
    // Each copy doubles the depth, or the size.
    std::string deeper = "[";
    std::string at = "/a";
    for (int i = 0; i < 6; ++i) {
        deeper += (i == 0 ? "" : ",") + std::string(R"({"op":"copy","from":"/a","path":")") + at +
                  "/a\"}";
        at += at;
    }
    EXPECT_THAT(Patched(R"({"a":{"b":1}})", deeper + "]"), HasSubstr("64 levels"));
    std::string wider = "[";
    for (int i = 0; i < 90; ++i) {
        wider += (i == 0 ? "" : ",") + std::string(R"({"op":"copy","from":"/a","path":"/a/-"})");
    }
    EXPECT_THAT(Patched(R"({"a":[1]})", wider + "]", {.depth_max = 1'000}),
                HasSubstr("copies too much"));
}

TEST(JsonPatch, SaysWhatItTouches) {
    const auto touches = [](const std::string& patch) {
        return Touches(ParseJsonPatch(patch).value(), "text");
    };
    EXPECT_TRUE(touches(R"([{"op":"replace","path":"/text/div","value":1}])"));
    EXPECT_TRUE(touches(R"([{"op":"replace","path":"","value":1}])"));
    EXPECT_TRUE(touches(R"([{"op":"move","path":"/a","from":"/text"}])"));
    EXPECT_FALSE(touches(R"([{"op":"copy","path":"/a","from":"/text"}])"));
    EXPECT_FALSE(touches(R"([{"op":"test","path":"/text","value":1}])"));
    EXPECT_FALSE(touches(R"([{"op":"replace","path":"/a/text","value":1}])"));
}

}  // namespace
}  // namespace carestream::rest
