#pragma once
// The patient page at /app/: HTML, ES modules and a style sheet that are part of the binary. It
// speaks to the FHIR API as any app does; nothing here reads data, and nobody needs a token to get
// these files. Source: CSP Level 3, RFC 9110 13.1.2 (If-None-Match).
#include <string>
#include <vector>

#include "base/result.h"
#include "config/spec.h"
#include "net/http.h"

namespace carestream::page {

struct PageOptions {
    std::string issuer;     // of an OpenID Connect provider: the page reads its discovery document
    std::string client_id;  // a public client there, with the redirect URI https://<host>/app/
    std::string scope;      // what is asked for at the log-in
    std::string title;
    std::string emergency;  // shown at the foot of each view
    // Of the API as browsers know it ("https://fhir.example.org/fhir/r4"); empty: from Host.
    std::string public_url;
    // Where the page may send requests besides this server and the issuer: its token endpoint, if
    // that has an origin of its own. URLs.
    std::vector<std::string> endpoints;
};

// `app:` of the daemon's configuration.
[[nodiscard]] config::Field PageField();
// Of what PageField describes. Errors: kInvalid with `path` as the key.
[[nodiscard]] Result<PageOptions> ReadPage(const config::Values& values);

// Answers GET and HEAD of /app, /app/ and the files below; every other path is `next`'s.
// Thread-safe, never blocks.
[[nodiscard]] net::HttpHandler MakePage(PageOptions options, net::HttpHandler next);

}  // namespace carestream::page
