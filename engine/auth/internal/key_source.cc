#include "auth/internal/key_source.h"

#include "base/file.h"
#include "net/http_client.h"
#include "net/tls.h"

namespace carestream::auth {
namespace {

constexpr int kFetchMs = 5'000;
constexpr std::size_t kDocumentBytesMax = 1u << 20;

Result<std::string> Fetch(const std::string& url) {
    CARESTREAM_ASSIGN(place, ParseKeyUrl(url));
    net::ClientOptions options;
    options.timeout_ms = kFetchMs;
    options.body_bytes_max = kDocumentBytesMax;
    if (place.tls) {
        CARESTREAM_ASSIGN(tls, net::MakeTlsContext(net::TlsClientOptions{}));
        options.tls = tls;
    }
    CARESTREAM_ASSIGN(client, net::HttpClient::Connect(place.address, options));
    CARESTREAM_ASSIGN(
        answer, client.Send({.target = place.target, .headers = {{"Accept", "application/json"}}}));
    if (answer.status != 200) {
        return Fail(Code::kUnavailable,
                    "the keys were answered with status " + std::to_string(answer.status));
    }
    return std::move(answer.body);
}

}  // namespace

Result<KeyUrl> ParseKeyUrl(std::string_view url) {
    KeyUrl out;
    std::string_view rest = url;
    if (rest.starts_with("https://")) {
        rest.remove_prefix(8);
    } else if (rest.starts_with("http://")) {
        out.tls = false;
        rest.remove_prefix(7);
    } else {
        return Fail(Code::kInvalid, "a URL of keys begins with https://");
    }
    const std::size_t slash = rest.find('/');
    std::string host(rest.substr(0, slash));
    if (host.empty() || host.find_first_of("@?# ") != std::string::npos) {
        return Fail(Code::kInvalid, "a URL of keys names a host, without a user");
    }
    const std::size_t colon = host.rfind(':');
    const bool has_port = colon != std::string::npos && host.find(']', colon) == std::string::npos;
    if (!has_port) host += out.tls ? ":443" : ":80";
    CARESTREAM_ASSIGN(address, net::ParseAddress(host));
    out.address = address;
    out.target = slash == std::string_view::npos ? "/" : std::string(rest.substr(slash));
    for (const char c : out.target) {
        if (c <= ' ' || c == '#' || c == 127) {
            return Fail(Code::kInvalid, "a URL of keys holds what has no place in a URL");
        }
    }
    if (!out.tls && !out.address.IsLocal()) {
        return Fail(Code::kInvalid, "keys come by https; http is for loopback addresses");
    }
    return out;
}

Result<void> CheckKeyUrl(std::string_view url) {
    CARESTREAM_TRY(ParseKeyUrl(url));
    return {};
}

std::shared_ptr<const KeySet> KeySource::Keys() const {
    const std::lock_guard lock(mutex_);
    return keys_;
}

void KeySource::Want() {
    const std::lock_guard lock(mutex_);
    wanted_ = true;
}

void KeySource::Put(KeySet keys) {
    auto made = std::make_shared<const KeySet>(std::move(keys));
    const std::lock_guard lock(mutex_);
    keys_ = std::move(made);
    wanted_ = false;
}

Result<bool> KeySource::Update(const GateOptions& gate, Micros time, bool now) {
    return options_.jwks_url.empty() ? UpdateFile(now) : UpdateUrl(gate, time, now);
}

Result<bool> KeySource::UpdateFile(bool now) {
    std::error_code error;
    const auto time = std::filesystem::last_write_time(options_.jwks_file, error);
    if (error && options_.optional) return false;
    if (!now && file_time_ == time) return false;
    file_time_ = time;  // a file that is wrong or gone is told of once
    CARESTREAM_ASSIGN(text, ReadFile(options_.jwks_file));
    auto keys = ParseKeySet(text);
    if (!keys) {
        Error wrong = keys.error();
        wrong.path = options_.jwks_file.string();
        return Fail(std::move(wrong));
    }
    Put(std::move(*keys));
    return true;
}

Result<bool> KeySource::UpdateUrl(const GateOptions& gate, Micros time, bool now) {
    {
        const std::lock_guard lock(mutex_);
        const Micros age = asked_at_ ? time - *asked_at_ : 0;
        const bool early = asked_at_ && age < gate.refetch_ms_min * Micros{1000};
        const bool due = !asked_at_ || keys_ == nullptr || wanted_ || now ||
                         age >= gate.refetch_ms_max * Micros{1000};
        if (early || !due) return false;
        wanted_ = false;
    }
    asked_at_ = time;
    CARESTREAM_ASSIGN(text, Fetch(options_.jwks_url));
    CARESTREAM_ASSIGN(keys, ParseKeySet(text));
    Put(std::move(keys));
    return true;
}

}  // namespace carestream::auth
