#include "tests/support/store_fixture.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <thread>
#include <vector>

#include "base/text.h"
#include "store/internal/embedded.h"
#include "store/internal/migrate.h"

namespace carestream::test {
namespace {

namespace fs = std::filesystem;

fs::path SqlFolder() {
    return fs::path(CARESTREAM_SOURCE_DIR) / "schemas" / "sql";
}

[[noreturn]] void GiveUp(const std::string& why) {
    std::cerr << "test server: " << why << "\n";
    std::exit(1);
}

void Run(const std::string& command) {
    if (std::system(command.c_str()) != 0) GiveUp(command);
}

// A folder that the server's account may enter, whatever TMPDIR is.
fs::path MakeFolder(const char* purpose) {
    std::string name = std::string("/tmp/carestream-") + purpose + "-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) GiveUp("cannot make " + name);
    chmod(name.c_str(), 0711);
    return name;
}

// Changes whenever the prepared cluster would be another one.
std::string Fingerprint() {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(SqlFolder())) {
        if (entry.path().extension() == ".sql") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    std::string all = "2";
    for (const fs::path& file : files) {
        std::ifstream in(file, std::ios::binary);
        all.append(std::istreambuf_iterator<char>(in), {});
    }
    char text[32];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(Fnv64(all)));
    return text;
}

store::EmbeddedOptions ServerOptions(const fs::path& folder) {
    store::EmbeddedOptions options;
    options.state_folder = folder;
    options.shared_buffers_mb = 64;
    options.stop_with_parent = true;
    return options;
}

std::string WithDatabase(std::string url, const std::string& database) {
    const std::size_t at = url.find("/carestream?");
    return url.replace(at, 11, "/" + database);
}

store::pg::Connection MustConnect(const std::string& url) {
    store::pg::ConnectOptions options;
    options.url = url;
    auto connection = store::pg::Connection::Connect(options);
    if (!connection) GiveUp(connection.error().ToString());
    return std::move(*connection);
}

void MakeCluster(const fs::path& home, const fs::path& cache) {
    const fs::path folder = MakeFolder("prepare");
    {
        auto server = store::EmbeddedServer::Start(ServerOptions(folder), {});
        if (!server) GiveUp(server.error().ToString());
        auto made = MustConnect((*server)->url()).Execute("create database store_template");
        if (!made) GiveUp(made.error().ToString());
        auto connection = MustConnect(WithDatabase((*server)->url(), "store_template"));
        made = store::Migrate(connection, SqlFolder(), {});
        if (!made) GiveUp(made.error().ToString());
    }
    const fs::path data = folder / "postgres" / "data";
    // For speed: kill -9 needs no fsync, only loss of power does.
    Run("printf '%s\\n' 'fsync = off' 'wal_buffers = 4MB' 'max_wal_size = 512MB' "
        "'min_wal_size = 32MB' > '" +
        (data / "local.conf").string() + "' && chmod 0644 '" + (data / "local.conf").string() +
        "'");
    Run("find '" + home.string() + "' -mindepth 1 -maxdepth 1 -type d -exec rm -rf {} +");
    Run("cp -a '" + data.string() + "' '" + cache.string() + ".new' && mv '" + cache.string() +
        ".new' '" + cache.string() + "' && rm -rf '" + folder.string() + "'");
}

// initdb and the migrations cost seconds: done once a build folder, by whoever comes first.
void CopyCluster(const fs::path& state_folder) {
    const fs::path home = fs::path(CARESTREAM_BINARY_DIR) / "test-cluster";
    fs::create_directories(home);
    const int lock = open((home / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0 || flock(lock, LOCK_EX) != 0) GiveUp("cannot lock " + home.string());
    const fs::path cache = home / Fingerprint();
    if (!fs::exists(cache)) MakeCluster(home, cache);
    const std::string root = (state_folder / "postgres").string();
    Run("mkdir -p '" + root + "' && chmod 0711 '" + root + "' && cp -a '" + cache.string() + "' '" +
        root + "/data'");
    close(lock);
}

class Server {
public:
    Server() : folder_(MakeFolder("test")) {
        CopyCluster(folder_);
        auto server = store::EmbeddedServer::Start(ServerOptions(folder_), {});
        if (!server) GiveUp(server.error().ToString());
        server_ = std::move(*server);
    }
    ~Server() {
        server_.reset();
        std::error_code error;
        fs::remove_all(folder_, error);
    }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    store::EmbeddedServer& server() { return *server_; }
    fs::path folder() const { return folder_; }

    std::string FreshDatabase() {
        const std::string name = "test_" + std::to_string(++count_);
        store::pg::Connection connection = MustConnect(server_->url());
        const auto made =
            connection.Execute("create database " + name + " template store_template");
        if (!made) GiveUp(made.error().ToString());
        return WithDatabase(server_->url(), name);
    }

private:
    fs::path folder_;
    std::unique_ptr<store::EmbeddedServer> server_;
    std::atomic<int> count_ = 0;
};

// Started by the first test that asks, on the thread that runs the tests, and stopped by
// GoogleTest.
class Environment : public testing::Environment {
public:
    Server& server() {
        if (server_ == nullptr) server_ = std::make_unique<Server>();
        return *server_;
    }
    void TearDown() override { server_.reset(); }

private:
    std::unique_ptr<Server> server_;
};

Environment* const kEnvironment =
    static_cast<Environment*>(testing::AddGlobalTestEnvironment(new Environment));

}  // namespace

std::string TestServer::FreshDatabase() {
    return kEnvironment->server().FreshDatabase();
}
void TestServer::PutCluster(const fs::path& state_folder) {
    CopyCluster(state_folder);
}
int TestServer::Pid() {
    return kEnvironment->server().server().pid();
}
fs::path TestServer::LogFolder() {
    return kEnvironment->server().folder() / "postgres" / "log";
}
fs::path TestServer::DataFolder() {
    return kEnvironment->server().folder() / "postgres" / "data";
}

StoreTest::StoreTest() : url_(TestServer::FreshDatabase()), state_folder_(MakeFolder("state")) {}

StoreTest::~StoreTest() {
    std::error_code error;
    fs::remove_all(state_folder_, error);
}

const crypto::KeyRing& StoreTest::keys() {
    if (!keys_) {
        const fs::path folder = state_folder_ / "keys";
        auto ring =
            fs::exists(folder) ? crypto::KeyRing::Load(folder) : crypto::KeyRing::Create(folder);
        if (!ring) GiveUp(ring.error().ToString());
        keys_.emplace(std::move(*ring));
    }
    return *keys_;
}

store::pg::Connection StoreTest::Connect() const {
    return MustConnect(url_);
}

void StoreTest::ChangeLinks(const std::string& sql) const {
    const auto changed = Connect().Execute(sql);
    ASSERT_TRUE(changed.has_value()) << changed.error().ToString();
    std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
}

std::string StoreTest::Scalar(const std::string& sql) const {
    auto connection = MustConnect(url_);
    const auto rows = connection.Query("select (" + sql + ")::text");
    if (!rows) GiveUp(rows.error().ToString());
    return rows->empty() ? std::string() : std::string(rows->Text(0, 0));
}

store::StoreOptions StoreTest::Options() const {
    store::StoreOptions options;
    options.postgres = url_;
    options.state_folder = state_folder_;
    options.schemas_sql = SqlFolder();
    return options;
}

}  // namespace carestream::test
