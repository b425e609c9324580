// Goal: what is acknowledged is committed, takes effect once and in order, across outages, restarts
// and reloads. Method: real sockets, real mappings, a real PostgreSQL that is killed.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <future>
#include <sstream>
#include <thread>

#include "search/query.h"
#include "tests/component/channel/feed_fixture.h"

namespace carestream::test {
namespace {

namespace fs = std::filesystem;
using adapters::mllp::SendOptions;

std::string ReadText(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
}

TEST_F(FeedTest, TheSampleMessagesBecomeResources) {
    Start();
    std::vector<std::string> samples;
    std::vector<fs::path> files;
    for (const auto& entry :
         fs::directory_iterator(fs::path(CARESTREAM_SOURCE_DIR) / "tests/samples")) {
        files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) samples.push_back(ReadText(file));
    const auto acks = Send(samples);
    ASSERT_EQ(acks.size(), samples.size());
    for (std::size_t i = 0; i < acks.size(); ++i) {
        // The first one asks for accept acknowledgments (MSH-15 AL).
        EXPECT_EQ(CodeOf(acks[i]), i == 0 ? "CA" : "AA") << files[i];
    }
    ASSERT_TRUE(AllProcessed());
    EXPECT_EQ(Outcomes(1), std::to_string(samples.size())) << Scalar(
        "select string_agg(seq || ' ' || stage || ' ' || path || ': ' || reason, E'\\n') from "
        "outcome where status <> 1");
    EXPECT_EQ(Resources("Patient"), "2");
    EXPECT_NE(Resources("Observation"), "0");
    EXPECT_EQ(Resources("Appointment"), "1");
    // Again: the first ACKs, byte for byte, and nothing changes.
    EXPECT_EQ(Send(samples), acks);
    EXPECT_EQ(Outcomes(1), std::to_string(samples.size()));
}

TEST_F(FeedTest, AMessageIsNotGluedToOneThatWasCutShortBeforeIt) {
    Start();
    const std::string cut = Adt("A01", "D1", "M1", "First Street");
    const std::string next = Adt("A01", "D2", "M2", "Second Street");
    const auto acks = Send({cut.substr(0, cut.find("Probe")) + "\x0b" + next});
    ASSERT_EQ(acks.size(), 1u);
    EXPECT_NE(acks[0].find("\rMSA|AA|D2"), std::string::npos) << acks[0];
    ASSERT_TRUE(AllProcessed());
    EXPECT_EQ(Outcomes(1), "1");
    EXPECT_EQ(Resources("Patient"), "1");
    // Its sender sends the first one again.
    EXPECT_EQ(CodeOf(Send({cut}).at(0)), "AA");
    ASSERT_TRUE(AllProcessed());
    EXPECT_EQ(Resources("Patient"), "2");
}

TEST_F(FeedTest, ADamagedJournalRowIsADeadLetterAndHoldsNobodyUp) {
    Start();
    ASSERT_EQ(Send({Adt("A01", "D1", "M1", "S"), Adt("A01", "D2", "M2", "S")}).size(), 2u);
    ASSERT_TRUE(AllProcessed());
    Stop();
    auto session = Connect();
    // As if both still waited, the first one with a flipped byte.
    ASSERT_TRUE(session.Execute(
        "delete from outcome; update journal_watermark set seq = 0; update journal set raw = "
        "set_byte(raw, 40, get_byte(raw, 40) # 255) where seq = (select min(seq) from journal)"));
    Start();
    ASSERT_TRUE(AllProcessed());
    EXPECT_EQ(Outcomes(1), "1");
    EXPECT_EQ(Scalar("select stage from outcome where status = 3"), "journal");
}

TEST_F(FeedTest, WhatIsNoEventIsADeadLetterAndHoldsNobodyUp) {
    Start();
    const auto acks = Send({Adt("A0\xe9", "D1", "M1", "S"), Adt("A01", "D2", "M2", "S")});
    ASSERT_EQ(acks.size(), 2u);
    EXPECT_EQ(CodeOf(acks[0]), "AA");
    ASSERT_TRUE(AllProcessed());
    EXPECT_EQ(Outcomes(1), "1");
    EXPECT_EQ(Scalar("select event || '/' || stage || '/' || path from outcome where status = 3"),
              "/parse/MSH-9");
}

TEST_F(FeedTest, ABurstIsProcessedInOrder) {
    Start();
    std::vector<std::string> messages;
    for (int i = 1; i <= 200; ++i) {
        messages.push_back(Adt(i == 1 ? "A01" : "A08", "C" + std::to_string(i), "M1",
                               "STEP " + std::to_string(i)));
    }
    Send(messages);
    EXPECT_EQ(report_.codes["AA"], 200);
    ASSERT_TRUE(AllProcessed());
    EXPECT_EQ(Outcomes(1), "200");
    // Each changed the street: so many versions, none skipped, none twice.
    EXPECT_EQ(Scalar("select version from resource where type = " +
                     std::to_string(definitions_->ResourceTypeNumber("Patient"))),
              "200");
}

TEST_F(FeedTest, WhatWasAcknowledgedBeforeARestartIsProcessedAfterIt) {
    Start();
    SendOptions options;
    options.connections = 32;
    std::vector<std::string> messages;
    for (int i = 0; i < 1500; ++i) {
        messages.push_back(Adt("A01", "C" + std::to_string(i), "M" + std::to_string(i), "S"));
    }
    Send(messages, options);
    EXPECT_EQ(report_.codes["AA"], 1500);
    Stop();
    Start();
    ASSERT_TRUE(AllProcessed(60'000));
    EXPECT_EQ(Outcomes(1), "1500");
    EXPECT_EQ(Resources("Patient"), "1500");
}

TEST_F(FeedTest, AKilledServerLosesNothingAndDoublesNothing) {
    Start();
    std::thread killer([] {
        for (int i = 0; i < 3; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(400));
            ::kill(TestServer::Pid(), SIGKILL);
        }
    });
    SendOptions options;
    options.connections = 16;
    options.retries = 50;
    options.seconds_max = 60;
    std::vector<std::string> messages;
    for (int i = 0; i < 1200; ++i) {
        messages.push_back(Adt("A01", "C" + std::to_string(i), "M" + std::to_string(i), "S"));
    }
    options.rate = 500;
    Send(messages, options);
    killer.join();
    EXPECT_EQ(report_.codes["AA"], 1200);
    ASSERT_TRUE(AllProcessed(60'000));
    EXPECT_EQ(Outcomes(1), "1200");
    EXPECT_EQ(Resources("Patient"), "1200");
    EXPECT_EQ(Scalar("select max(version) from resource where type = " +
                     std::to_string(definitions_->ResourceTypeNumber("Patient"))),
              "1");
}

TEST_F(FeedTest, WhileTheDiskIsLowNothingIsAcknowledged) {
    WriteChannel("feed", "ack_hold: 300ms\non_store_down: AE\n");
    store::StoreOptions options = Options();
    options.disk_free_min_bytes = 1ull << 60;
    Start(options);
    const auto acks = Send({Adt("A01", "C1", "M1", "S")});
    ASSERT_EQ(acks.size(), 1u);
    EXPECT_EQ(CodeOf(acks[0]), "AE");
    EXPECT_EQ(Scalar("select count(*) from journal"), "0");
    Stop();
    Start();
    EXPECT_EQ(CodeOf(Send({Adt("A01", "C1", "M1", "S")})[0]), "AA");
}

TEST_F(FeedTest, AfterProcessingTheAckSaysWhatBecameOfIt) {
    WriteChannel("feed", "ack_after: processing\n");
    Start();
    const std::string good = Adt("A01", "C1", "M1", "S");
    const auto first = Send({good});
    EXPECT_EQ(CodeOf(first.at(0)), "AA");
    EXPECT_EQ(Outcomes(1), "1");
    EXPECT_EQ(Send({good}), first);
    std::string bad = Adt("A01", "C2", "M2", "S");
    bad.replace(bad.find("M2^^^MAIN^MR"), 12, "");
    const auto failed = Send({bad});
    EXPECT_EQ(CodeOf(failed.at(0)), "AE");
    EXPECT_NE(failed[0].find("\rERR|"), std::string::npos);
    // It was refused, so it is tried again.
    EXPECT_NE(Send({bad}), failed);
    EXPECT_EQ(Outcomes(3), "2");
}

TEST_F(FeedTest, AfterProcessingACopyHearsWhatTheFirstHeard) {
    WriteChannel("feed", "ack_after: processing\n");
    Start();
    const std::string good = Adt("A01", "C1", "M1", "S");
    const auto first = Send({good});
    EXPECT_EQ(CodeOf(first.at(0)), "AA");
    EXPECT_EQ(Scalar("select answered from outcome"), "AA");
    EXPECT_EQ(store_->messages().Show(1, "test")->summary.answer, "AA");
    std::string bad = Adt("A01", "C2", "M2", "S");
    bad.replace(bad.find("M2^^^MAIN^MR"), 12, "");
    EXPECT_EQ(CodeOf(Send({bad}).at(0)), "AE");
    EXPECT_EQ(store_->messages().Show(2, "test")->summary.answer, "AE");

    // Not from memory, and not from what the channel says by now.
    Stop();
    WriteChannel("feed", "processing_ids: [T]\n");
    Start();
    EXPECT_EQ(Send({good}), first);
    EXPECT_EQ(Scalar("select count(*) from journal"), "2");
    WriteChannel("feed", "");
    ASSERT_TRUE(Reload().empty());
    // NACKed, so the copy is a message of its own, which is answered at its commit.
    EXPECT_EQ(CodeOf(Send({bad}).at(0)), "AA");
    EXPECT_EQ(Scalar("select count(*) from journal"), "3");
    ASSERT_TRUE(AllProcessed());
    const auto copy =
        store_->messages().Show(std::stoll(Scalar("select max(seq) from journal")), "test");
    ASSERT_TRUE(copy) << copy.error().ToString();
    EXPECT_EQ(copy->summary.answer + " " + copy->summary.status, "AA dead-letter");
}

TEST_F(FeedTest, AfterProcessingTheFirstAnswerOutlivesAReplay) {
    WriteChannel("feed", "ack_after: processing\n");
    Start();
    const std::string kept = Adt("A77", "C1", "M1", "S");
    const auto first = Send({kept});
    EXPECT_EQ(CodeOf(first.at(0)), "AA");
    std::string bad = Adt("A01", "C2", "M2", "S");
    bad.replace(bad.find("M2^^^MAIN^MR"), 12, "");
    const auto nack = Send({bad});
    EXPECT_EQ(CodeOf(nack.at(0)), "AE");

    // The kept one becomes a dead letter: its sender heard AA all the same.
    WriteChannel("feed", "ack_after: processing\nprocessing_ids: [T]\n");
    ASSERT_TRUE(Reload().empty());
    store::DeadLetterFilter both;
    both.seqs = {1, 2};
    const auto seqs = store_->messages().Reopen(both, "test");
    ASSERT_TRUE(seqs);
    EXPECT_EQ(Send({kept}), first) << "while it is pending again";
    supervisor_->Replay(*seqs);
    ASSERT_TRUE(Eventually([&] { return Outcomes(3) == "2"; }));
    EXPECT_EQ(store_->messages().Show(1, "test")->summary.answer, "AA");
    EXPECT_EQ(Send({kept}), first);
    EXPECT_EQ(Scalar("select count(*) from journal"), "2");

    // The other is processed in the end: its sender heard AE and may try again.
    auto session = Connect();
    ASSERT_TRUE(session.Query("update outcome set status = 1 where seq = 2"));
    EXPECT_EQ(store_->messages().Show(2, "test")->summary.answer, "AE");
    WriteChannel("feed", "ack_after: processing\n");
    ASSERT_TRUE(Reload().empty());
    EXPECT_NE(Send({bad}), nack);
    EXPECT_EQ(Scalar("select count(*) from journal"), "3");
}

TEST_F(FeedTest, AfterProcessingACopyInAcceptModeHearsBothAgain) {
    WriteChannel("feed", "ack_after: processing\n");
    Start();
    std::string message = Adt("A01", "C1", "M1", "S");
    message.replace(message.find("|2.5.1\r"), 7, "|2.5.1|||AL|AL\r");
    Send({message});
    ASSERT_TRUE(AllProcessed());
    EXPECT_EQ(Scalar("select answered from outcome"), "AA");
    Stop();
    Start();
    Send({message});
    const std::string after = R"(carestream_acks_total{channel="feed",code="AA"} 2)";
    EXPECT_TRUE(Eventually([&] { return metrics_.Expose().find(after) != std::string::npos; }))
        << metrics_.Expose();
}

TEST_F(FeedTest, RefusedAndUnmappedMessagesAreKeptAsTheChannelSays) {
    Start();
    const auto acks =
        Send({Adt("A01", "C1", "M1", "S", "T"), Adt("A77", "C2", "M1", "S"), "no HL7"});
    ASSERT_EQ(acks.size(), 2u);
    EXPECT_EQ(CodeOf(acks[0]), "AR");
    EXPECT_EQ(CodeOf(acks[1]), "AA");
    EXPECT_EQ(report_.errors.size(), 1u);  // the link closed
    ASSERT_TRUE(AllProcessed());
    EXPECT_EQ(Outcomes(2), "1");
    EXPECT_EQ(Outcomes(3), "2");
    const auto groups = store_->messages().DeadLetterGroups();
    ASSERT_TRUE(groups);
    EXPECT_EQ(groups->size(), 2u);
}

TEST_F(FeedTest, AReplayTakesEffectOnceTheChannelAllowsIt) {
    Start();
    Send({Adt("A01", "C1", "M1", "S", "T")});
    store::DeadLetterFilter filter;
    filter.path = "MSH-11.1";
    auto seqs = store_->messages().Reopen(filter, "test");
    ASSERT_TRUE(seqs);
    supervisor_->Replay(*seqs);
    ASSERT_TRUE(Eventually([&] { return Outcomes(3) == "1"; }));
    EXPECT_EQ(Resources("Patient"), "0");

    WriteChannel("feed", "processing_ids: [P, T]\n");
    ASSERT_TRUE(Reload().empty());
    seqs = store_->messages().Reopen(filter, "test");
    ASSERT_TRUE(seqs);
    ASSERT_EQ(seqs->size(), 1u);
    supervisor_->Replay(*seqs);
    ASSERT_TRUE(Eventually([&] { return Outcomes(1) == "1"; }));
    EXPECT_EQ(Resources("Patient"), "1");
}

TEST_F(FeedTest, AllergiesThatAreNotSentAnyMoreAreInactive) {
    Start();
    const std::string a = "AL1|1|DA|P^Penicillin^L\r";
    const std::string b = "AL1|2|FA|N^Nuts^L\r";
    const auto found = [&](const std::string& status) {
        store::SearchRequest request;
        request.tenant = 1;
        request.query =
            search::ParseQuery(*definitions_, "AllergyIntolerance", {{"clinical-status", status}})
                .value();
        std::promise<std::size_t> count;
        store_->reader().Search(std::move(request), [&](Result<store::SearchPage> page) {
            count.set_value(page ? page->matches.size() : 99);
        });
        return count.get_future().get();
    };
    // A message of another source says the same of a third allergy; nobody ends it.
    std::string other = Adt("A08", "L1", "M1", "S") + "AL1|1|EA|L^Latex^L\r";
    other.replace(other.find("|EHR|"), 5, "|LAB|");
    Send({Adt("A01", "L0", "M1", "S") + a + b, other});
    ASSERT_TRUE(AllProcessed());
    EXPECT_EQ(found("active"), 3u);
    Send({Adt("A08", "L2", "M1", "S"), Adt("A08", "L3", "M1", "S") + a});
    ASSERT_TRUE(AllProcessed());
    EXPECT_EQ(found("active"), 2u);
    EXPECT_EQ(found("inactive"), 1u);
    Send({Adt("A08", "L4", "M1", "S"), Adt("A08", "L5", "M1", "S") + a + b});
    ASSERT_TRUE(AllProcessed());
    EXPECT_EQ(found("active"), 3u);
}

TEST_F(FeedTest, MessagesAreFoundByTheirKeys) {
    Start();
    Send({Adt("A01", "C1", "M1", "S"), Adt("A01", "C2", "M2", "S")});
    ASSERT_TRUE(AllProcessed());
    const std::pair<const char*, const char*> keys[] = {
        {"control", "C2"}, {"patient", "M2"}, {"visit", "VM2"}};
    for (const auto& [kind, value] : keys) {
        const auto found = store_->messages().Find(1, {kind, value}, 10);
        ASSERT_TRUE(found) << found.error().ToString();
        ASSERT_EQ(found->size(), 1u) << kind;
        EXPECT_EQ(found->at(0).seq, 2) << kind;
        EXPECT_EQ(found->at(0).status, "processed");
        EXPECT_EQ(found->at(0).event, "ADT^A01");
    }
    const auto detail = store_->messages().Show(2, "test");
    ASSERT_TRUE(detail);
    EXPECT_EQ(detail->raw, Adt("A01", "C2", "M2", "S"));
    EXPECT_FALSE(detail->resources.empty());
    EXPECT_NE(detail->loss_report.find("\"unmapped\""), std::string::npos);
}

TEST_F(FeedTest, ReloadKeepsLinksWhoseSourceDidNotChange) {
    Start();
    const net::Address before = AddressOf("feed");
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(before.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const auto exchange = [&](const std::string& message) {
        const std::string frame = "\x0b" + message + "\x1c\r";
        ::send(socket, frame.data(), frame.size(), MSG_NOSIGNAL);
        char buffer[4096];
        const auto count = ::recv(socket, buffer, sizeof buffer, 0);
        return count <= 0 ? std::string("closed")
                          : CodeOf(std::string(buffer, static_cast<std::size_t>(count)));
    };
    EXPECT_EQ(exchange(Adt("A01", "C1", "M1", "S", "T")), "AR");
    WriteChannel("feed", "processing_ids: [T]\n");
    ASSERT_TRUE(Reload().empty());
    EXPECT_THAT(changes_, testing::ElementsAre("channel feed: changed, links stay open"));
    EXPECT_EQ(exchange(Adt("A01", "C2", "M1", "S", "T")), "AA");

    // Refused as a whole: a mistake, then a port that is taken.
    WriteChannel("feed", "processing_id: [P]\n");
    WriteChannel("other", "");
    const auto errors = Reload();
    ASSERT_EQ(errors.size(), 1u);
    EXPECT_NE(errors[0].find(
                  "feed.yaml:7:1: unknown key 'processing_id', did you mean 'processing_ids'?"),
              std::string::npos)
        << errors[0];
    WriteChannel("feed", "processing_ids: [P]\n");
    WriteChannel("other", "", std::to_string(before.port));
    EXPECT_NE(Reload().at(0).find("cannot listen"), std::string::npos);
    EXPECT_EQ(exchange(Adt("A01", "C3", "M1", "S", "T")), "AA");
    EXPECT_EQ(supervisor_->Channels().size(), 1u);

    // Another port closes the link.
    fs::remove(channels_ / "other.yaml");
    WriteChannel("feed", "", std::to_string(before.port == 65'535 ? 1024 : before.port + 1));
    if (Reload().empty()) {
        EXPECT_EQ(exchange(Adt("A01", "C4", "M1", "S")), "closed");
        EXPECT_EQ(CodeOf(Send({Adt("A01", "C5", "M1", "S")}).at(0)), "AA");
    }
    ::close(socket);
}

TEST_F(FeedTest, ADuplicateWindowEndsWithTheJournal) {
    Start();
    journal_keep_ = 7ll * 86'400 * 1'000'000;
    EXPECT_THAT(Reload(), testing::IsEmpty()) << "as long is not longer";
    WriteChannel("feed", "ack_hold: 1s\nduplicate_window: 8d\n");
    const auto errors = Reload();
    ASSERT_EQ(errors.size(), 1u);
    EXPECT_NE(errors[0].find("feed.yaml:8:19: 'duplicate_window' is longer than "
                             "'store.journal_keep'"),
              std::string::npos)
        << errors[0];
    journal_keep_ = 86'400ll * 1'000'000;
    WriteChannel("feed", "");
    EXPECT_EQ(Reload().size(), 1u) << "the default counts too";
}

TEST_F(FeedTest, AMessageOfARemovedChannelBecomesADeadLetterWithTheRemedy) {
    WriteChannel("second", "");
    Start();
    Send({Adt("A01", "C1", "M1", "S")}, {}, "second");
    ASSERT_TRUE(AllProcessed());
    Stop();
    fs::remove(channels_ / "second.yaml");
    auto session = Connect();
    ASSERT_TRUE(session.Query("delete from outcome"));
    ASSERT_TRUE(session.Query("update journal_watermark set seq = 0"));
    Start();
    ASSERT_TRUE(AllProcessed());
    EXPECT_EQ(Scalar("select stage from outcome"), "channel");
    EXPECT_NE(Scalar("select reason from outcome").find("'second' is not configured"),
              std::string::npos);
}

}  // namespace
}  // namespace carestream::test
