#pragma once
// Neighbours of the channel runtime for its unit tests: a journal and a writer in memory that keep
// the contracts of store/journal.h and store/writer.h, with faults on demand; a program that makes
// one Patient of each message. The real ones run in tests/component/channel.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "channel/dispatcher.h"
#include "channel/generation.h"
#include "channel/receiver.h"

namespace carestream::channel::test {

template <typename Condition>
bool Eventually(Condition condition, int timeout_ms = 5000) {
    for (int waited = 0; waited < timeout_ms; ++waited) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return condition();
}

inline std::string Message(const std::string& control_id, const std::string& event = "ADT^A01",
                           const std::string& processing = "P", const std::string& tail = "") {
    return "MSH|^~\\&|EHR|MAIN|CS|MAIN|20260101120000||" + event + "|" + control_id + "|" +
           processing + "|2.5.1" + tail + "\rPID|1||M" + control_id + "^^^MAIN^MR\r";
}

// Covers ADT^A01, ADT^A08 and ORU^R01. "SLOW" in a message makes its mapping slow, "BAD" unusable.
class TestProgram final : public mapping::Program {
public:
    mapping::Mapped MapTraced(const hl7::Message& message, const mapping::MapContext&,
                              mapping::Trace*) const override {
        mapping::Mapped mapped;
        mapped.map_name = "TEST";
        if (message.bytes().find("SLOW") != std::string_view::npos) {
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        if (message.bytes().find("THROW") != std::string_view::npos) throw std::bad_alloc();
        if (message.bytes().find("BAD") != std::string_view::npos) {
            mapped.status = mapping::MapStatus::kUnusable;
            mapped.path = "PID-3";
            mapped.reason = "no usable identity";
        }
        return mapped;
    }
    bool Covers(std::string_view code, std::string_view event) const override {
        return (code == "ADT" && (event == "A01" || event == "A08")) ||
               (code == "ORU" && event == "R01");
    }
    std::vector<std::string> Events() const override { return {"ADT^A01", "ADT^A08", "ORU^R01"}; }
    Result<mapping::Rendered> Render(const mapping::RenderRequest&,
                                     const mapping::Destination&) const override {
        return Fail(Code::kUnsupported, "nothing goes back");
    }
    std::vector<std::string> OutboundEvents(std::string_view) const override { return {}; }
};

inline std::shared_ptr<Channel> MakeChannel(const std::string& name = "test") {
    auto channel = std::make_shared<Channel>();
    channel->settings.name = name;
    channel->settings.tenant = "main";
    channel->settings.tenant_number = 1;
    channel->settings.charset = "UTF-8";
    channel->settings.processing_ids = {"P"};
    channel->settings.messages = {"ADT", "ORU"};
    channel->settings.ack_hold_ms = 20'000;
    channel->settings.duplicate_window = 7LL * 86400 * 1'000'000;
    channel->program = std::make_shared<TestProgram>();
    channel->generation = 1;
    return channel;
}

class MemoryJournal final : public store::Journal {
public:
    MemoryJournal() : thread_([this](const std::stop_token& stop) { Run(stop); }) {}
    ~MemoryJournal() override {
        thread_.request_stop();
        wake_.notify_all();
    }

    void Append(store::JournalEntry entry, store::Callback<store::JournalReceipt> done) override {
        const std::lock_guard lock(mutex_);
        waiting_.emplace_back(std::move(entry), std::move(done));
        wake_.notify_all();
    }
    Result<std::vector<store::PendingMessage>> Pending(std::int64_t after, int limit) override {
        const std::lock_guard lock(mutex_);
        ++looks_;
        std::vector<store::PendingMessage> pending;
        for (const auto& [seq, message] : rows_) {
            if (static_cast<int>(pending.size()) == limit) break;
            if (seq > after && !outcomes_.contains(seq) && !hidden_.contains(seq))
                pending.push_back(message);
        }
        return pending;
    }
    Result<store::PendingMessage> Load(std::int64_t seq) override {
        const std::lock_guard lock(mutex_);
        const auto row = rows_.find(seq);
        if (row == rows_.end()) return Fail(Code::kNotFound, "no such message");
        return row->second;
    }
    bool Available() const override { return available_; }

    void SetOutcome(std::int64_t seq) {
        const std::lock_guard lock(mutex_);
        outcomes_.insert(seq);
    }
    void Reopen(std::int64_t seq) {
        const std::lock_guard lock(mutex_);
        outcomes_.erase(seq);
    }
    std::int64_t Put(const std::string& channel, const std::string& raw) {
        const std::lock_guard lock(mutex_);
        const std::int64_t seq = next_++;
        rows_[seq] = {seq, 1, channel, raw, 1'000'000, 0};
        return seq;
    }
    void Hide(std::int64_t seq, bool hide) {
        const std::lock_guard lock(mutex_);
        hide ? (void)hidden_.insert(seq) : (void)hidden_.erase(seq);
    }
    std::vector<store::JournalEntry> refused() {
        const std::lock_guard lock(mutex_);
        return refused_;
    }
    std::size_t size() {
        const std::lock_guard lock(mutex_);
        return rows_.size();
    }
    int looks() {
        const std::lock_guard lock(mutex_);
        return looks_;
    }

    std::atomic<bool> available_ = true;
    std::atomic<int> fail_appends_ = 0;            // so many calls fail
    std::atomic<bool> fail_after_commit_ = false;  // a failing call has committed all the same

private:
    void Run(const std::stop_token& stop) {
        std::unique_lock lock(mutex_);
        while (!stop.stop_requested()) {
            wake_.wait_for(lock, std::chrono::milliseconds(5));
            while (!waiting_.empty()) {
                auto [entry, done] = std::move(waiting_.front());
                waiting_.erase(waiting_.begin());
                const auto result = Commit(entry);
                lock.unlock();
                done(result);
                lock.lock();
            }
        }
    }
    Result<store::JournalReceipt> Commit(const store::JournalEntry& entry) {
        const bool fail = fail_appends_ > 0;
        if (fail) --fail_appends_;
        if (fail && !fail_after_commit_) return FailRetryable("down");
        const auto key = entry.source + "|" + entry.control_id + "|" + entry.raw;
        if (const auto first = inbox_.find(key);
            first != inbox_.end() && !entry.control_id.empty()) {
            store::JournalReceipt receipt = first->second;
            receipt.duplicate = true;
            receipt.pending = !outcomes_.contains(receipt.seq);
            return receipt;
        }
        const std::int64_t seq = next_++;
        rows_[seq] = {seq, entry.tenant, entry.channel, entry.raw, entry.received, 0};
        store::JournalReceipt receipt;
        receipt.seq = seq;
        receipt.received = entry.received;
        receipt.answer = entry.answer;
        if (entry.answer == "AA" || entry.answer == "CA") inbox_[key] = receipt;
        if (!entry.refused_stage.empty()) {
            outcomes_.insert(seq);
            refused_.push_back(entry);
        }
        if (fail) return FailRetryable("the commit is in doubt");
        return receipt;
    }

    std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<std::pair<store::JournalEntry, store::Callback<store::JournalReceipt>>> waiting_;
    std::map<std::int64_t, store::PendingMessage> rows_;
    std::map<std::string, store::JournalReceipt> inbox_;
    std::set<std::int64_t> outcomes_;
    std::set<std::int64_t> hidden_;
    std::vector<store::JournalEntry> refused_;
    std::int64_t next_ = 1;
    int looks_ = 0;
    std::jthread thread_;
};

class MemoryWriter final : public store::Writer {
public:
    explicit MemoryWriter(MemoryJournal& journal)
        : journal_(journal), thread_([this](const std::stop_token& stop) { Run(stop); }) {}

    void SubmitFeed(store::FeedWrite write, store::Callback<store::FeedResult> done) override {
        const std::lock_guard lock(mutex_);
        waiting_.emplace_back(std::move(write), std::move(done));
    }
    void SubmitRest(store::RestWrite, store::Callback<store::RestResult> done) override {
        done(Fail(Code::kUnsupported, "not in this test"));
    }
    void SubmitTransaction(store::RestTransaction,
                           store::Callback<std::vector<store::RestResult>> done) override {
        done(Fail(Code::kUnsupported, "not in this test"));
    }
    std::vector<std::int64_t> seqs() {
        const std::lock_guard lock(mutex_);
        std::vector<std::int64_t> seqs;
        for (const auto& write : done_) seqs.push_back(write.seq);
        return seqs;
    }
    std::vector<store::FeedWrite> writes() {
        const std::lock_guard lock(mutex_);
        return done_;
    }
    std::size_t waiting() {
        const std::lock_guard lock(mutex_);
        return waiting_.size();
    }
    std::atomic<bool> hold_ = false;

private:
    void Run(const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            std::vector<std::pair<store::FeedWrite, store::Callback<store::FeedResult>>> batch;
            if (!hold_) {
                const std::lock_guard lock(mutex_);
                batch.swap(waiting_);
            }
            for (auto& [write, done] : batch) {
                journal_.SetOutcome(write.seq);
                store::FeedResult result;
                result.status = write.status;
                if (write.answer) {
                    result.ack = write.answer(write.status, write.path, write.reason);
                }
                {
                    const std::lock_guard lock(mutex_);
                    done_.push_back(write);
                }
                done(result);
            }
            if (batch.empty()) std::this_thread::sleep_for(std::chrono::microseconds(200));
        }
    }

    MemoryJournal& journal_;
    std::mutex mutex_;
    std::vector<std::pair<store::FeedWrite, store::Callback<store::FeedResult>>> waiting_;
    std::vector<store::FeedWrite> done_;
    std::jthread thread_;
};

// A peer as the receiver sees it.
class TestExchange final : public Exchange {
public:
    bool Open() const override { return open; }
    void Answer(std::string ack) override {
        answer = std::move(ack);
        answered = true;
    }
    void Follow(std::string ack) override {
        follow = std::move(ack);
        followed = true;
    }
    void Close(std::string_view) override {
        open = false;
        closed = true;
    }
    std::string answer;
    std::string follow;
    std::atomic<bool> answered = false;
    std::atomic<bool> followed = false;
    std::atomic<bool> closed = false;
    std::atomic<bool> open = true;
};

// "AA" of "...\rMSA|AA|..."
inline std::string CodeOf(const std::string& ack) {
    const auto at = ack.find("\rMSA|");
    return at == std::string::npos ? "" : ack.substr(at + 5, 2);
}

}  // namespace carestream::channel::test
