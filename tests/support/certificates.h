#pragma once
// Certificates for TLS tests, made by the openssl command for the run: ca.pem, and server and
// client .pem/.key signed by it (localhost, 127.0.0.1), and stranger.pem/.key signed by nobody
// known.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace carestream::test {

class Certificates {
public:
    Certificates()
        : folder_(std::filesystem::temp_directory_path() /
                  ("cs_certificates_" + std::to_string(::getpid()))) {
        std::filesystem::create_directories(folder_);
        const std::string script =
            "cd " + folder_.string() +
            " && openssl ecparam -name prime256v1 -genkey -noout -out ca.key"
            " && openssl req -x509 -new -key ca.key -subj /CN=test-ca -days 2 -out ca.pem"
            " && openssl ecparam -name prime256v1 -genkey -noout -out stranger.key"
            " && openssl req -x509 -new -key stranger.key -subj /CN=x -days 2 -out stranger.pem"
            " && for n in server client; do"
            "   openssl ecparam -name prime256v1 -genkey -noout -out $n.key"
            "   && openssl req -new -key $n.key -subj /CN=$n -out $n.csr"
            "   && printf 'subjectAltName=DNS:localhost,IP:127.0.0.1' > $n.ext"
            "   && openssl x509 -req -in $n.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2"
            "      -extfile $n.ext -out $n.pem; done";
        made_ = std::system(("( " + script + " ) >/dev/null 2>&1").c_str()) == 0;
    }
    ~Certificates() {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    Certificates(const Certificates&) = delete;
    Certificates& operator=(const Certificates&) = delete;

    [[nodiscard]] bool made() const { return made_; }  // false: no openssl command here
    [[nodiscard]] std::filesystem::path operator[](const std::string& file) const {
        return folder_ / file;
    }

private:
    std::filesystem::path folder_;
    bool made_ = false;
};

}  // namespace carestream::test
