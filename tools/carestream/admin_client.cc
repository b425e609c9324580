#include "admin_client.h"

#include <cstdlib>

#include "base/home.h"
#include "fhir/json.h"
#include "net/http_client.h"

namespace carestream::cli {

std::filesystem::path StateFolder() {
    if (const char* state = std::getenv("CARESTREAM_STATE"); state != nullptr && *state != '\0') {
        return state;
    }
    const auto home = FindHome();
    return DefaultStateFolder(home ? *home : std::filesystem::path());
}

Result<fhir::Node> AskDaemon(const std::filesystem::path& state, const std::string& method,
                             const std::string& target, const std::string& body) {
    const std::string socket = (state / "admin.sock").string();
    auto client = net::HttpClient::Connect(net::Address{.host = {}, .port = 0, .unix_path = socket},
                                           {.timeout_ms = 120'000});
    if (!client) {
        return Fail(Code::kUnavailable,
                    "no daemon answers at " + socket +
                        "; start one with tools/run, or name its state folder with --state");
    }
    net::ClientRequest request{.method = method, .target = target};
    request.body = body;
    if (!body.empty()) request.headers.emplace_back("Content-Type", "application/json");
    CARESTREAM_ASSIGN(response, client->Send(request));
    auto answer = fhir::ParseJson(response.body.empty() ? "{}" : response.body);
    if (!answer) return Fail(Code::kInternal, "the daemon's answer is no JSON");
    if (response.status >= 400) {
        std::string text(answer->TextOf("error"));
        if (const fhir::Node* errors = answer->Find("errors")) {
            for (const fhir::Node& error : errors->items()) text += "\n  " + error.text();
        }
        return Fail(Code::kInvalid,
                    text.empty() ? "the daemon answered " + std::to_string(response.status) : text);
    }
    return std::move(*answer);
}

}  // namespace carestream::cli
