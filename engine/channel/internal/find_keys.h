#pragma once
// Under which words an operator finds a message.
#include <vector>

#include "hl7/message.h"
#include "store/writer.h"

namespace carestream::channel {

// control = MSH-10; patient = PID-3.1 and MRG-1.1, all repetitions; visit = PV1-19.1; order =
// ORC-2.1, ORC-3.1, OBR-2.1, OBR-3.1 of all segments. Each value once.
[[nodiscard]] std::vector<store::FindKey> FindKeysOf(const hl7::Message& message);

}  // namespace carestream::channel
