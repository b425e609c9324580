// Goal: what the maps carry both ways comes back as it was: v2 -> FHIR -> v2. Method: messages with
// a random choice of fields and values; each field that was valued is compared.
#include <random>

#include "hl7/path.h"
#include "support.h"

namespace carestream::mapping {
namespace {

using Values = std::vector<std::string>;

struct Field {
    std::string path;  // "PID-3"
    Values values;
    bool always = false;
};

struct Trip {
    const char* name;
    std::string msh_9;
    std::string event;  // of the way back
    std::string about;  // resource type
    std::vector<Field> fields;
};

const Values kNumbers = {"P1^APP", "7^^1.2.3^ISO", "A-9^LAB"};

const Values kCode = {"CHK^Check-up^LN", "1^Text^99LOCAL", "X^Y^HL70001"};
const Values kMoments = {"20260102030405+0000", "20260102030405.123+0000", "20260102"};
const Values kInstants = {"20260102030405+0000", "20260102030405.123+0000"};  // R4 has no less here
const Values kDoctors = {"77^Doe^Max^^^Dr^^^NPI", "5^Roe^Ann^B"};

std::vector<Field> Patient() {
    return {
        {"PID-3", {"100^^^MAIN^MR", "007^^^&1.2.3&ISO^MR~9^^^OTHER^PI", "1\\S\\2^^^MAIN^MR"}, true},
        {"PID-5",
         {"Roe^Jane^^^^^L", "Doe^Max^B^Jr^Dr^^L", "M\\T\\M^\\E\\^^^^^N", "A^B^^^^^L~C^D^^^^^M"}},
        {"PID-7", {"19800102", "1980", "198005", "19800102030405+0000"}},
        {"PID-8", {"F", "M", "O", "U"}},
        {"PID-11", {"Way 1^Back^Town^ST^12345^USA^H^^County", "Road 2^^City~Way 3^^Town^^^^B"}},
        {"PID-13",
         {"555-1^PRN^PH", "555-2^^CP", "^NET^Internet^a@example.org", "1^PRN^PH~2^PRN^FX"}},
        {"PID-14", {"555-9^WPN^PH"}},
        {"PID-16", {"M", "S", "D"}},
        {"PID-25", {"2"}},
        {"PID-30", {"Y", "N"}}};
}

std::vector<Field> With(std::vector<Field> fields, std::vector<Field> more) {
    fields.insert(fields.end(), more.begin(), more.end());
    return fields;
}

const std::vector<Trip>& Trips() {
    static const std::vector<Trip> trips = {
        {"siu", "SIU^S12^SIU_S12", "SIU^S12", "Appointment",
         With({{"SCH-1", kNumbers, true},
               {"SCH-2", kNumbers},
               {"SCH-7", kCode},
               {"SCH-8", kCode},
               {"SCH-9", {"30"}},
               {"SCH-11.4", kInstants, true},
               {"SCH-11.5", kInstants},
               {"SCH-25", {"Booked", "Pending", "Started", "Complete", "Noshow", "Waitlist"}},
               {"NTE-3", {"bring films", "two\\.br\\lines"}}},
              With(Patient(), {{"RGS-1", {"1"}, true},
                               {"AIS-3", kCode},
                               {"AIL-3.1", {"ROOM 5", "WARD"}},
                               {"AIP-3", kDoctors}}))},
        {"patient", "ADT^A31^ADT_A05", "ADT^A31", "Patient", Patient()},
        {"report", "ORU^R01^ORU_R01", "ORU^R01", "DiagnosticReport",
         With(Patient(), {{"OBR-2", kNumbers},
                          {"OBR-3", kNumbers, true},
                          {"OBR-4", kCode, true},
                          {"OBR-7", kMoments},
                          {"OBR-22", {"20260102030405+0000"}},
                          {"OBR-24", {"CH", "HM"}},
                          {"OBR-25", {"F", "P", "C", "X"}, true},
                          {"OBX-2", {"NM"}, true},
                          {"OBX-3", kCode, true},
                          {"OBX-5", {"1.50", "-7", "120"}, true},
                          {"OBX-6", {"mg/dL", "mm[Hg]^mmHg^UCUM"}},
                          {"OBX-7", {"3.5-4.5", "< 5"}},
                          {"OBX-8", {"H", "L~A"}},
                          {"OBX-11", {"F", "P", "C"}, true},
                          {"OBX-14", kMoments},
                          {"OBX-16", kDoctors}})},
        {"text", "ORU^R01^ORU_R01", "ORU^R01", "DiagnosticReport",
         With(Patient(),
              {{"OBR-3", kNumbers, true},
               {"OBR-4", kCode, true},
               {"OBR-25", {"F"}, true},
               {"OBX-2", {"TX"}, true},
               {"OBX-3", kCode, true},
               {"OBX-5", {"plain", "two\\.br\\lines", "a\\F\\b\\S\\c\\R\\d\\E\\e\\T\\f"}, true},
               {"OBX-11", {"F"}, true},
               {"NTE-3", {"a note"}}})},
        {"document", "MDM^T02^MDM_T02", "MDM^T02", "DocumentReference",
         With(Patient(), {{"TXA-2", kCode, true},
                          {"TXA-4", kMoments},
                          {"TXA-6", {"20260102030405+0000"}},
                          {"TXA-9", kDoctors},
                          {"TXA-12", kNumbers, true},
                          {"TXA-17", {"AU"}, true},
                          {"TXA-18", {"R", "V"}},
                          {"TXA-19", {"AV", "OB", "CA"}, true},
                          {"TXA-25", {"Letter"}},
                          {"OBX-2", {"ED"}, true},
                          {"OBX-5", {"^application^pdf^Base64^JVBERg=="}, true},
                          {"OBX-11", {"F"}, true}})},
        {"order", "OML^O21^OML_O21", "OML^O21", "ServiceRequest",
         With(Patient(), {{"ORC-1", {"NW"}, true},
                          {"ORC-2", kNumbers, true},
                          {"ORC-3", kNumbers},
                          {"ORC-9", kMoments},
                          {"ORC-12", kDoctors},
                          {"OBR-4", kCode, true},
                          {"OBR-31", kCode},
                          {"NTE-3", {"a note"}}})}};
    return trips;
}

void PrintTo(const Trip& trip, std::ostream* out) {
    *out << trip.name;
}

class RoundTrip : public testing::TestWithParam<Trip> {};

// The message, and what was chosen for it.
std::string Choose(const Trip& trip, std::mt19937& random,
                   std::map<std::string, std::string>& chosen) {
    std::string text =
        "MSH|^~\\&|A|B|C|D|20260102||" + trip.msh_9 + "|1|P|2.5.1||||||UNICODE UTF-8\n";
    std::map<std::string, std::map<int, std::map<int, std::string>>> segments;
    std::vector<std::string> order;
    for (const Field& field : trip.fields) {
        const auto path = hl7::ParsePath(field.path).value();
        if (segments.count(path.segment) == 0) order.push_back(path.segment);
        auto& fields = segments[path.segment];
        if (!field.always && random() % 3 == 0) continue;
        const std::string& value = field.values[random() % field.values.size()];
        chosen[field.path] = value;
        fields[path.field][std::max(path.component, 1)] = value;
    }
    if (chosen.count("SCH-9") != 0) segments["SCH"][10][1] = "min";
    for (const std::string& id : order) {
        if (segments[id].empty()) continue;
        text += id;
        for (int field = 1; field <= segments[id].rbegin()->first; ++field) {
            text += "|";
            const auto& components = segments[id][field];
            if (components.empty()) continue;
            for (int component = 1; component <= components.rbegin()->first; ++component) {
                const auto found = components.find(component);
                text +=
                    (component > 1 ? "^" : "") + (found == components.end() ? "" : found->second);
            }
        }
        text += "\n";
    }
    return text;
}

TEST_P(RoundTrip, GivesBackWhatWasSent) {
    const Trip& trip = GetParam();
    const char* more = std::getenv("CARESTREAM_PROPERTY_ROUNDS");
    const int rounds = more == nullptr ? 60 : std::atoi(more);
    MapContext context = TestContext();
    context.time_zone = "UTC";
    context.assigning_authority = "";
    for (int round = 0; round < rounds; ++round) {
        std::mt19937 random(static_cast<unsigned>(round));
        std::map<std::string, std::string> chosen;
        const std::string text = Choose(trip, random, chosen);
        const hl7::Message sent = Parse(text);
        const Mapped mapped = Shipped().Map(sent, context);
        ASSERT_EQ(mapped.status, MapStatus::kMapped) << mapped.path << mapped.reason << "\n"
                                                     << text;
        const fhir::Node bundle = ToBundle(mapped.changes);
        const ResourceSet resources(bundle);
        RenderRequest request;
        request.event = trip.event;
        for (const fhir::Node* resource : resources.all()) {
            if (resource->TextOf("resourceType") == trip.about) request.focus = resource;
        }
        ASSERT_NE(request.focus, nullptr) << text;
        request.resolve = [&](std::string_view name) { return resources.Find(name); };
        request.control_id = "1";
        const auto rendered = Shipped().Render(request, {});
        ASSERT_TRUE(rendered) << rendered.error().ToString() << "\n" << text;
        const hl7::Message back = Parse(rendered->bytes);
        for (const auto& [path, value] : chosen) {
            hl7::Path whole = hl7::ParsePath(path).value();
            whole.repetition = hl7::kAny;
            std::string got;
            for (const std::string_view piece : hl7::Resolve(back, whole)) {
                got += (got.empty() ? "" : "~") + std::string(piece);
            }
            EXPECT_EQ(got, value) << path << "\n" << text << rendered->bytes;
        }
        if (HasFailure()) return;
    }
}

INSTANTIATE_TEST_SUITE_P(Trips, RoundTrip, testing::ValuesIn(Trips()),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace carestream::mapping
