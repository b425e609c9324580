// Goal: what a sequence of messages does to stored data does not depend on the order in which they
// arrive (`order_by: MSH-7`). Method: every permutation of each sequence, each for a person of its
// own, through a real socket, the shipped maps and PostgreSQL; the end state is compared with that
// of the messages in order, byte for byte but for ids.
#include <algorithm>
#include <future>
#include <numeric>
#include <regex>

#include "fhir/json.h"
#include "search/query.h"
#include "tests/component/channel/feed_fixture.h"

namespace carestream::test {
namespace {

struct Message {
    std::string event;     // "ADT^A01"
    std::string segments;  // '@' stands for the number of the person, '\n' between segments
};

struct Sequence {
    const char* name;
    std::vector<Message> messages;  // in order
    // What must be in the end state, found as text.
    std::vector<std::string> expected;
    std::string channel = {};  // further settings
};

void PrintTo(const Sequence& sequence, std::ostream* out) {
    *out << sequence.name;
}

const std::string kPid = "PID|1||@^^^MAIN^MR||Roe^Jane||19800102|F\n";
const std::string kVisit = "PV1|1|I|W^1^1^MAIN||||||||||||||||V@^^^MAIN^VN";

std::string Allergy(int number, const std::string& code) {
    return "AL1|" + std::to_string(number) + "||" + code + "^x^L\n";
}
std::string Result(const std::string& status, const std::string& rest) {
    return kPid + "OBR|1||F@^LAB|CBC^Count^L|||20260101||||||||||||||||||" + status + "\n" + rest;
}
std::string Obx(const std::string& code, const std::string& value, const std::string& status) {
    return "OBX|1|NM|" + code + "^x^L||" + value + "|g|||||" + status + "\n";
}
std::string Appointment(const std::string& start, const std::string& status) {
    return "SCH|P@^APP|F@^EHR|||||||||^^^" + start + "|||||||||||||||" + status + "\n" + kPid;
}
std::string Document(const std::string& number, const std::string& parent,
                     const std::string& text) {
    return kPid + "TXA|1|DS||20260101||||||||" + number + "@^APP|" + parent +
           "||||AU||AV\nOBX|1|TX|||" + text + "||||||F\n";
}
std::string Order(const std::string& control, const std::string& status) {
    return kPid + "ORC|" + control + "|P@^APP|||" + status + "\nOBR|1|P@^APP||CBC^Count^L\n";
}

const std::vector<Sequence>& Sequences() {
    static const std::vector<Sequence> sequences = {
        {"stay",
         {{"ADT^A05", kPid + kVisit},
          {"ADT^A01", kPid + kVisit + "|||||||||||||||||||||||||20260101080000"},
          {"ADT^A02", kPid + "PV1|1|I|X^2^2^MAIN||||||||||||||||V@^^^MAIN^VN"},
          {"ADT^A08", "PID|1||@^^^MAIN^MR||Roe-Doe^Jane||19800102|F|||New Street^^Town\n" + kVisit},
          {"ADT^A03", kPid + kVisit + "||||||||||||||||||||||||||20260103090000"}},
         {R"("status":"finished")", "New Street", "2026-01-03T09:00:00-05:00"}},
        {"discharge_cancelled",
         {{"ADT^A01", kPid + kVisit},
          {"ADT^A03", kPid + kVisit + "||||||||||||||||||||||||||20260103090000"},
          {"ADT^A13", kPid + kVisit},
          {"ADT^A08", "PID|1||@^^^MAIN^MR||Roe^Jane||19800103|F\n" + kVisit}},
         {R"("status":"in-progress")", "1980-01-03"}},
        {"admission_cancelled",
         {{"ADT^A01", kPid + kVisit}, {"ADT^A08", kPid + kVisit}, {"ADT^A11", kPid + kVisit}},
         {R"("status":"cancelled")"}},
        {"null_removes",
         {{"ADT^A28", "PID|1||@^^^MAIN^MR||Roe^Jane||19800102|F|||Way 1^^Town||555"},
          {"ADT^A31", "PID|1||@^^^MAIN^MR||Roe^Jane||\"\"|F|||||\"\""},
          {"ADT^A31", "PID|1||@^^^MAIN^MR||Roe^Jane|||M"},
          {"ADT^A31", "PID|1||@^^^MAIN^MR||Roe^Jane||||||Way 2^^Town"}},
         {"Way 2", R"("gender":"male")"}},
        {"allergies",
         {{"ADT^A01", kPid + kVisit + "\n" + Allergy(1, "NUT") + Allergy(2, "EGG")},
          {"ADT^A08", kPid + kVisit},
          {"ADT^A08", kPid + kVisit + "\n" + Allergy(1, "NUT")},
          {"ADT^A08", kPid + kVisit + "\n" + Allergy(1, "NUT") + Allergy(2, "MILK")}},
         {"NUT", "EGG", "MILK"}},
        {"next_of_kin",
         {{"ADT^A01", kPid + "NK1|1|Roe^A|MTH\nNK1|2|Roe^B|FTH\nNK1|3|Roe^C|SIS\n" + kVisit},
          {"ADT^A08", kPid + "NK1|1|Roe^D|MTH\nNK1|2|Roe^B|FTH\n" + kVisit},
          {"ADT^A08", kPid + kVisit}},
         {R"("family":"Roe","given":["D"])"}},
        {"merged",
         {{"ADT^A28", kPid},
          {"ADT^A28", "PID|1||9@^^^MAIN^MR||Row^Jane||19800102|F\n"},
          {"ADT^A40", kPid + "MRG|9@^^^MAIN^MR\n"},
          {"ADT^A31", kPid + "PD1||||77^Doe^Max\n"}},
         {R"("type":"replaces")"}},
        {"merged_the_other_way",
         {{"ADT^A28", kPid},
          {"ADT^A28", "PID|1||9@^^^MAIN^MR||Row^Jane||19800102|F\n"},
          {"ADT^A40", kPid + "MRG|9@^^^MAIN^MR\n"},
          {"ADT^A40", "PID|1||9@^^^MAIN^MR||Row^Jane||19800102|F\nMRG|@^^^MAIN^MR\n"}},
         {R"("type":"replaces")"}},
        {"visit_moved",
         {{"ADT^A28", kPid},
          {"ADT^A01", "PID|1||9@^^^MAIN^MR||Row^Jane||19800102|F\n" + kVisit},
          {"ADT^A45", kPid + "MRG|9@^^^MAIN^MR\n" + kVisit},
          {"ADT^A03", kPid + kVisit + "||||||||||||||||||||||||||20260103090000"}},
         {R"("status":"finished")"}},
        {"person_deleted",
         {{"ADT^A28", kPid}, {"ADT^A31", kPid}, {"ADT^A29", kPid}},
         {R"("active":false)"}},
        {"linked_and_unlinked",
         {{"ADT^A28", kPid},
          {"ADT^A24", kPid + "PID|2||9@^^^MAIN^MR||Row^Jane\n"},
          {"ADT^A37", kPid + "PID|2||9@^^^MAIN^MR||Row^Jane\n"}},
         {}},
        {"result",
         {{"ORU^R01", Result("P", Obx("HB", "13.1", "P") + Obx("WBC", "4", "P"))},
          {"ORU^R01", Result("F", Obx("HB", "13.2", "F") + Obx("WBC", "5", "F"))},
          {"ORU^R01", Result("C", Obx("HB", "13.3", "C"))},
          {"ORU^R01", Result("C", Obx("WBC", "", "W"))}},
         {R"("status":"corrected")", "13.3", "entered-in-error"}},
        {"correction_that_lists_all",
         {{"ORU^R01", Result("P", Obx("HB", "13.1", "P") + Obx("WBC", "4", "P"))},
          {"ORU^R01", Result("F", Obx("HB", "13.2", "F") + Obx("WBC", "5", "F"))},
          {"ORU^R01", Result("C", Obx("HB", "13.3", "C"))},
          {"ORU^R01", Result("C", Obx("HB", "13.4", "C") + Obx("PLT", "200", "F"))}},
         {"13.4", "PLT", "entered-in-error"},
         "correction: snapshot\n"},
        {"correction_that_names_some",
         {{"ORU^R01", Result("F", Obx("HB", "13.2", "F") + Obx("WBC", "5", "F"))},
          {"ORU^R01", Result("C", Obx("HB", "13.3", "C"))}},
         {R"("value":5)", R"("status":"final")"}},
        {"result_deleted",
         {{"ORU^R01", Result("P", Obx("HB", "13.1", "P"))},
          {"ORU^R01", Result("F", Obx("HB", "13.2", "F"))},
          {"ORU^R01", Result("C", Obx("HB", "", "D"))}},
         {"entered-in-error"}},
        {"appointment_cancelled",
         {{"SIU^S12", Appointment("20260301090000", "Booked")},
          {"SIU^S13", Appointment("20260302100000", "Booked")},
          {"SIU^S14", Appointment("20260302100000", "") + "RGS|1\nAIL|1|U|ROOM 5\n"},
          {"SIU^S15", Appointment("20260302100000", "Cancelled")}},
         {R"("status":"cancelled")", "2026-03-02T10:00:00-05:00"}},
        {"appointment_missed",
         {{"SIU^S12", Appointment("20260301090000", "Booked")},
          {"SIU^S13", Appointment("20260302100000", "Booked")},
          {"SIU^S26", Appointment("20260302100000", "Noshow")}},
         {R"("status":"noshow")"}},
        {"document",
         {{"MDM^T02", Document("D", "", "first")},
          {"MDM^T06", Document("E", "D@^APP", "addendum")},
          {"MDM^T08", Document("D", "", "edited")},
          {"MDM^T10", Document("G", "D@^APP", "replacement")}},
         {R"("status":"superseded")", "appends", "replaces"}},
        {"order",
         {{"OML^O21", Order("NW", "")},
          {"OML^O21", Order("SC", "IP")},
          {"OML^O21", Order("HD", "HD")},
          {"OML^O21", Order("CA", "CA")}},
         {R"("status":"revoked")"}},
    };
    return sequences;
}

class SequenceTest : public FeedTest, public testing::WithParamInterface<Sequence> {
protected:
    SequenceTest() {
        std::ofstream(channels_ / "feed.yaml")
            << "channel: feed\nsource: {mllp: {listen: \"127.0.0.1:0\"}}\n"
               "time_zone: America/New_York\nassigning_authority: MAIN\norder_by: MSH-7\n"
               "authority_for: [Patient, Encounter]\n"
               "mapping: {messages: [ADT, ORU, SIU, MDM, OML]}\n"
            << GetParam().channel;
    }

    static std::string Text(const Message& message, std::size_t place, int person) {
        const std::string number = std::to_string(1000 + person);
        std::string text = "MSH|^~\\&|EHR|MAIN|||202601050" + std::to_string(place) + "0000||" +
                           message.event + "|" + number + "." + std::to_string(place) +
                           "|P|2.5.1\n" + message.segments;
        for (char& c : text) c = c == '\n' ? '\r' : c;
        for (std::size_t at = text.find('@'); at != std::string::npos; at = text.find('@')) {
            text.replace(at, 1, number);
        }
        return text.back() == '\r' ? text : text + "\r";
    }

    fhir::Node Stored(const std::string& type, const std::string& id) {
        std::promise<carestream::Result<store::StoredVersion>> promise;
        store_->reader().Read(1, type, id,
                              [&](auto stored) { promise.set_value(std::move(stored)); });
        auto stored = promise.get_future().get();
        EXPECT_TRUE(stored) << type;
        return stored && !stored->deleted ? fhir::ParseJson(stored->body).value() : fhir::Node();
    }

    std::string PatientId(const std::string& number) {
        store::SearchRequest request;
        request.query =
            search::ParseQuery(*definitions_, "Patient", {{"identifier", number}}).value();
        std::promise<carestream::Result<store::SearchPage>> promise;
        store_->reader().Search(request, [&](auto page) { promise.set_value(std::move(page)); });
        const auto page = promise.get_future().get();
        if (!page || page->matches.empty()) return {};
        return fhir::ParseJson(page->matches[0].body)->Find("id")->text();
    }

    // All that is stored of one person, a resource a line, without what tells persons apart.
    std::string State(int person) {
        const std::string number = std::to_string(1000 + person);
        std::vector<std::string> lines;
        for (const std::string prefix : {"", "9"}) {
            const std::string id = PatientId(prefix + number);
            if (id.empty()) continue;
            lines.push_back(Plain(Stored("Patient", id), number));
            const std::string list = Scalar(
                "select string_agg(r.type || ' ' || r.id, ',') from resource r join resource p on "
                "r.subject = p.pk where p.id = '" +
                id + "'");
            for (const std::string_view entry : Split(list, ',')) {
                const std::size_t blank = entry.find(' ');
                if (blank == std::string_view::npos) continue;
                const auto type =
                    static_cast<std::size_t>(std::stoi(std::string(entry.substr(0, blank))));
                const std::string name(definitions_->ResourceTypes()[type - 1]);
                // What a message changed does depend on what came before it.
                if (name == "Patient" || name == "Provenance") continue;
                lines.push_back(Plain(Stored(name, std::string(entry.substr(blank + 1))), number));
            }
        }
        std::sort(lines.begin(), lines.end());
        std::string state;
        for (const std::string& line : lines) state += line + "\n";
        return state;
    }

    static std::string Plain(fhir::Node resource, const std::string& number) {
        resource.Remove("id");
        resource.Remove("meta");
        static const std::regex ids("[0-9a-f]{8}-[0-9a-f-]{27}");
        std::string text = std::regex_replace(fhir::ToJson(resource), ids, "*");
        for (std::size_t at = text.find(number); at != std::string::npos; at = text.find(number)) {
            text.replace(at, number.size(), "@");
        }
        return text;
    }
};

TEST_P(SequenceTest, EndsAsInOrderWhateverTheOrderOfArrival) {
    const Sequence& sequence = GetParam();
    Start();
    std::vector<std::size_t> order(sequence.messages.size());
    std::iota(order.begin(), order.end(), 0);
    std::vector<std::vector<std::size_t>> orders;
    std::vector<std::string> texts;
    do {
        for (const std::size_t place : order) {
            texts.push_back(Text(sequence.messages[place], place, static_cast<int>(orders.size())));
        }
        orders.push_back(order);
    } while (std::next_permutation(order.begin(), order.end()));
    ASSERT_EQ(Send(texts).size(), texts.size());
    ASSERT_TRUE(AllProcessed(120'000));
    ASSERT_EQ(Outcomes(1), std::to_string(texts.size())) << Scalar(
        "select string_agg(stage || ' ' || path || ' ' || reason, ', ') from outcome where "
        "status <> 1");
    // What came too late is said, by element; what came in order has nothing to say.
    EXPECT_EQ(Scalar("select count(*) from outcome where seq <= " +
                     std::to_string(sequence.messages.size()) + " and reason <> ''"),
              "0");
    EXPECT_NE(Scalar("select count(*) from outcome where reason like 'superseded by newer "
                     "messages: %'"),
              "0");
    const std::string expected = State(0);
    for (const std::string& part : sequence.expected) {
        EXPECT_NE(expected.find(part), std::string::npos) << part << "\n" << expected;
    }
    for (std::size_t person = 1; person < orders.size(); ++person) {
        ASSERT_EQ(State(static_cast<int>(person)), expected)
            << testing::PrintToString(orders[person]);
    }
}

INSTANTIATE_TEST_SUITE_P(Care, SequenceTest, testing::ValuesIn(Sequences()),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace carestream::test
