// Goal: each method and path is one interaction, or is refused with the right status. Method: a
// table over the real definitions.
#include "rest/internal/route.h"

#include <gtest/gtest.h>

namespace carestream::rest {
namespace {

const fhir::Definitions& Definitions() {
    static const auto definitions =
        fhir::Definitions::Load(std::string(CARESTREAM_SOURCE_DIR) + "/schemas/fhir/r4").value();
    return *definitions;
}

struct Row {
    std::string_view method;
    std::string_view path;
    Interaction interaction;
    int status;
    std::string_view type = {};
    std::string_view id = {};
    std::string_view extra = {};  // version, compartment id or operation
};

TEST(Route, Table) {
    using I = Interaction;
    const Row rows[] = {
        {"GET", "/", I::kIndexPage, 0},
        {"POST", "/", I::kRefused, 405},
        {"GET", "/nothing", I::kRefused, 404},
        {"GET", "/fhir", I::kRefused, 404},
        {"GET", "/fhir/r5/Patient", I::kRefused, 404},
        {"GET", "/fhir/r4", I::kRefused, 501},
        {"POST", "/fhir/r4/", I::kRefused, 501},
        {"PUT", "/fhir/r4", I::kRefused, 405},
        {"GET", "/fhir/r4/metadata", I::kMetadata, 0},
        {"HEAD", "/fhir/r4/metadata", I::kMetadata, 0},
        {"OPTIONS", "/fhir/r4/metadata", I::kOptions, 0},
        {"PUT", "/fhir/r4/metadata", I::kRefused, 405},
        {"GET", "/fhir/r4/Patient", I::kSearch, 0, "Patient"},
        {"GET", "/fhir/r4/Patient/", I::kSearch, 0, "Patient"},
        {"POST", "/fhir/r4/Patient", I::kCreate, 0, "Patient"},
        {"PUT", "/fhir/r4/Patient", I::kRefused, 501},
        {"PATCH", "/fhir/r4/Patient", I::kRefused, 501},
        {"DELETE", "/fhir/r4/Patient", I::kRefused, 501},
        {"POST", "/fhir/r4/Patient/_search", I::kSearch, 0, "Patient"},
        {"GET", "/fhir/r4/Patient/_search", I::kRefused, 405},
        {"GET", "/fhir/r4/Patient/_history", I::kRefused, 501},
        {"GET", "/fhir/r4/_history", I::kRefused, 501},
        {"GET", "/fhir/r4/patient", I::kRefused, 404},
        {"GET", "/fhir/r4/Resource/1", I::kRefused, 404},
        {"GET", "/fhir/r4/HumanName/1", I::kRefused, 404},
        {"GET", "/fhir/r4/Patient/a-B.9", I::kRead, 0, "Patient", "a-B.9"},
        {"HEAD", "/fhir/r4/Patient/1", I::kRead, 0, "Patient", "1"},
        {"GET", "/fhir/r4/Pat%69ent/1", I::kRead, 0, "Patient", "1"},
        {"PUT", "/fhir/r4/Patient/1", I::kUpdate, 0, "Patient", "1"},
        {"DELETE", "/fhir/r4/Patient/1", I::kDelete, 0, "Patient", "1"},
        {"PATCH", "/fhir/r4/Patient/1", I::kPatch, 0, "Patient", "1"},
        {"PATCH", "/fhir/r4/Patient/a_b", I::kRefused, 400},
        {"PATCH", "/fhir/r4/Binary/1", I::kRefused, 405},
        {"PATCH", "/fhir/r4/AuditEvent/1", I::kRefused, 405},
        {"POST", "/fhir/r4/Patient/1", I::kRefused, 405},
        {"GET", "/fhir/r4/Patient/a_b", I::kRefused, 404},
        {"PUT", "/fhir/r4/Patient/a_b", I::kRefused, 400},
        {"GET", "/fhir/r4/Patient/a%2Fb", I::kRefused, 404},
        {"GET", "/fhir/r4/Patient/%zz", I::kRefused, 404},
        {"GET", "/fhir/r4/Patient//1", I::kRefused, 404},
        {"GET", "/fhir/r4/../r4/Patient", I::kRefused, 404},
        {"GET", "/fhir/r4/Patient/1/_history", I::kHistory, 0, "Patient", "1"},
        {"POST", "/fhir/r4/Patient/1/_history", I::kRefused, 405},
        {"GET", "/fhir/r4/Patient/1/_history/3", I::kVread, 0, "Patient", "1", "3"},
        {"PUT", "/fhir/r4/Patient/1/_history/3", I::kRefused, 405},
        {"GET", "/fhir/r4/Patient/1/_history/3/4", I::kRefused, 404},
        {"GET", "/fhir/r4/Patient/1/Observation", I::kSearch, 0, "Observation", "", "1"},
        {"POST", "/fhir/r4/Patient/1/Observation/_search", I::kSearch, 0, "Observation", "", "1"},
        {"POST", "/fhir/r4/Patient/1/Observation", I::kRefused, 405},
        {"GET", "/fhir/r4/Patient/1/Location", I::kRefused, 404},
        {"GET", "/fhir/r4/Patient/1/Nothing", I::kRefused, 404},
        {"GET", "/fhir/r4/Patient/1/*", I::kRefused, 501},
        {"GET", "/fhir/r4/Encounter/1/Observation", I::kRefused, 404},
        {"POST", "/fhir/r4/$op", I::kOperation, 0, "", "", "op"},
        {"GET", "/fhir/r4/Patient/$match", I::kOperation, 0, "Patient", "", "match"},
        {"GET", "/fhir/r4/Patient/1/$everything", I::kOperation, 0, "Patient", "1", "everything"},
        {"PUT", "/fhir/r4/Patient/1/$everything", I::kRefused, 405},
        {"GET", "/fhir/r4/Patient/1/$everything/x", I::kRefused, 404},
        {"BREW", "/fhir/r4/Patient/1", I::kRefused, 405},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(std::string(row.method) + " " + std::string(row.path));
        const Route route = ParseRoute(Definitions(), row.method, row.path);
        EXPECT_EQ(route.interaction, row.interaction);
        EXPECT_EQ(route.status, row.status);
        if (row.interaction == I::kRefused) {
            EXPECT_FALSE(route.text.empty());
            EXPECT_FALSE(route.code.empty());
            if (row.status == 405) {
                EXPECT_FALSE(route.allow.empty());
            }
            continue;
        }
        EXPECT_EQ(route.type, row.type);
        EXPECT_EQ(route.id, row.id);
        EXPECT_EQ(route.version + route.compartment_id + route.operation, row.extra);
    }
}

TEST(Route, UnknownTypesNameTheNearest) {
    const Route route = ParseRoute(Definitions(), "GET", "/fhir/r4/Observations");
    EXPECT_NE(route.text.find("'Observation'"), std::string::npos) << route.text;
}

TEST(Route, TemplatesHoldNoIds) {
    EXPECT_EQ(ParseRoute(Definitions(), "GET", "/fhir/r4/Patient/secret").path_template,
              "/fhir/r4/{type}/{id}");
    EXPECT_EQ(ParseRoute(Definitions(), "GET", "/fhir/r4/secret/1").path_template,
              "/fhir/r4/{type}");
    EXPECT_EQ(ParseRoute(Definitions(), "GET", "/secret").path_template, "unknown");
}

TEST(Route, ResourceIds) {
    EXPECT_TRUE(IsResourceId("A-z.9"));
    EXPECT_TRUE(IsResourceId(std::string(64, 'x')));
    EXPECT_FALSE(IsResourceId(std::string(65, 'x')));
    EXPECT_FALSE(IsResourceId(""));
    EXPECT_FALSE(IsResourceId("a_b"));
    EXPECT_FALSE(IsResourceId("\xc3\xa9"));
}

}  // namespace
}  // namespace carestream::rest
