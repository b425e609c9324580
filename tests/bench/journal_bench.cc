// Time to a durable receipt: N closed-loop senders, each waits for its receipt before it sends
// again. The journal, its server (durable settings) and the senders share the machine.
//   bench_journal [--senders N] [--seconds S] [--bytes B] [--url URL] [--state DIR]
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "crypto/keys.h"
#include "store/internal/embedded.h"
#include "store/internal/journal_impl.h"
#include "store/internal/migrate.h"
#include "tests/bench/must.h"
#include "tests/bench/process_time.h"

namespace {

using namespace carestream;
using namespace carestream::store;
using bench::GiveUp;
using bench::Must;
using SteadyClock = std::chrono::steady_clock;

struct Flags {
    std::size_t senders = 64;
    double seconds = 10;
    std::size_t bytes = 1200;
    std::string state = "/tmp/carestream-bench-journal";
};

// Looks like HL7 and compresses like it: fixed structure, changing values.
std::string Message(std::size_t number, std::size_t bytes) {
    std::string text = "MSH|^~\\&|EPIC|MAIN|CARESTREAM|MAIN|20261124120000||ADT^A08^ADT_A01|" +
                       std::to_string(number) + "|P|2.5.1\rPID|1||" +
                       std::to_string(number * 7919) + "^^^MAIN^MR||";
    std::uint64_t state = number * 0x9E3779B97F4A7C15ull + 1;
    while (text.size() < bytes) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        text += (state >> 60) < 6 ? std::string("|||^")
                                  : std::to_string((state >> 33) % 100000) + "^^^L|";
    }
    return text;
}

// The senders' thread, as an I/O thread of the listeners would be.
class Senders {
public:
    Senders(Journal& journal, const Flags& flags) : journal_(journal), flags_(flags) {}

    void Run() {
        const auto end = SteadyClock::now() + std::chrono::duration<double>(flags_.seconds);
        for (std::size_t i = 0; i < flags_.senders; ++i) Send();
        std::unique_lock lock(mutex_);
        while (SteadyClock::now() < end) {
            wake_.wait_for(lock, std::chrono::milliseconds(10), [this] { return answered_ > 0; });
            const std::size_t again = std::exchange(answered_, 0);
            lock.unlock();
            for (std::size_t i = 0; i < again; ++i) Send();
            lock.lock();
        }
        wake_.wait(lock, [this] { return open_ == 0; });
    }
    std::vector<double> latencies_ms;  // after Run
    std::size_t failed = 0;

private:
    void Send() {
        JournalEntry entry;
        entry.channel = "adt";
        entry.source = "adt|EPIC|MAIN";
        entry.control_id = "B" + std::to_string(++sent_);
        entry.raw = Message(sent_, flags_.bytes);
        entry.received = clock_.Now();
        entry.answer = "AA";
        ++open_;
        const auto start = SteadyClock::now();
        journal_.Append(std::move(entry), [this, start](const Result<JournalReceipt>& receipt) {
            const std::chrono::duration<double, std::milli> took = SteadyClock::now() - start;
            const std::lock_guard lock(mutex_);
            if (!receipt) ++failed;
            latencies_ms.push_back(took.count());
            ++answered_;
            --open_;
            wake_.notify_one();
        });
    }

    Journal& journal_;
    const Flags& flags_;
    SystemClock clock_;
    std::size_t sent_ = 0;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::size_t answered_ = 0;
    std::atomic<std::size_t> open_ = 0;
};

}  // namespace

int main(int count, char** words) {
    Flags flags;
    for (int i = 1; i + 1 < count; i += 2) {
        const std::string_view name = words[i];
        if (name == "--senders") flags.senders = std::strtoul(words[i + 1], nullptr, 10);
        if (name == "--seconds") flags.seconds = std::strtod(words[i + 1], nullptr);
        if (name == "--bytes") flags.bytes = std::strtoul(words[i + 1], nullptr, 10);
        if (name == "--state") flags.state = words[i + 1];
    }
    std::filesystem::remove_all(flags.state);
    auto server =
        Must(EmbeddedServer::Start({.state_folder = flags.state, .stop_with_parent = true}, {}));
    {
        auto session = Must(pg::Connection::Connect({.url = server->url()}));
        const auto done =
            Migrate(session, std::filesystem::path(CARESTREAM_SOURCE_DIR) / "schemas/sql", {});
        if (!done) GiveUp(done.error());
    }
    const auto keys = Must(crypto::KeyRing::Create(std::filesystem::path(flags.state) / "keys"));
    SystemClock clock;
    std::atomic<std::size_t> commits = 0;
    auto journal = Must(MakeJournal({.connect = {.url = server->url()},
                                     .keys = keys,
                                     .clock = clock,
                                     .log = {},
                                     .committed = [&](double, std::size_t) { ++commits; },
                                     .disk_folder = flags.state}));
    const bench::CpuTime before = bench::ReadCpuTime(server->pid());
    Senders senders(*journal, flags);
    const auto start = SteadyClock::now();
    senders.Run();
    const std::chrono::duration<double> took = SteadyClock::now() - start;
    const bench::CpuTime after = bench::ReadCpuTime(server->pid());

    auto& all = senders.latencies_ms;
    std::sort(all.begin(), all.end());
    const auto total = static_cast<double>(all.size());
    std::printf(
        "journal: %zu senders, %zu bytes: %.0f msg/s, p50 %.2f ms, p99 %.2f ms, max %.2f ms, "
        "%.1f per commit, CPU us/msg: client %.1f postgres %.1f, failed %zu\n",
        flags.senders, flags.bytes, total / took.count(), all[all.size() / 2],
        all[all.size() * 99 / 100], all.back(), total / static_cast<double>(commits),
        (after.own_us - before.own_us) / total, (after.server_us - before.server_us) / total,
        senders.failed);
    journal.reset();
    server.reset();
    std::filesystem::remove_all(flags.state);
    return 0;
}
