// Goal: what the store seals opens only where it belongs, and tokens and ids never change between
// builds. Method: vectors of the RFCs, then properties over real key folders.
#include "crypto/keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "base/text.h"
#include "crypto/hmac.h"
#include "crypto/internal/aead.h"

namespace carestream::crypto {
namespace {

namespace fs = std::filesystem;

std::string Hex(std::string_view hex) {
    std::string bytes;
    EXPECT_TRUE(FromHex(hex, bytes));
    return bytes;
}

template <typename Bytes>
std::string ToHexOf(const Bytes& bytes) {
    return ToHex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

// RFC 4231, cases 1, 2, 6 and 7.
TEST(Hmac, Rfc4231) {
    EXPECT_EQ(ToHexOf(HmacKey(std::string(20, '\x0b')).Sign("Hi There")),
              "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    EXPECT_EQ(ToHexOf(HmacKey("Jefe").Sign("what do ya want for nothing?")),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    const HmacKey large(std::string(131, '\xaa'));
    EXPECT_EQ(ToHexOf(large.Sign("Test Using Larger Than Block-Size Key - Hash Key First")),
              "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    EXPECT_EQ(
        ToHexOf(large.Sign("This is a test using a larger than block-size key and a larger than "
                           "block-size data. The key needs to be hashed before being used by the "
                           "HMAC algorithm.")),
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

// RFC 5869, A.1 and A.3, cut to the 32 bytes that are used here.
TEST(Hkdf, Rfc5869) {
    EXPECT_EQ(ToHexOf(Hkdf(Hex("000102030405060708090a0b0c"), std::string(22, '\x0b'),
                           Hex("f0f1f2f3f4f5f6f7f8f9"))),
              "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
    EXPECT_EQ(ToHexOf(Hkdf("", std::string(22, '\x0b'), "")),
              "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
}

// McGrew and Viega, "The Galois/Counter Mode of Operation", test cases 14 and 16.
TEST(Aead, GcmVectors) {
    std::array<unsigned char, 32> key{};
    std::string out;
    AeadSeal(key, std::string(12, '\0'), "", "", std::string(16, '\0'), out);
    EXPECT_EQ(ToHex(out), "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");

    const std::string key_bytes =
        Hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
    std::copy(key_bytes.begin(), key_bytes.end(), key.begin());
    const std::string plain =
        Hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e"
            "2449a6b5"
            "25b16aedf5aa0de657ba637b39");
    out.clear();
    // The associated data in two pieces, as header and caller bind it.
    AeadSeal(key, Hex("cafebabefacedbaddecaf888"), Hex("feedfacedeadbeef"),
             Hex("feedfacedeadbeefabaddad2"), plain, out);
    EXPECT_EQ(
        ToHex(out),
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056"
        "828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b");
    std::string back;
    EXPECT_TRUE(AeadOpen(key, Hex("cafebabefacedbaddecaf888"), Hex("feedfacedeadbeef"),
                         Hex("feedfacedeadbeefabaddad2"), out, back));
    EXPECT_EQ(back, plain);
}

TEST(Ids, ArePublicConstants) {
    // These values are in people's files: a change here breaks them.
    const IdKey key = IdKey::Public();
    EXPECT_TRUE(key.IsPublic());
    const std::string id = key.ProvisionalId("main", "Patient", "MAIN", "100001");
    EXPECT_EQ(id, "4aedc138-32c4-88fb-9c82-d37a8eb1192f");
    // Parts do not run into each other.
    EXPECT_NE(key.ProvisionalId("main", "Patient", "MAI", "N100001"), id);
}

// Computed with Python's hmac from the layout in keys.cc: tokens are on disk.
TEST(Tokens, AreConstants) {
    Key bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<unsigned char>(i);
    const TokenKey key(bytes);
    EXPECT_EQ(key.Token64("Patient.identifier", "sc", "MAIN|100001"), 8963024554968679917);
    EXPECT_EQ(ToHexOf(key.Token128("Patient", "MAIN|100001")), "672da40a168c5d84f59916514c4cc4a7");
}

TEST(Ids, RandomUuidIsVersion4) {
    std::set<std::string> seen;
    for (int i = 0; i < 100; ++i) {
        const std::string id = RandomUuid();
        EXPECT_EQ(id[14], '4');
        seen.insert(id);
    }
    EXPECT_EQ(seen.size(), 100u);
}

class KeyRingTest : public testing::Test {
protected:
    KeyRingTest() {
        std::string name = (fs::temp_directory_path() / "carestream-keys-XXXXXX").string();
        EXPECT_NE(mkdtemp(name.data()), nullptr);
        root_ = name;
        folder_ = root_ / "keys";
    }
    ~KeyRingTest() override { fs::remove_all(root_); }

    fs::path root_;
    fs::path folder_;
};

TEST_F(KeyRingTest, SealsAndOpensOnlyInItsPlace) {
    auto made = KeyRing::Create(folder_);
    ASSERT_TRUE(made) << made.error().ToString();
    const KeyRing& ring = *made;
    const Micros day = 1'764'000'000'000'000;
    const std::string sealed = ring.Seal("1", "journal", day, "seq 7", "plain text");
    EXPECT_EQ(sealed.size(), 1u + 2 + 4 + 12 + 10 + 16);
    EXPECT_EQ(sealed.find("plain"), std::string::npos);
    EXPECT_EQ(ring.Open("1", "journal", "seq 7", sealed).value(), "plain text");
    EXPECT_EQ(ring.Open("1", "journal", "seq 8", sealed).error().code, Code::kInvalid);
    EXPECT_EQ(ring.Open("2", "journal", "seq 7", sealed).error().code, Code::kInvalid);
    EXPECT_EQ(ring.Open("1", "version", "seq 7", sealed).error().code, Code::kInvalid);
    EXPECT_EQ(ring.Open("1", "journal", "seq 7", "").error().code, Code::kInvalid);
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        std::string changed = sealed;
        changed[i] = static_cast<char>(changed[i] ^ 1);
        EXPECT_FALSE(ring.Open("1", "journal", "seq 7", changed)) << "byte " << i;
        EXPECT_FALSE(ring.Open("1", "journal", "seq 7", sealed.substr(0, i))) << "cut at " << i;
    }
    EXPECT_NE(ring.Seal("1", "journal", day, "", "x"), ring.Seal("1", "journal", day, "", "x"));
    // Before 1970, and far away: a clock that is wrong must not lose a message.
    for (const Micros time : {Micros{-1}, Micros{-86'400'000'001}, Micros{0}, Micros{1} << 61}) {
        EXPECT_EQ(ring.Open("1", "t", "", ring.Seal("1", "t", time, "", "x")).value(), "x");
    }
}

TEST_F(KeyRingTest, LoadsWhatItCreatedAndRotates) {
    auto made = KeyRing::Create(folder_);
    ASSERT_TRUE(made);
    const std::string old = made->Seal("1", "t", 0, "", "old");
    const std::string check = made->CheckValue();
    ASSERT_TRUE(made->Rotate());
    const std::string young = made->Seal("1", "t", 0, "", "young");
    EXPECT_TRUE(made->CheckValue().starts_with(check)) << "rotation only adds";
    EXPECT_EQ(made->Manifest(), "id.key\nindex.key\nroot-1.key\nroot-2.key\n");

    auto loaded = KeyRing::Load(folder_);
    ASSERT_TRUE(loaded) << loaded.error().ToString();
    EXPECT_EQ(loaded->CheckValue(), made->CheckValue());
    EXPECT_EQ(loaded->Open("1", "t", "", old).value(), "old");
    EXPECT_EQ(loaded->Open("1", "t", "", young).value(), "young");
    EXPECT_EQ(loaded->token_key("1").Token64("a", "b", "c"),
              made->token_key("1").Token64("a", "b", "c"));
    EXPECT_NE(loaded->token_key("2").Token64("a", "b", "c"),
              made->token_key("1").Token64("a", "b", "c"));
    EXPECT_FALSE(loaded->id_key("1").IsPublic());

    fs::remove(folder_ / "root-2.key");
    auto partial = KeyRing::Load(folder_);
    ASSERT_TRUE(partial);
    const auto lost = partial->Open("1", "t", "", young);
    ASSERT_FALSE(lost);
    EXPECT_THAT(lost.error().message, testing::HasSubstr("root-2.key"));
}

TEST_F(KeyRingTest, RefusesWhatWouldLoseOrLeakKeys) {
    ASSERT_TRUE(KeyRing::Create(folder_));
    EXPECT_EQ(KeyRing::Create(folder_).error().code, Code::kConflict);
    ASSERT_EQ(chmod((folder_ / "id.key").c_str(), 0640), 0);
    EXPECT_THAT(KeyRing::Load(folder_).error().message, testing::HasSubstr("chmod 600"));
    ASSERT_EQ(chmod((folder_ / "id.key").c_str(), 0600), 0);
    ASSERT_EQ(chmod(folder_.c_str(), 0755), 0);
    EXPECT_THAT(KeyRing::Load(folder_).error().message, testing::HasSubstr("chmod 700"));
    ASSERT_EQ(chmod(folder_.c_str(), 0700), 0);
    std::ofstream(folder_ / "index.key", std::ios::trunc) << "short";
    EXPECT_THAT(KeyRing::Load(folder_).error().message, testing::HasSubstr("32 bytes"));
    EXPECT_FALSE(KeyRing::Load(root_ / "nowhere"));
}

TEST_F(KeyRingTest, SealsFromManyThreadsWhileRotating) {
    auto made = KeyRing::Create(folder_);
    ASSERT_TRUE(made);
    KeyRing& ring = *made;
    std::vector<std::thread> threads;
    std::atomic<int> wrong = 0;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&ring, &wrong, t] {
            for (int i = 0; i < 500; ++i) {
                const std::string plain = std::to_string(t * 1000 + i);
                const Micros time = Micros{i} * 86'400'000'000;
                const auto back =
                    ring.Open("1", "t", plain, ring.Seal("1", "t", time, plain, plain));
                if (!back || *back != plain) ++wrong;
            }
        });
    }
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(ring.Rotate());
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace carestream::crypto
