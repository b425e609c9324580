#include "base/result.h"

namespace carestream {

std::string_view ToString(Code code) {
    switch (code) {
        case Code::kInvalid: return "invalid";
        case Code::kNotFound: return "not-found";
        case Code::kGone: return "gone";
        case Code::kConflict: return "conflict";
        case Code::kPreconditionFailed: return "precondition-failed";
        case Code::kLimit: return "limit";
        case Code::kUnsupported: return "unsupported";
        case Code::kDenied: return "denied";
        case Code::kUnavailable: return "unavailable";
        case Code::kInternal: return "internal";
    }
    return "internal";
}

std::string Error::ToString() const {
    std::string text;
    if (!position.file.empty()) {
        text += position.file;
        if (position.line > 0) {
            text += ":" + std::to_string(position.line) + ":" + std::to_string(position.column);
        }
        text += ": ";
    }
    if (!path.empty()) text += path + ": ";
    return text + message;
}

}  // namespace carestream
