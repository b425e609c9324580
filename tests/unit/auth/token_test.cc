// Goal: only a token that a key of its issuer signed, with an algorithm of that key, is believed.
// Method: tables of tokens, each wrong in one way; keys are made on the spot.
#include "auth/token.h"

#include <gtest/gtest.h>

#include "tests/support/jwt.h"

namespace carestream::auth {
namespace {

using test::TestKey;
using test::Url64;

constexpr Micros kNow = 1'700'000'000'000'000;
const Expectation kExpectation{"https://issuer.example", "https://fhir.example", 60'000'000};
const std::string kClaims =
    R"({"iss":"https://issuer.example","aud":"https://fhir.example","exp":1700000600,"scope":"patient/*.rs"})";

const TestKey& Rsa() {
    static const TestKey key(TestKey::Type::kRsa2048, "rsa");
    return key;
}
const TestKey& P256() {
    static const TestKey key(TestKey::Type::kP256, "p256");
    return key;
}
const TestKey& P384() {
    static const TestKey key(TestKey::Type::kP384, "p384");
    return key;
}
const KeySet& Keys() {
    static const KeySet keys =
        ParseKeySet(R"({"keys":[)" + Rsa().Jwk() + "," + P256().Jwk() + "," + P384().Jwk() + "]}")
            .value();
    return keys;
}

Result<void> Check(const std::string& text, const KeySet& keys = Keys()) {
    CARESTREAM_ASSIGN(token, ParseToken(text));
    CARESTREAM_TRY(CheckSignature(token, keys));
    CARESTREAM_TRY(CheckClaims(token.claims, kExpectation, kNow));
    return {};
}

std::string Said(const Result<void>& result) {
    return result ? "believed" : result.error().message;
}

TEST(Token, GoodOnesAreBelieved) {
    for (const std::string algorithm : {"RS256", "RS384", "RS512"}) {
        EXPECT_EQ(Said(Check(Rsa().Token(kClaims, algorithm))), "believed") << algorithm;
    }
    EXPECT_EQ(Said(Check(P256().Token(kClaims))), "believed");
    EXPECT_EQ(Said(Check(P384().Token(kClaims))), "believed");
}

std::string Hmac(const std::string& secret, const std::string& header) {
    const std::string text = Url64(header) + "." + Url64(kClaims);
    unsigned char digest[32];
    unsigned size = 0;
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size);
    return text + "." + Url64({reinterpret_cast<const char*>(digest), size});
}

TEST(Token, AlgorithmsAreTheKeys) {
    const auto refused = [](const std::string& text) { return !Check(text); };
    const std::string none = Url64(R"({"alg":"none","kid":"rsa"})") + "." + Url64(kClaims) + ".";
    EXPECT_TRUE(refused(none));
    EXPECT_TRUE(refused(none + Url64("x")));
    for (const std::string name : {"None", "NONE", "nOnE", "", "rs256", "RS256 ", "PS256", "ES512",
                                   "ES256K", "EdDSA", "HS256", "HS384", "HS512"}) {
        EXPECT_TRUE(
            refused(Rsa().Signed(R"({"alg":")" + name + R"(","kid":"rsa"})", kClaims, "RS256")))
            << name;
    }
    // The public key as the secret of an HMAC, in both forms in which attackers have it.
    for (const std::string& secret : {Rsa().PublicPem(), Rsa().Jwk()}) {
        EXPECT_TRUE(refused(Hmac(secret, R"({"alg":"HS256","kid":"rsa"})")));
        EXPECT_TRUE(refused(Hmac(secret, R"({"alg":"RS256","kid":"rsa"})")));
    }
    // Another key's algorithm.
    EXPECT_TRUE(refused(Rsa().Signed(R"({"alg":"ES256","kid":"rsa"})", kClaims, "RS256")));
    EXPECT_TRUE(refused(P256().Signed(R"({"alg":"RS256","kid":"p256"})", kClaims, "ES256")));
    EXPECT_TRUE(refused(P256().Signed(R"({"alg":"ES384","kid":"p256"})", kClaims, "ES384")));
    EXPECT_TRUE(refused(P256().Signed(R"({"alg":"ES256","kid":"p384"})", kClaims, "ES256")));
    // A key whose JWK is for one algorithm only.
    const KeySet pinned =
        ParseKeySet(R"({"keys":[)" + Rsa().Jwk(R"(,"alg":"RS512")") + "]}").value();
    EXPECT_EQ(Said(Check(Rsa().Token(kClaims, "RS256"), pinned)),
              "the token's key is for another algorithm");
    EXPECT_EQ(Said(Check(Rsa().Token(kClaims, "RS512"), pinned)), "believed");
}

TEST(Token, HeadersBringNoKeysAndAskForNothing) {
    const std::string jwk = Rsa().Jwk();
    for (const std::string& more :
         {std::string(R"("crit":["exp"],"exp":1)"), std::string(R"("crit":[])"), R"("jwk":)" + jwk,
          std::string(R"("jku":"https://evil.example/jwks")"),
          std::string(R"("x5u":"https://e.x")"), std::string(R"("x5c":["MII"])"),
          std::string(R"("b64":false)"), std::string(R"("zip":"DEF")"),
          std::string(R"("typ":"JWE")"), std::string(R"("typ":1)")}) {
        EXPECT_FALSE(
            Check(Rsa().Signed(R"({"alg":"RS256","kid":"rsa",)" + more + "}", kClaims, "RS256")))
            << more;
    }
    const auto unknown =
        ParseToken(Rsa().Signed(R"({"alg":"RS256","kid":"other"})", kClaims, "RS256"));
    ASSERT_TRUE(unknown.has_value());
    EXPECT_EQ(CheckSignature(*unknown, Keys()).error().code, Code::kNotFound);
    EXPECT_FALSE(Check(Rsa().Signed(R"({"alg":"RS256"})", kClaims, "RS256")));
    EXPECT_FALSE(Check(Rsa().Signed(R"({"alg":"RS256","kid":1})", kClaims, "RS256")));
}

TEST(Token, ClaimsAreChecked) {
    struct Row {
        std::string claims;
        std::string said;
    };
    const std::string iss = R"("iss":"https://issuer.example")";
    const std::string aud = R"("aud":"https://fhir.example")";
    const std::string exp = R"("exp":1700000600)";
    const Row rows[] = {
        {iss + "," + R"("aud":["x","https://fhir.example"],)" + exp, "believed"},
        {R"("iss":"https://issuer.example/",)" + aud + "," + exp, "the token is of another issuer"},
        {aud + "," + exp, "the token is of another issuer"},
        {R"("iss":["https://issuer.example"],)" + aud + "," + exp,
         "the token is of another issuer"},
        {iss + "," + exp, "the token is for another audience"},
        {iss + R"(,"aud":"https://fhir.example/x",)" + exp, "the token is for another audience"},
        {iss + R"(,"aud":[],)" + exp, "the token is for another audience"},
        {iss + R"(,"aud":{"a":"https://fhir.example"},)" + exp,
         "the token is for another audience"},
        {iss + "," + aud, "the token has no end (exp)"},
        {iss + "," + aud + R"(,"exp":"1700000600")", "the token has no end (exp)"},
        {iss + "," + aud + R"(,"exp":1e400)", "the token has no end (exp)"},
        {iss + "," + aud + R"(,"exp":-1)", "the token has no end (exp)"},
        {iss + "," + aud + R"(,"exp":1699999941)", "believed"},  // within the skew
        {iss + "," + aud + R"(,"exp":1699999940)", "the token has expired"},
        {iss + "," + aud + "," + exp + R"(,"nbf":1700000060)", "believed"},
        {iss + "," + aud + "," + exp + R"(,"nbf":1700000061)", "the token is not valid yet"},
        {iss + "," + aud + "," + exp + R"(,"nbf":"x")", "the token's beginning (nbf) is no time"},
    };
    for (const Row& row : rows) {
        EXPECT_EQ(Said(Check(P256().Token("{" + row.claims + "}"))), row.said) << row.claims;
    }
}

TEST(Token, MalformedOnesAreRefused) {
    const std::string good = P256().Token(kClaims);
    const auto dot = good.find('.');
    const auto last = good.rfind('.');
    const std::string rows[] = {
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        good + ".",
        good + ".x",
        "." + good,
        good.substr(0, last),
        good.substr(0, last + 1),
        good + "=",
        good + "A",
        " " + good,
        good.substr(0, dot) + "=" + good.substr(dot),
        std::string(20'000, 'A') + good,
        // Spare bits in the last character, another alphabet.
        Url64("{}") + "." + Url64("{}") + ".QR",
        "e30.e30.a+/b",
        P256().Signed(R"(["alg","ES256"])", kClaims, "ES256"),
        P256().Signed(R"({"alg":"ES256","kid":"p256"})", "[]", "ES256"),
        P256().Signed(R"({"alg":"ES256","kid":"p256"})", "{", "ES256"),
        P256().Signed(R"({"alg":"ES256","kid":"p256"})", kClaims + "x", "ES256"),
        P256().Signed("{\"alg\":\"ES256\",\"kid\":\"p256\xff\"}", kClaims, "ES256"),
        // Which of two would count?
        P256().Signed(R"({"alg":"none","alg":"ES256","kid":"p256"})", kClaims, "ES256"),
        P256().Token(kClaims.substr(0, kClaims.size() - 1) + R"(,"scope":"system/*.cruds"})"),
        P256().Token(std::string(40, '[') + std::string(40, ']')),
    };
    for (const std::string& row : rows) EXPECT_FALSE(Check(row)) << row.substr(0, 80);
    // Every changed byte of a good token is noticed.
    for (std::size_t i = 0; i < good.size(); ++i) {
        std::string changed = good;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        ASSERT_NE(changed, good);
        EXPECT_FALSE(Check(changed)) << i;
    }
}

TEST(Token, EcSignaturesHaveOneForm) {
    const std::string text = Url64(R"({"alg":"ES256","kid":"p256"})") + "." + Url64(kClaims);
    const std::string signature = P256().Sign("ES256", text);
    EXPECT_TRUE(Check(text + "." + Url64(signature)));
    EXPECT_FALSE(Check(text + "." + Url64(std::string(64, '\0'))));
    EXPECT_FALSE(Check(text + "." + Url64(signature + std::string(1, '\0'))));
    EXPECT_FALSE(Check(text + "." + Url64(std::string(1, '\0') + signature)));
    EXPECT_FALSE(Check(text + "." + Url64(signature.substr(0, 63))));
}

TEST(KeySet, TakesSignatureKeysOnly) {
    const auto parsed = [](const std::string& keys) {
        return ParseKeySet(R"({"keys":[)" + keys + "]}");
    };
    const std::string oct = R"({"kty":"oct","kid":"h","k":"c2VjcmV0","alg":"HS256"})";
    EXPECT_FALSE(parsed(oct));
    EXPECT_EQ(parsed(oct + "," + P256().Jwk())->keys.size(), 1u);
    EXPECT_FALSE(parsed(P256().Jwk(R"(,"use":"enc")")));
    EXPECT_FALSE(parsed(P256().Jwk(R"(,"key_ops":["sign"])")));
    EXPECT_TRUE(parsed(P256().Jwk(R"(,"use":"sig","key_ops":["verify"])")));
    EXPECT_FALSE(parsed(P256().Jwk() + "," + P256().Jwk())) << "which of the two?";
    EXPECT_FALSE(parsed(TestKey(TestKey::Type::kRsa1024, "small").Jwk()));
    EXPECT_FALSE(parsed(R"({"kty":"EC","kid":"a","crv":"P-256","x":")" + Url64(std::string(32, 1)) +
                        R"(","y":")" + Url64(std::string(32, 1)) + "\"}"))
        << "not on the curve";
    EXPECT_FALSE(parsed(R"({"kty":"EC","kid":"a","crv":"P-256","x":"","y":""})"));
    EXPECT_FALSE(parsed(R"({"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"})"));
    for (const std::string text : {"", "{}", "[]", R"({"keys":{}})", R"({"keys":[]})",
                                   R"({"keys":[1,null,"x",{}]})", R"({"keys":[],"keys":[]})"}) {
        EXPECT_FALSE(ParseKeySet(text)) << text;
    }
}

}  // namespace
}  // namespace carestream::auth
