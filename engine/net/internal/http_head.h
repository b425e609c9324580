#pragma once
// Text of response heads and the small header grammars. Pure.
#include <cstddef>
#include <string>
#include <string_view>

#include "net/http.h"

namespace carestream::net {

[[nodiscard]] std::string_view ReasonPhrase(int status);

struct HeadOptions {
    std::string_view date;
    std::size_t content_bytes = 0;
    bool keep_alive = true;
    bool http_1_0 = false;
    bool gzip = false;  // the body is compressed
    bool vary = false;  // it might have been
};

// Status line and headers with the empty line. Line ends inside values become spaces.
void AppendHead(const Response& response, const HeadOptions& options, std::string& out);

// Does an Accept-Encoding value allow gzip (q > 0, or through '*')?
[[nodiscard]] bool AcceptsGzip(std::string_view accept_encoding);

// Is the answer worth compressing: text, JSON, XML, and not encoded yet?
[[nodiscard]] bool Compressible(const Response& response);

// 204, 304 and 1xx carry no body.
[[nodiscard]] bool HasBody(int status);

[[nodiscard]] bool EqualsIgnoringCase(std::string_view a, std::string_view b);

}  // namespace carestream::net
