// Any YAML may come from an operator: compiling it as a segment map, and running what compiles,
// never crashes and keeps the promises of the loss report.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "base/assert.h"
#include "mapping/program.h"

namespace {

using namespace carestream;
namespace fs = std::filesystem;

struct Fixed {
    std::shared_ptr<const fhir::Definitions> definitions;
    std::shared_ptr<const hl7::Dictionary> dictionary;
    fs::path folder;

    Fixed() {
        const fs::path root = CARESTREAM_SOURCE_DIR;
        definitions = fhir::Definitions::Load(root / "schemas/fhir/r4").value();
        dictionary = hl7::Dictionary::Load(root / "schemas/hl7").value();
        folder = fs::temp_directory_path() / ("carestream-fuzz-" + std::to_string(::getpid()));
        for (const char* name : {"messages", "segments", "datatypes", "tables", "identity"}) {
            fs::create_directories(folder / name);
        }
        Write("messages/ADT_A01.yaml",
              "message: ADT_A01\nevents: [ADT^A01]\ntree:\n  - MSH\n"
              "  - PID: {make: Patient#pat, with: PID.Patient}\n");
        Write("datatypes/CX.Identifier.yaml",
              "map: CX -> Identifier\nrules: [{at: CX.1, to: value}]\n");
        Write("tables/Sex.yaml", "table: Sex\ncodes: {F: female, M: male}\n");
        Write("identity/Patient.yaml", "identity: Patient\nkeys: [{identifier: any}, local]\n");
    }
    ~Fixed() { fs::remove_all(folder); }

    void Write(const char* name, const std::string& text) const {
        std::ofstream(folder / name, std::ios::binary) << text;
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    static const Fixed fixed;
    if (size > 16384) return 0;
    fixed.Write("segments/PID.Patient.yaml",
                std::string(reinterpret_cast<const char*>(data), size));
    const auto compiled =
        mapping::Program::Compile(fixed.folder, fixed.definitions, fixed.dictionary);
    CARESTREAM_ASSERT((compiled.program == nullptr) == !compiled.errors.empty());
    for (const Error& error : compiled.errors) CARESTREAM_ASSERT(!error.message.empty());
    if (compiled.program == nullptr) return 0;
    const auto message = hl7::Message::Parse(
        "MSH|^~\\&|A|B|||20260102||ADT^A01|1|P|2.5.1\r"
        "PID|1|2^^^X|7^^^MAIN&1.2&ISO^MR~8||Roe^Jane~Doe|Ma|19800517|F||A|1 "
        "St^^C|X|5^PRN~6|7|en|M\r");
    const auto mapped = compiled.program->Map(*message, mapping::MapContext());
    CARESTREAM_ASSERT(mapped.report.leaves == hl7::Leaves(*message).size());
    CARESTREAM_ASSERT(mapped.report.mapped.size() + mapped.report.unmapped.size() ==
                      mapped.report.leaves);
    return 0;
}
