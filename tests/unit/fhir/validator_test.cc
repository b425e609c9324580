// Goal: what the validator accepts is base R4, and each refusal names the element. Method: every
// row is a small resource with the one issue it must give; conformance cases are read in place.
#include "fhir/validator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "base/text.h"
#include "fhir/json.h"

namespace carestream::fhir {
namespace {

const Definitions& R4() {
    static const auto definitions =
        Definitions::Load(std::filesystem::path(CARESTREAM_SOURCE_DIR) / "schemas/fhir/r4");
    EXPECT_TRUE(definitions) << definitions.error().ToString();
    return **definitions;
}

std::vector<Issue> Check(std::string_view json) {
    auto node = ParseJson(json);
    EXPECT_TRUE(node) << node.error().ToString() << "\n" << json;
    return node ? Validate(R4(), *node) : std::vector<Issue>{};
}

struct Case {
    const char* name;
    const char* json;
    const char* expression;  // of the only issue; "" = valid
    const char* code;
};
void PrintTo(const Case& c, std::ostream* out) {
    *out << c.name;
}

class ValidatorTest : public testing::TestWithParam<Case> {};

TEST_P(ValidatorTest, FindsTheIssueAndNothingElse) {
    const Case& c = GetParam();
    const std::vector<Issue> issues = Check(c.json);
    if (*c.expression == '\0') {
        for (const Issue& issue : issues) {
            ADD_FAILURE() << issue.expression << ": " << issue.code << ": " << issue.message;
        }
        return;
    }
    ASSERT_EQ(issues.size(), 1u) << c.json;
    EXPECT_EQ(issues[0].expression, c.expression) << issues[0].message;
    EXPECT_EQ(issues[0].code, c.code) << issues[0].message;
    EXPECT_FALSE(issues[0].message.empty());
}

constexpr char kPatient[] = R"({"resourceType":"Patient",)";

// A Patient with these members.
#define PATIENT(members) R"({"resourceType":"Patient",)" members "}"
#define OBSERVATION(members) \
    R"({"resourceType":"Observation","status":"final","code":{"text":"x"},)" members "}"

INSTANTIATE_TEST_SUITE_P(
    Valid, ValidatorTest,
    testing::Values(
        Case{"bare", R"({"resourceType":"Patient"})", "", ""},
        Case{"sibling_with_value",
             PATIENT(R"("birthDate":"1970-03-30","_birthDate":{"extension":[{"url":"http://x.org/t",
                     "valueDateTime":"1970-03-30T02:00:00Z"}]})"),
             "", ""},
        Case{"sibling_alone", PATIENT(R"("_birthDate":{"extension":[{"url":"http://x.org/t",
                     "valueCode":"unknown"}]})"),
             "", ""},
        Case{"sibling_arrays_aligned",
             PATIENT(R"("name":[{"given":["A",null],"_given":[null,{"id":"g2"}]}])"),
             "Patient.name[0].given[1]", "invariant"},
        Case{"sibling_arrays", PATIENT(R"("name":[{"given":["A",null],"_given":[null,{"extension":[
                     {"url":"http://x.org/t","valueBoolean":true}]}]}])"),
             "", ""},
        Case{"attachment_size", PATIENT(R"("photo":[{"data":"YWI=","size":2}])"), "", ""},
        Case{"choice", OBSERVATION(R"("valueQuantity":{"value":1.50,"unit":"mg"})"), "", ""},
        Case{"contained", PATIENT(R"("contained":[{"resourceType":"Organization","id":"o",
                     "name":"N"}],"managingOrganization":{"reference":"#o"})"),
             "", ""},
        Case{"recursive_backbone", R"({"resourceType":"Questionnaire","status":"draft","item":[
                     {"linkId":"1","type":"group","item":[{"linkId":"1.1","type":"string"}]}]})",
             "", ""},
        Case{"bundle", R"({"resourceType":"Bundle","type":"collection","entry":[
                     {"fullUrl":"urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7",
                     "resource":{"resourceType":"Patient","active":true}}]})",
             "", ""},
        Case{"reference_any_form",
             OBSERVATION(R"("subject":{"reference":"Patient/1/_history/2"},"performer":[
                     {"reference":"http://x.org/fhir/Foo/1"},{"display":"somebody"}])"),
             "", ""},
        Case{"absent_reason_in_required_code",
             R"({"resourceType":"Observation","code":{"text":"x"},"_status":{"extension":[{"url":
             "http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"unknown"}]}})",
             "", ""},
        Case{"narrative", PATIENT(R"("text":{"status":"generated","div":
             "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p class='x'>A &amp; B<br/></p></div>"})"),
             "", ""}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Structure, ValidatorTest,
    testing::Values(
        Case{"unknown_element", PATIENT(R"("colour":"red")"), "Patient", "structure"},
        Case{"unknown_in_backbone", PATIENT(R"("contact":[{"nme":{"text":"x"}}])"),
             "Patient.contact[0]", "structure"},
        Case{"comments", PATIENT(R"("active":true,"fhir_comments":["x"])"), "Patient", "structure"},
        Case{"array_missing", PATIENT(R"("name":{"family":"X"})"), "Patient.name", "structure"},
        Case{"array_too_much", PATIENT(R"("gender":["male"])"), "Patient.gender", "structure"},
        Case{"empty_array", PATIENT(R"("name":[])"), "Patient.name", "structure"},
        Case{"empty_object", PATIENT(R"("name":[{}])"), "Patient.name[0]", "structure"},
        Case{"null", PATIENT(R"("gender":null)"), "Patient.gender", "structure"},
        Case{"null_item", PATIENT(R"("name":[null])"), "Patient.name[0]", "structure"},
        Case{"primitive_for_object", PATIENT(R"("maritalStatus":"M")"), "Patient.maritalStatus",
             "structure"},
        Case{"object_for_primitive", PATIENT(R"("gender":{"value":"male"})"), "Patient.gender",
             "structure"},
        Case{"number_as_string", OBSERVATION(R"("valueInteger":"1")"),
             "Observation.value.ofType(integer)", "structure"},
        Case{"boolean_as_string", PATIENT(R"("active":"true")"), "Patient.active", "structure"},
        Case{"string_as_number", PATIENT(R"("birthDate":1970)"), "Patient.birthDate", "structure"},
        Case{"two_choices", OBSERVATION(R"("valueString":"a","valueInteger":1)"),
             "Observation.value.ofType(integer)", "structure"},
        Case{"choice_type_not_allowed", OBSERVATION(R"("valueAddress":{"city":"x"})"),
             "Observation", "structure"},
        Case{"sibling_of_complex", PATIENT(R"("_name":[{"id":"x"}])"), "Patient", "structure"},
        Case{"sibling_not_aligned", PATIENT(R"("name":[{"given":["A","B"],"_given":[{"extension":[
                     {"url":"http://x.org/t","valueBoolean":true}]}]}])"),
             "Patient.name[0].given", "structure"},
        Case{"sibling_unknown_member", PATIENT(R"("_birthDate":{"value":"1970"})"),
             "Patient.birthDate", "structure"},
        Case{"contained_no_type", PATIENT(R"("contained":[{"id":"x"}])"), "Patient.contained[0]",
             "structure"},
        Case{"contained_in_contained",
             PATIENT(R"("contained":[{"resourceType":"Patient","contained":[
                     {"resourceType":"Patient","id":"y"}]}])"),
             "Patient.contained[0]", "invariant"},
        Case{"only_id", PATIENT(R"("name":[{"id":"x"}])"), "Patient.name[0]", "invariant"},
        Case{"in_bundle", R"({"resourceType":"Bundle","type":"collection","entry":[{"resource":
             {"resourceType":"Patient","name":[{"use":"legal"}]}}]})",
             "Bundle.entry[0].resource.name[0].use", "code-invalid"}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Required, ValidatorTest,
    testing::Values(Case{"top", R"({"resourceType":"Observation","status":"final"})",
                         "Observation.code", "required"},
                    Case{"backbone", PATIENT(R"("link":[{"type":"seealso"}])"),
                         "Patient.link[0].other", "required"},
                    Case{"choice",
                         R"({"resourceType":"MedicationRequest","status":"active","intent":"order",
             "subject":{"reference":"Patient/1"}})",
                         "MedicationRequest.medication", "required"},
                    Case{"extension_url", PATIENT(R"("extension":[{"valueString":"x"}])"),
                         "Patient.extension[0].url", "required"}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Values, ValidatorTest,
    testing::Values(
        Case{"date", PATIENT(R"("birthDate":"1970-02-30")"), "Patient.birthDate", "value"},
        Case{"datetime_without_offset", PATIENT(R"("deceasedDateTime":"2020-01-01T10:00:00")"),
             "Patient.deceased.ofType(dateTime)", "value"},
        Case{"id", PATIENT(R"("id":"a_b")"), "Patient.id", "value"},
        Case{"empty_string", PATIENT(R"("name":[{"family":""}])"), "Patient.name[0].family",
             "value"},
        Case{"base64", PATIENT(R"("photo":[{"data":"%%%2"}])"), "Patient.photo[0].data", "value"},
        Case{"attachment_size", PATIENT(R"("photo":[{"data":"YWI=","size":3}])"),
             "Patient.photo[0]", "value"},
        Case{"uri", PATIENT(R"("identifier":[{"system":"has space","value":"1"}])"),
             "Patient.identifier[0].system", "value"},
        Case{"system_relative", PATIENT(R"("identifier":[{"system":"mrn","value":"1"}])"),
             "Patient.identifier[0].system", "value"},
        Case{"required_code", PATIENT(R"("gender":"F")"), "Patient.gender", "code-invalid"},
        Case{"required_concept",
             R"({"resourceType":"AllergyIntolerance","patient":{"reference":"Patient/1"},
             "clinicalStatus":{"text":"active"}})",
             "AllergyIntolerance.clinicalStatus", "code-invalid"},
        Case{"own_code_system",
             R"({"resourceType":"Contract","legalState":{"coding":[{"system":
             "http://hl7.org/fhir/contract-legalstate","code":"nonsense"}]}})",
             "Contract.legalState.coding[0]", "code-invalid"},
        Case{"reference_target", OBSERVATION(R"("encounter":{"reference":"Patient/1"})"),
             "Observation.encounter", "value"},
        Case{"extension_both",
             PATIENT(R"("extension":[{"url":"http://x.org/t","valueString":"x","extension":[
                     {"url":"y","valueString":"z"}]}])"),
             "Patient.extension[0]", "invariant"},
        Case{"extension_neither", PATIENT(R"("extension":[{"url":"http://x.org/t"}])"),
             "Patient.extension[0]", "invariant"},
        Case{"script", PATIENT(R"("text":{"status":"generated","div":
             "<div xmlns=\"http://www.w3.org/1999/xhtml\">x<script>1</script></div>"})"),
             "Patient.text.div", "value"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(ValidatorTest, RefusesWhatIsNoResource) {
    for (const char* json :
         {"{}", "[]", "1", R"({"resourceType":"Element"})", R"({"resourceType":"Resource"})",
          R"({"resourceType":1})", R"({"resourceType":"HumanName","family":"X"})"}) {
        EXPECT_EQ(Check(json).size(), 1u) << json;
    }
    EXPECT_THAT(Check(R"({"resourceType":"Patiant"})")[0].message,
                testing::HasSubstr("did you mean 'Patient'"));
}

TEST(ValidatorTest, StopsAtTheLimitAndNeverNamesValues) {
    std::string json = std::string(kPatient) + R"("name":[)";
    for (int i = 0; i < 100; ++i) json += R"({"use":"marked-value"},)";
    json.back() = ']';
    json += R"(,"SMITH, John":1})";
    const std::vector<Issue> issues = Check(json);
    EXPECT_EQ(issues.size(), 50u);
    auto node = ParseJson(json);
    for (const Issue& issue : Validate(R4(), *node, 1000)) {
        EXPECT_THAT(issue.message, testing::Not(testing::HasSubstr("marked")));
        EXPECT_THAT(issue.message, testing::Not(testing::HasSubstr("SMITH")));
    }
}

TEST(ValidatorTest, DepthIsBounded) {
    Node node = Node::Object();
    node.Set("linkId", Node::String("1"));
    node.Set("type", Node::String("group"));
    for (int i = 0; i < 500; ++i) {
        Node outer = Node::Object();
        outer.Set("linkId", Node::String("1"));
        outer.Set("type", Node::String("group"));
        outer.At("item").Append(std::move(node));
        node = std::move(outer);
    }
    node.Set("resourceType", Node::String("Questionnaire"));
    node.Set("status", Node::String("draft"));
    node.Remove("linkId");
    node.Remove("type");
    const auto issues = Validate(R4(), node);
    ASSERT_EQ(issues.size(), 1u);
    EXPECT_EQ(issues[0].code, "too-costly");
}

struct Form {
    const char* type;
    std::vector<std::string_view> good;
    std::vector<std::string_view> bad;
};

TEST(PrimitiveTest, Forms) {
    const Form forms[] = {
        {"boolean", {"true", "false"}, {"", "True", "1"}},
        {"date",
         {"1970", "1970-01", "2000-02-29", "9999-12-31", "0001-01-01"},
         {"", "70", "1970-13", "1970-00", "1970-1-1", "1900-02-29", "1970-04-31", "0000",
          "1970-01-01T00:00:00Z", "1970-01-01 ", "19700101"}},
        {"dateTime",
         {"1970", "1970-01", "1970-01-01", "1970-01-01T23:59:60Z", "1970-01-01T00:00:00.123+14:00",
          "1970-01-01T00:00:00-05:30"},
         {"1970-01-01T00:00:00", "1970-01-01T00:00Z", "1970-01T00:00:00Z", "1970-01-01T24:00:00Z",
          "1970-01-01T00:00:00+14:01", "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00+0000",
          "1970-02-30T00:00:00Z", "1970T00:00:00Z"}},
        {"instant",
         {"1970-01-01T00:00:00Z", "2015-02-07T13:28:17.239+02:00"},
         {"1970", "1970-01-01", "1970-01-01T00:00:00"}},
        {"time", {"00:00:00", "23:59:60.5"}, {"24:00:00", "12:00", "12:00:00Z"}},
        {"integer",
         {"0", "-1", "2147483647", "-2147483648"},
         {"", "-", "01", "1.0", "2147483648", "-2147483649", "1e3", "-0", "99999999999"}},
        {"unsignedInt", {"0", "2147483647"}, {"-1"}},
        {"positiveInt", {"1"}, {"0", "-1"}},
        {"decimal", {"0", "-0.00", "1.50", "1e10", "1.5E-3"}, {"", "01", "1.", ".5", "1e", "+1"}},
        {"id", {"a", "A-1.b"}, {"", "a_b", "a b", "/x"}},
        {"code", {"a", "a b", "a|b"}, {"", " a", "a ", "a  b"}},
        {"oid",
         {"urn:oid:1.2.3", "urn:oid:2.16.840"},
         {"1.2.3", "urn:oid:1", "urn:oid:3.1", "urn:oid:1.02", "urn:oid:1."}},
        {"uuid",
         {"urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7"},
         {"53fefa32-fcbb-4ff8-8a92-55ee120877b7", "urn:uuid:53FEFA32-fcbb-4ff8-8a92-55ee120877b7",
          "urn:uuid:1"}},
        {"uri",
         {"http://x.org", "relative", "urn:oid:1.2", "urn:iso:x"},
         {"", "a b", "urn:oid:x", "urn:uuid:x", "a\tb"}},
        {"canonical", {"http://x.org|1"}, {" http://x.org"}},
        {"base64Binary",
         {"YQ==", "YWJj", "YW\nJj", "YWI="},
         {"", "YQ=", "YQ", "Y===", "Y%Jj", "YQ==YQ=="}},
        {"string", {"x", " ", "a\nb"}, {"", "a\x01"}},
        {"markdown", {"# x"}, {""}},
    };
    for (const Form& form : forms) {
        for (const auto text : form.good)
            EXPECT_TRUE(IsPrimitive(form.type, text)) << form.type << ' ' << text;
        for (const auto text : form.bad)
            EXPECT_FALSE(IsPrimitive(form.type, text)) << form.type << ' ' << text;
    }
    EXPECT_TRUE(IsPrimitive("id", std::string(64, 'a')));
    EXPECT_FALSE(IsPrimitive("id", std::string(65, 'a')));
    EXPECT_FALSE(IsPrimitive("HumanName", "x"));
    EXPECT_FALSE(IsPrimitive("string", std::string((1u << 20) + 1, 'a')));
}

TEST(XhtmlTest, Narratives) {
    const auto valid = [](const std::string& div) {
        Node patient = Node::Object();
        patient.Set("resourceType", Node::String("Patient"));
        Node& text = patient.At("text");
        text.Set("status", Node::String("generated"));
        text.Set("div", Node::String(div));
        return Validate(R4(), patient).empty();
    };
    for (const char* good :
         {"<div>x</div>", " <div><!-- c --><b>x</b></div>\n", "<div>&#x41;&#65;&lt;</div>",
          "<div><img src=\"#i\" alt='i'/></div>", "<div><a href='http://x.org/a:b'>x</a></div>",
          "<div><a href='#a'>x</a></div>", "<div><img src='data:image/png;base64,YQ=='/></div>",
          "<div><a href='mailto:x@y.org'>x</a></div>",
          "<div><a href='Patient/1?a=b&amp;c:d'>x</a></div>"}) {
        EXPECT_TRUE(valid(good)) << good;
    }
    for (const char* bad : {"x",
                            "<p>x</p>",
                            "<div>x",
                            "<div>x</p></div>",
                            "<div>x</div><div>y</div>",
                            "<div> </div>",
                            "<div><b>x</div></b>",
                            "<div>&reg;</div>",
                            "<div>a & b</div>",
                            "<div onclick='x'>x</div>",
                            "<div><a href='javascript:x'>x</a></div>",
                            "<div><a href='JAVASCRIPT:x'>x</a></div>",
                            "<div><a href=' javascript:x'>x</a></div>",
                            "<div><a href='java&#115;cript:x'>x</a></div>",
                            "<div><a href='javascript&#58;x'>x</a></div>",
                            "<div><a href='data:text/html,x'>x</a></div>",
                            "<div class=x>y</div>",
                            "<div><iframe/>x</div>",
                            "<div><!DOCTYPE x>y</div>",
                            "<div xmlns='http://x.org'>x</div>",
                            "<divx>x</divx>",
                            "<div><![CDATA[x]]></div>"}) {
        EXPECT_FALSE(valid(bad)) << bad;
    }
}

// The verdict of the reference validator on base R4 files. Not every error there is structural
// (profiles, terminology servers, signatures, invariants), so only part of the refusals can be
// ours; but what it finds valid must pass.
TEST(ConformanceTest, AgreesWithTheReferenceValidator) {
    const char* shared = std::getenv("CARESTREAM_SHARED");
    const std::filesystem::path folder =
        (shared != nullptr ? std::filesystem::path(shared)
                           : std::filesystem::path(CARESTREAM_SOURCE_DIR) / "../shared") /
        "conformance/validator";
    std::ifstream index(folder / "index.tsv");
    if (!index) GTEST_SKIP() << "no validator cases in " << folder;
    std::string line;
    std::getline(index, line);
    int valid_cases = 0, invalid_cases = 0, accepted = 0, refused = 0;
    std::ostringstream misses;
    while (std::getline(index, line)) {
        const auto cells = Split(line, '\t');
        ASSERT_GE(cells.size(), 3u);
        if (cells[1].ends_with("comments-1-yes") || cells[1].ends_with("comments-2-yes")) {
            continue;  // an option of the reference validator: comments allowed
        }
        std::ifstream file(folder / std::string(cells[0]));
        std::stringstream text;
        text << file.rdbuf();
        const auto node = ParseJson(text.str());
        std::string why = node ? "" : node.error().ToString();
        if (node) {
            const auto issues = Validate(R4(), *node);
            if (!issues.empty()) why = issues[0].expression + ": " + issues[0].message;
        }
        const bool valid = cells[2] == "0";
        (valid ? valid_cases : invalid_cases)++;
        if (valid && why.empty()) ++accepted;
        if (!valid && !why.empty()) ++refused;
        if (valid != why.empty())
            misses << cells[0] << (valid ? " refused: " + why : " accepted") << '\n';
    }
    std::printf("accepted %d of %d valid, refused %d of %d invalid\n%s", accepted, valid_cases,
                refused, invalid_cases, misses.str().c_str());
    EXPECT_EQ(accepted, valid_cases) << misses.str();
    EXPECT_GE(refused, 32);
}

}  // namespace
}  // namespace carestream::fhir
