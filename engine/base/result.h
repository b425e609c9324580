#pragma once
// The one way to say that something expected went wrong. A bug is not an Error: see assert.h.
#include <cstddef>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace carestream {

enum class Code {
    kInvalid,             // The input is wrong; sending it again changes nothing.
    kNotFound,            // What was named does not exist.
    kGone,                // It existed and was deleted.
    kConflict,            // Another writer or another identity stands against it (409).
    kPreconditionFailed,  // A condition of the caller does not hold (412).
    kLimit,               // A configured limit was reached.
    kUnsupported,         // Understood, and not offered.
    kDenied,              // The caller may not.
    kUnavailable,         // A part that is needed does not answer now.
    kInternal,            // A bug was noticed and contained.
};

// The code's name as used in logs, JSON and metrics: "invalid", "not-found", ...
[[nodiscard]] std::string_view ToString(Code code);

// A place in a file that people edit. Lines and columns start at 1; 0 means unknown.
struct Position {
    std::string file;
    int line = 0;
    int column = 0;
    bool operator==(const Position&) const = default;
};

// `message` names paths and remedies, never values of patients. `path` is an HL7 path ("PID-7.1"),
// a FHIR path ("Patient.birthDate") or a file. `retryable` alone decides retry against dead letter.
struct Error {
    Code code = Code::kInternal;
    std::string message;
    std::string path;
    Position position;
    std::size_t offset_bytes = 0;
    bool retryable = false;

    // "file:line:column: path: message", without the parts that are absent.
    [[nodiscard]] std::string ToString() const;
};

template <typename T>
using Result = tl::expected<T, Error>;

// `return Fail(Code::kInvalid, "not a date (month out of range)", "PID-7");`
[[nodiscard]] inline tl::unexpected<Error> Fail(Code code, std::string message,
                                                std::string path = {}) {
    return tl::make_unexpected(Error{code, std::move(message), std::move(path), {}, 0, false});
}

[[nodiscard]] inline tl::unexpected<Error> FailAt(Position position, std::string message,
                                                  Code code = Code::kInvalid) {
    return tl::make_unexpected(Error{code, std::move(message), {}, std::move(position), 0, false});
}

// For outages: the same call may succeed later.
[[nodiscard]] inline tl::unexpected<Error> FailRetryable(std::string message,
                                                         Code code = Code::kUnavailable) {
    return tl::make_unexpected(Error{code, std::move(message), {}, {}, 0, true});
}

[[nodiscard]] inline tl::unexpected<Error> Fail(Error error) {
    return tl::make_unexpected(std::move(error));
}

}  // namespace carestream

// Leaves the function with the error of `expression`, a Result of any type.
#define CARESTREAM_TRY(expression)                                       \
    do {                                                                 \
        auto carestream_try_result = (expression);                       \
        if (!carestream_try_result) {                                    \
            return ::carestream::Fail(std::move(carestream_try_result).error()); \
        }                                                                \
    } while (false)

// Declares `name` from a Result's value, or leaves the function with its error.
#define CARESTREAM_ASSIGN(name, expression)                                            \
    auto name##_result = (expression);                                                 \
    if (!name##_result) return ::carestream::Fail(std::move(name##_result).error());   \
    auto& name = *name##_result
