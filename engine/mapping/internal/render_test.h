#pragma once
// A test of a message that is made: resources in, fields out.
#include "config/yaml.h"
#include "mapping/test_runner.h"

namespace carestream::mapping::internal {

[[nodiscard]] TestCase RunRenderTest(const TestSubject& subject, const config::Yaml& yaml);

}  // namespace carestream::mapping::internal
