#pragma once
// Assertions state what only a bug can break. They stay on in production: the process aborts and
// the journal replays what it had accepted.
namespace carestream {
[[noreturn]] void AssertionFailed(const char* expression, const char* file, int line);
}  // namespace carestream

#define CARESTREAM_ASSERT(expression) \
    ((expression) ? void(0) : ::carestream::AssertionFailed(#expression, __FILE__, __LINE__))
