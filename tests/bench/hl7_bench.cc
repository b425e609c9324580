// How fast HL7 v2 is read: index, header, decode, leaves, ACK. One core; the messages are
// synthetic.
#include <benchmark/benchmark.h>

#include <string>

#include "hl7/ack.h"
#include "hl7/encoder.h"
#include "hl7/header.h"
#include "hl7/internal/scan.h"
#include "hl7/message.h"
#include "hl7/mllp.h"

namespace {

using namespace carestream;
using namespace carestream::hl7;

// An admission of 1.2 KB, as an EHR sends it.
std::string Admission(const std::string& charset = "", const std::string& family = "Testmann") {
    return "MSH|^~\\&|EHR|MAIN|CARESTREAM|MAIN|20260105083012.123-0500||ADT^A01^ADT_A01|"
           "MSG00000042|P|2.5.1|||AL|NE|USA|" +
           charset +
           "\r"
           "EVN|A01|20260105083011|||OP17^Clerk^Carla^^^^^^MAIN|20260105083000\r"
           "PID|1||100042^^^MAIN^MR~999-99-0042^^^SSA^SS~D0042^^^DMV^DL||" +
           family +
           "^Erika^Maria^^Mrs.^^L~Muster^Erika^^^^^M||19640812|F||2106-3^White^HL70005|12 Test "
           "Street^Apt 4^Springfield^IL^62701^USA^H~PO Box 7^^Springfield^IL^62705^USA^M||"
           "+1-217-555-0142^PRN^PH^^1^217^5550142~erika@example.org^NET^Internet|"
           "+1-217-555-0143^WPN^PH|eng^English^ISO6392|M^Married^HL70002|CAT|V0042^^^MAIN^VN|"
           "999-99-0042|||N||||||||N\r"
           "PD1|||MAIN CLINIC^^10001|1234^Familydoc^Frank^^^Dr.^^^NPI||||||||N\r"
           "NK1|1|Testmann^Otto^^^Mr.|SPO^Spouse^HL70063|12 Test Street^Apt 4^Springfield^IL^62701|"
           "+1-217-555-0144^PRN^PH|||20260105\r"
           "PV1|1|I|4WEST^412^A^MAIN^^^^4|E|||1234^Attending^Anna^^^Dr.^^^NPI|5678^Refer^Rolf^^^Dr."
           "^^^NPI|9012^Consult^Carl^^^Dr.|MED||||7|A0||1234^Attending^Anna^^^Dr.|INP|V0042^^^MAIN^"
           "VN"
           "|BC|||||||||||||||||||||MAIN|||||20260105083000\r"
           "AL1|1|DA|70618^Penicillin^RXNORM|SV|Hives|20100101\r"
           "DG1|1|ICD10|I21.9^Acute myocardial infarction^I10|AMI|20260105083000|A\r";
}

std::string Results(int observations) {
    std::string bytes =
        "MSH|^~\\&|LAB|MAIN|CARESTREAM|MAIN|20260105083012||ORU^R01^ORU_R01|1|P|2.5.1\r"
        "PID|1||100042^^^MAIN^MR||Testmann^Erika\r"
        "OBR|1|ORD1|FIL1|24323-8^Comprehensive metabolic panel^LN|||20260105080000\r";
    for (int i = 1; i <= observations; ++i) {
        bytes += "OBX|" + std::to_string(i) +
                 "|NM|2345-7^Glucose [Mass/volume] in Serum^LN||98|mg/dL^^UCUM|70-99|N|||F|||"
                 "20260105080000\r";
    }
    return bytes;
}

void Parse(benchmark::State& state, const std::string& bytes) {
    for (auto _ : state) {
        auto message = Message::Parse(bytes);  // with the copy that a listener does not make
        benchmark::DoNotOptimize(message);
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * bytes.size()));
    state.counters["message_bytes"] = static_cast<double>(bytes.size());
}

void ParseMoved(benchmark::State& state, const std::string& bytes) {
    constexpr int kBatch = 1000;
    for (auto _ : state) {
        state.PauseTiming();
        std::vector<std::string> copies(kBatch, bytes);
        state.ResumeTiming();
        for (std::string& copy : copies) {
            auto message = Message::Parse(std::move(copy));
            benchmark::DoNotOptimize(message);
        }
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * bytes.size()) * kBatch);
}

using Pass = void (*)(std::string_view, std::size_t, std::size_t, char, char, internal::Scan&);

void ScanOnly(benchmark::State& state, const std::string& bytes, Pass pass) {
    for (auto _ : state) {
        internal::Scan scan;
        pass(bytes, 9, bytes.size(), '|', '\\', scan);
        benchmark::DoNotOptimize(scan.fields.data());
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * bytes.size()));
}

void Header(benchmark::State& state, const std::string& bytes) {
    for (auto _ : state) benchmark::DoNotOptimize(ScanHeader(bytes));
}

void Ack(benchmark::State& state, const std::string& bytes) {
    const auto header = ScanHeader(bytes);
    for (auto _ : state) {
        benchmark::DoNotOptimize(BuildAck(*header, AckCode::kAA, "4711", 1764014828123456));
    }
}

void AllLeaves(benchmark::State& state, const std::string& bytes) {
    const auto message = Message::Parse(bytes);
    std::size_t count = 0;
    for (auto _ : state) {
        const auto leaves = Leaves(*message);
        count = leaves.size();
        benchmark::DoNotOptimize(leaves.data());
    }
    state.counters["leaves"] = static_cast<double>(count);
}

void DecodeName(benchmark::State& state, const std::string& bytes) {
    const auto message = Message::Parse(bytes);
    const auto name = message->Component(message->Repetition(2, 5, 1), 1);
    for (auto _ : state) benchmark::DoNotOptimize(message->Decode(name));
}

void Frame(benchmark::State& state, const std::string& bytes) {
    const std::string frame = FrameMllp(bytes);
    MllpDecoder decoder({});
    for (auto _ : state) {
        if (!decoder.Feed(frame)) state.SkipWithError("refused");
        benchmark::DoNotOptimize(decoder.Next());
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * frame.size()));
}

BENCHMARK_CAPTURE(ParseMoved, adt, Admission());
BENCHMARK_CAPTURE(ParseMoved, adt_unknown_charset, Admission("KLINGON"));
BENCHMARK_CAPTURE(ParseMoved, adt_latin2, Admission("8859/2", "M\xFCller"));
BENCHMARK_CAPTURE(ParseMoved, adt_utf8, Admission("UNICODE UTF-8", "M\xC3\xBCller"));
BENCHMARK_CAPTURE(Parse, adt, Admission());
BENCHMARK_CAPTURE(Parse, oru_10, Results(10));
BENCHMARK_CAPTURE(Parse, oru_10000, Results(10000));
BENCHMARK_CAPTURE(ScanOnly, sse2, Admission(), &internal::ScanBytes);
BENCHMARK_CAPTURE(ScanOnly, table, Admission(), &internal::ScanBytesScalar);
BENCHMARK_CAPTURE(Header, adt, Admission());
BENCHMARK_CAPTURE(Ack, adt, Admission());
BENCHMARK_CAPTURE(AllLeaves, adt, Admission());
BENCHMARK_CAPTURE(DecodeName, ascii, Admission());
BENCHMARK_CAPTURE(DecodeName, utf8, Admission("UNICODE UTF-8", "M\xC3\xBCller"));
BENCHMARK_CAPTURE(DecodeName, latin1, Admission("8859/1", "M\xFCller"));
BENCHMARK_CAPTURE(DecodeName, latin2, Admission("8859/2", "M\xFCller"));
BENCHMARK_CAPTURE(DecodeName, gb18030, Admission("GB 18030-2000", "\xD6\xD0\xCE\xC4"));
BENCHMARK_CAPTURE(Frame, adt, Admission());

}  // namespace

BENCHMARK_MAIN();
