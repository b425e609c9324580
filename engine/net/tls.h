#pragma once
// TLS contexts from files, for servers (HTTP, MLLP) and clients. TLS 1.2 and 1.3 only; 1.2 with
// forward secret AEAD suites. Files are read once: a renewed certificate comes with a reload.
#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"

namespace boost::asio::ssl {
class context;
}

namespace carestream::net {

using TlsContext = std::shared_ptr<boost::asio::ssl::context>;

enum class TlsVersion { k12, k13 };

struct TlsServerOptions {
    std::filesystem::path certificate_file;  // PEM, chain below the leaf
    std::filesystem::path key_file;          // PEM, not encrypted
    std::filesystem::path client_ca_file;    // PEM; set = mutual TLS, a client without is refused
    TlsVersion version_min = TlsVersion::k12;
};

struct TlsClientOptions {
    std::filesystem::path ca_file;           // PEM; empty = the system's
    std::filesystem::path certificate_file;  // of the client, for mutual TLS; with key_file
    std::filesystem::path key_file;
    std::string server_name;  // what the certificate must name; empty = the host connected to
    bool verify = true;       // false only for tests on loopback
    TlsVersion version_min = TlsVersion::k12;
};

// Errors: kInvalid or kNotFound; the path is the file.
[[nodiscard]] Result<TlsContext> MakeTlsContext(const TlsServerOptions& options);
[[nodiscard]] Result<TlsContext> MakeTlsContext(const TlsClientOptions& options);

}  // namespace carestream::net
