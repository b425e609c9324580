// What goes back to an EHR is made of resources and YAML that come from outside: any JSON that the
// shipped maps read, and any text as an outbound map, ends with a message that can be read and has
// the segments of the maps alone, or with an error.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "base/assert.h"
#include "fhir/json.h"
#include "mapping/program.h"

namespace {

using namespace carestream;
namespace fs = std::filesystem;

struct Fixed {
    std::shared_ptr<const fhir::Definitions> definitions;
    std::shared_ptr<const hl7::Dictionary> dictionary;
    std::shared_ptr<const mapping::Program> shipped;
    fs::path folder;
    fhir::Node patient;

    Fixed() {
        const fs::path root = CARESTREAM_SOURCE_DIR;
        definitions = fhir::Definitions::Load(root / "schemas/fhir/r4").value();
        dictionary = hl7::Dictionary::Load(root / "schemas/hl7").value();
        shipped = mapping::Program::Compile(root / "mappings", definitions, dictionary).program;
        folder = fs::temp_directory_path() / ("carestream-render-" + std::to_string(::getpid()));
        for (const char* name : {"messages", "tables", "outbound/messages", "outbound/segments",
                                 "outbound/datatypes"}) {
            fs::create_directories(folder / name);
        }
        Write("messages/ADT_A01.yaml", "message: ADT_A01\nevents: [ADT^A01]\ntree: [MSH]\n");
        Write("outbound/messages/Patient.ADT_A05.yaml",
              "message: Patient -> ADT_A05\nevents: [ADT^A31]\ntree: [PID: {with: Patient.PID}]\n");
        Write("outbound/datatypes/Identifier.CX.yaml",
              "map: Identifier -> CX\nrules: [{at: value, to: CX.1}, {at: system, to: CX.4, as: "
              "authority}]\n");
        Write("tables/Sex.yaml", "table: Sex\ncodes: {F: female, M: male}\n");
        patient = fhir::ParseJson(
                      R"({"resourceType":"Patient","id":"1","gender":"female","birthDate":"1980",
                          "identifier":[{"value":"1|^~\\&","system":"urn:oid:1.2"}],
                          "name":[{"family":"R\rPID|2","given":["J","A"]}]})")
                      .value();
    }
    ~Fixed() { fs::remove_all(folder); }

    void Write(const char* name, const std::string& text) const {
        std::ofstream(folder / name, std::ios::binary) << text;
    }
};

void Render(const mapping::Program& program, const fhir::Node& resource) {
    mapping::RenderRequest request;
    request.focus = &resource;
    request.control_id = "1";
    request.resolve = [&](std::string_view) { return &resource; };
    mapping::Destination destination;
    destination.charset = "8859/1";
    destination.lengths = {{"PID-5.1", 3}};
    for (const std::string& event : program.OutboundEvents(resource.TextOf("resourceType"))) {
        request.event = event;
        const auto rendered = program.Render(request, destination);
        if (!rendered) {
            CARESTREAM_ASSERT(!rendered.error().message.empty());
            continue;
        }
        const auto message = hl7::Message::Parse(rendered->bytes);
        CARESTREAM_ASSERT(message.has_value());
        CARESTREAM_ASSERT(message->OccurrenceCount("MSH") == 1);
        CARESTREAM_ASSERT(message->OccurrenceCount(hl7::kUnknownSegment) == 0);
        CARESTREAM_ASSERT(message->notes().empty());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    static const Fixed fixed;
    if (size == 0 || size > 16384) return 0;
    const std::string text(reinterpret_cast<const char*>(data), size);
    if (data[0] == '{') {
        const auto resource = fhir::ParseJson(text);
        if (resource && resource->IsObject()) Render(*fixed.shipped, *resource);
        return 0;
    }
    fixed.Write("outbound/segments/Patient.PID.yaml", text);
    const auto compiled =
        mapping::Program::Compile(fixed.folder, fixed.definitions, fixed.dictionary);
    CARESTREAM_ASSERT((compiled.program == nullptr) == !compiled.errors.empty());
    if (compiled.program != nullptr) Render(*compiled.program, fixed.patient);
    return 0;
}
