#pragma once
// A benchmark has nobody to hand an error to: it prints it and ends.
#include <cstdio>
#include <cstdlib>
#include <type_traits>
#include <utility>

#include "base/result.h"

namespace carestream::bench {

[[noreturn]] inline void GiveUp(const Error& error) {
    std::fprintf(stderr, "%s\n", error.ToString().c_str());
    std::exit(1);
}

template <typename T>
T Must(Result<T> result) {
    if (!result) GiveUp(result.error());
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace carestream::bench
