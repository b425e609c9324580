#include "net/tls.h"

#include <openssl/ssl.h>

#include <boost/asio/ssl/context.hpp>
#include <system_error>

namespace carestream::net {
namespace {

namespace ssl = boost::asio::ssl;

Result<void> CheckReadable(const std::filesystem::path& file) {
    std::error_code error;
    if (!std::filesystem::exists(file, error)) {
        return Fail(Code::kNotFound, "the file does not exist", file.string());
    }
    return {};
}

Result<void> UseCertificate(ssl::context& context, const std::filesystem::path& certificate,
                            const std::filesystem::path& key) {
    CARESTREAM_TRY(CheckReadable(certificate));
    CARESTREAM_TRY(CheckReadable(key));
    boost::system::error_code error;
    context.use_certificate_chain_file(certificate.string(), error);
    if (error) return Fail(Code::kInvalid, "not a PEM certificate chain", certificate.string());
    context.use_private_key_file(key.string(), ssl::context::pem, error);
    if (error || SSL_CTX_check_private_key(context.native_handle()) != 1) {
        return Fail(Code::kInvalid, "not a readable PEM key of " + certificate.string(),
                    key.string());
    }
    return {};
}

Result<void> UseAuthorities(ssl::context& context, const std::filesystem::path& file) {
    CARESTREAM_TRY(CheckReadable(file));
    boost::system::error_code error;
    context.load_verify_file(file.string(), error);
    if (error) return Fail(Code::kInvalid, "no PEM certificates of authorities", file.string());
    return {};
}

void Harden(ssl::context& context, TlsVersion version_min) {
    auto* native = context.native_handle();
    SSL_CTX_set_min_proto_version(native,
                                  version_min == TlsVersion::k13 ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(native, "ECDHE+AESGCM:ECDHE+CHACHA20");
    SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    // Gives the 32 KiB of record buffers back while a connection idles.
    SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
}

}  // namespace

Result<TlsContext> MakeTlsContext(const TlsServerOptions& options) {
    auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
    Harden(*context, options.version_min);
    CARESTREAM_TRY(UseCertificate(*context, options.certificate_file, options.key_file));
    SSL_CTX_set_options(context->native_handle(), SSL_OP_CIPHER_SERVER_PREFERENCE);
    // Required once sessions are resumed and clients are verified.
    static constexpr unsigned char kSessionContext[] = "carestream";
    SSL_CTX_set_session_id_context(context->native_handle(), kSessionContext,
                                   sizeof(kSessionContext) - 1);
    if (!options.client_ca_file.empty()) {
        CARESTREAM_TRY(UseAuthorities(*context, options.client_ca_file));
        SSL_CTX_set_client_CA_list(context->native_handle(),
                                   SSL_load_client_CA_file(options.client_ca_file.c_str()));
        SSL_CTX_set_verify(context->native_handle(),
                           SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
    return context;
}

Result<TlsContext> MakeTlsContext(const TlsClientOptions& options) {
    auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
    Harden(*context, options.version_min);
    if (!options.certificate_file.empty()) {
        CARESTREAM_TRY(UseCertificate(*context, options.certificate_file, options.key_file));
    }
    if (!options.ca_file.empty()) {
        CARESTREAM_TRY(UseAuthorities(*context, options.ca_file));
    } else {
        SSL_CTX_set_default_verify_paths(context->native_handle());
    }
    SSL_CTX_set_verify(context->native_handle(), options.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                       nullptr);
    return context;
}

}  // namespace carestream::net
