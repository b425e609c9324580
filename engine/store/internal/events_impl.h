#pragma once
// Events with their bodies, on one session.
#include <memory>

#include "store/events.h"
#include "store/internal/body_codec.h"
#include "store/internal/writer_impl.h"

namespace carestream::store {

// `parts` outlive it.
[[nodiscard]] std::unique_ptr<Events> MakeEvents(const ResourceParts& parts,
                                                 std::shared_ptr<const BodyCodec> codec);

}  // namespace carestream::store
