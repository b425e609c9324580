// Goal: FHIRPath as its public test suite for R4 reads it. Method: every test of the suite is
// evaluated in place; the number that pass may only grow. The suite's XML inputs are read as the
// JSON they mean.
#include "fhir/fhirpath.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include "fhir/json.h"
#include "tests/conformance/xml.h"

namespace carestream::conformance {
namespace {

constexpr int kPassedMin = 921;

std::filesystem::path Shared() {
    const char* folder = std::getenv("CARESTREAM_SHARED");
    if (folder != nullptr) return folder;
    return std::filesystem::path(CARESTREAM_SOURCE_DIR) / ".." / "shared";
}

std::string ReadFile(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

// The JSON form of a FHIR XML element. Source: FHIR R4 2.6.2.
class XmlToJson {
public:
    explicit XmlToJson(const fhir::Definitions& definitions) : definitions_(definitions) {}

    fhir::Node Resource(const XmlElement& element) {
        fhir::Node node = fhir::Node::Object();
        node.Set("resourceType", fhir::Node::String(element.name));
        const fhir::TypeDefinition* type = definitions_.FindType(element.name);
        if (type != nullptr) Fill(element, *type, node);
        return node;
    }

private:
    void Fill(const XmlElement& element, const fhir::TypeDefinition& type, fhir::Node& node) {
        for (const auto& [name, value] : element.attributes) {
            if (name == "id" || name == "url") node.Set(name, fhir::Node::String(value));
        }
        for (const XmlElement& child : element.children) {
            const fhir::ResolvedElement resolved = definitions_.Resolve(type, child.name);
            if (resolved.element == nullptr) continue;
            const bool many = resolved.element->max > 1;
            fhir::Node sibling;
            fhir::Node value = Value(child, resolved, sibling);
            if (!many) {
                if (!value.IsNull()) node.Set(child.name, std::move(value));
                if (!sibling.IsNull()) node.Set("_" + child.name, std::move(sibling));
                continue;
            }
            node.At(child.name).Append(std::move(value));
            fhir::Node& siblings = siblings_[{&node, child.name}];
            siblings.Append(std::move(sibling));
            for (const fhir::Node& item : siblings.items()) {
                if (!item.IsNull()) node.Set("_" + child.name, siblings);
            }
        }
    }

    fhir::Node Value(const XmlElement& child, const fhir::ResolvedElement& resolved,
                     fhir::Node& sibling) {
        using Primitive = fhir::Primitive;
        const fhir::TypeDefinition* type = resolved.definition;
        if (resolved.type == "xhtml") return fhir::Node::String(child.raw);
        if (type != nullptr && type->primitive != Primitive::kNone) {
            if (!child.children.empty()) {
                fhir::Node beside = fhir::Node::Object();
                Fill(child, *type, beside);
                sibling = std::move(beside);
            }
            const std::string value = child.Attribute("value");
            if (value.empty()) return {};
            switch (type->primitive) {
                case Primitive::kBoolean:
                    return fhir::Node::Boolean(value == "true");
                case Primitive::kDecimal:
                case Primitive::kInteger:
                case Primitive::kPositiveInt:
                case Primitive::kUnsignedInt:
                    return fhir::Node::Number(value);
                default:
                    return fhir::Node::String(value);
            }
        }
        if (type == nullptr) return {};
        if (type->kind == fhir::TypeKind::kResource && !child.children.empty()) {
            return Resource(child.children[0]);
        }
        fhir::Node node = fhir::Node::Object();
        Fill(child, *type, node);
        return node;
    }

    const fhir::Definitions& definitions_;
    std::map<std::pair<const fhir::Node*, std::string>, fhir::Node> siblings_;
};

class FhirPathSuite {
public:
    FhirPathSuite(std::filesystem::path folder, const fhir::Definitions& definitions)
        : folder_(std::move(folder)), definitions_(definitions) {}

    // "" when the test passes, else what was wrong.
    std::string Run(const XmlElement& test) {
        const XmlElement* expression = nullptr;
        std::vector<const XmlElement*> outputs;
        for (const XmlElement& child : test.children) {
            if (child.name == "expression") expression = &child;
            if (child.name == "output") outputs.push_back(&child);
        }
        if (expression == nullptr) return "no expression";
        const std::string input_file = test.Attribute("inputfile");
        const fhir::Node* input = Input(input_file);
        if (input == nullptr) return "input " + input_file + " is not in the suite";
        const bool invalid = !expression->Attribute("invalid").empty();
        fhir::EvaluateLimits limits;
        limits.now = 1'700'000'000'000'000;
        limits.strict = test.Attribute("mode") == "strict" ||
                        expression->Attribute("mode") == "strict" ||
                        expression->Attribute("invalid") == "semantic";
        Result<fhir::FhirPath> compiled = fhir::FhirPath::Compile(expression->text);
        if (!compiled) return invalid ? "" : compiled.error().ToString();
        auto result =
            compiled->Evaluate(definitions_, *input, input->TextOf("resourceType"), limits);
        if (!result) return invalid ? "" : result.error().ToString();
        if (invalid) return "no error";
        if (test.Attribute("predicate") == "true") {
            const bool holds =
                !result->items.empty() && (result->items[0].node->kind() != fhir::Kind::kBoolean ||
                                           result->items[0].node->boolean());
            return outputs.size() == 1 && outputs[0]->text == (holds ? "true" : "false")
                       ? ""
                       : "predicate";
        }
        std::string got;
        bool same = result->items.size() == outputs.size();
        for (std::size_t i = 0; i < result->items.size(); ++i) {
            const std::string text = Text(result->items[i]);
            got += text + " ";
            same = same && i < outputs.size() && text == outputs[i]->text;
        }
        return same ? "" : "got " + got;
    }

private:
    static std::string Text(const fhir::PathItem& item) {
        const std::string_view type = item.type;
        if (type == "System.Quantity") {
            const std::string_view code = item.node->TextOf("code");
            const std::string value = item.node->Find("value")->text();
            return code.empty() ? value + " " + std::string(item.node->TextOf("unit"))
                                : value + " '" + std::string(code) + "'";
        }
        if (type == "System.Time") return "@T" + item.node->text();
        if (type == "System.Date" || type == "System.DateTime" || type == "date" ||
            type == "dateTime" || type == "instant") {
            return "@" + item.node->text();
        }
        return item.node->text();
    }

    const fhir::Node* Input(const std::string& file) {
        if (file.empty()) return &empty_;
        if (const auto found = inputs_.find(file); found != inputs_.end()) return &found->second;
        const std::string text = ReadFile(folder_ / "input" / file);
        if (text.empty()) return nullptr;
        fhir::Node node;
        if (file.ends_with(".json")) {
            Result<fhir::Node> parsed = fhir::ParseJson(text);
            if (!parsed) return nullptr;
            node = std::move(*parsed);
        } else {
            const std::optional<XmlElement> xml = ParseXml(text);
            if (!xml) return nullptr;
            node = XmlToJson(definitions_).Resource(*xml);
        }
        return &inputs_.emplace(file, std::move(node)).first->second;
    }

    std::filesystem::path folder_;
    const fhir::Definitions& definitions_;
    std::map<std::string, fhir::Node> inputs_;
    fhir::Node empty_ = fhir::Node::Object();
};

TEST(FhirPathConformance, SuiteForR4) {
    const std::filesystem::path folder = Shared() / "conformance/fhirpath";
    const std::string text = ReadFile(folder / "tests-fhir-r4.xml");
    if (text.empty()) GTEST_SKIP() << "the suite is not here: " << folder;
    auto definitions =
        fhir::Definitions::Load(std::filesystem::path(CARESTREAM_SOURCE_DIR) / "schemas/fhir/r4");
    ASSERT_TRUE(definitions) << definitions.error().ToString();
    const std::optional<XmlElement> suite = ParseXml(text);
    ASSERT_TRUE(suite);
    FhirPathSuite runner(folder, **definitions);
    int passed = 0;
    int all = 0;
    for (const XmlElement& group : suite->children) {
        for (const XmlElement& test : group.children) {
            if (test.name != "test") continue;
            ++all;
            const std::string wrong = runner.Run(test);
            if (wrong.empty())
                ++passed;
            else
                std::cout << "not passed: " << test.Attribute("name") << ": " << wrong << "\n";
        }
    }
    std::cout << "FHIRPath R4 suite: " << passed << " of " << all << " pass\n";
    EXPECT_GE(passed, kPassedMin);
}

}  // namespace
}  // namespace carestream::conformance
