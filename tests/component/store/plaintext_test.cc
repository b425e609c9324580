// Goal: nothing that identifies a patient is readable in the database, its WAL or its log. Method:
// marked values go through everything that takes messages; then every file of the cluster and a
// dump is searched.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <future>

#include "store/internal/journal_impl.h"
#include "store/internal/message_seal.h"
#include "store/internal/messages_impl.h"
#include "store/internal/pg_install.h"
#include "store/internal/tokens.h"
#include "tests/component/store/resource_fixture.h"

namespace carestream::store {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMarks[] = {"ZQXNAME", "ZQXMRN", "ZQXCONTROL", "ZQXVISIT", "ZQXDETAIL"};

std::string ReadAll(const fs::path& file) {
    std::string text(fs::file_size(file), '\0');
    std::ifstream in(file, std::ios::binary);
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    return text;
}

std::string Output(const std::string& command) {
    std::string all;
    FILE* pipe = popen(command.c_str(), "r");
    char block[65536];
    for (std::size_t count = 0; (count = fread(block, 1, sizeof block, pipe)) > 0;) {
        all.append(block, count);
    }
    EXPECT_EQ(pclose(pipe), 0) << command;
    return all;
}

using PlaintextTest = test::StoreTest;

TEST_F(PlaintextTest, MarkedValuesAreNowhere) {
    SystemClock clock;
    auto journal = MakeJournal({.connect = {.url = url()},
                                .keys = keys(),
                                .clock = clock,
                                .log = {},
                                .committed = {},
                                .disk_folder = state_folder()});
    ASSERT_TRUE(journal) << journal.error().ToString();
    const Micros now = clock.Now();
    for (int i = 0; i < 20; ++i) {
        JournalEntry entry;
        entry.channel = "adt";
        entry.source = "adt|ZQXNAME|";
        entry.control_id = "ZQXCONTROL" + std::to_string(i);
        entry.raw = "PID|ZQXMRN|ZQXNAME";
        if (i == 7) entry.raw += std::string(1 << 20, 'x') + "ZQXNAME";
        entry.received = now;
        entry.answer = "AA";
        std::promise<void> done;
        (*journal)->Append(entry, [&done](const Result<JournalReceipt>&) { done.set_value(); });
        done.get_future().wait();
    }
    auto session = Connect();
    const std::string detail =
        SealDetail(keys(), 1, 1, now, "ZQXDETAIL", {{"Patient", "p", 1, true}});
    pg::Params params;
    params.Timestamp(now).Bytes(detail);
    ASSERT_TRUE(session.Query(
        "insert into outcome values (1, $1::timestamptz, 1, 1, now(), '', '', '', '', "
        "0, '', '', $2::bytea)",
        params));
    const FindKey visit{"visit", "ZQXVISIT"};
    pg::Params key;
    key.Int8(FindToken(keys().token_key("1"), visit)).Timestamp(now);
    ASSERT_TRUE(
        session.Query("insert into message_key values (1, $1::int8, 1, $2::timestamptz)", key));
    // Statements that fail, with the values in text, as a bug would send them.
    EXPECT_FALSE(session.Query("select 'ZQXNAME'::int4"));
    EXPECT_FALSE(session.Execute("select 'ZQXNAME'::no_such_type"));
    EXPECT_FALSE(session.Query("select $1::text::int4", pg::Params().Text("ZQXMRN")));
    EXPECT_FALSE(session.Query("select pg_sleep(0), 1 / (length('ZQXNAME') - 7)"));
    const auto messages = MakeMessages({.url = url()}, keys(), test::Definitions(), clock);
    ASSERT_TRUE(messages->Show(1, "ann"));
    ASSERT_EQ(messages->Find(1, visit, 10).value().size(), 1u);
    ASSERT_TRUE(session.Execute("checkpoint"));

    std::size_t files = 0;
    std::size_t with_wal = 0;
    const auto search = [](const std::string& text, const std::string& where) {
        for (const char* mark : kMarks) {
            const void* found = memmem(text.data(), text.size(), mark, std::strlen(mark));
            EXPECT_EQ(found, nullptr) << mark << " in " << where;
        }
    };
    for (const fs::path& folder : {test::TestServer::DataFolder(), test::TestServer::LogFolder()}) {
        for (const auto& entry : fs::recursive_directory_iterator(folder)) {
            if (!entry.is_regular_file()) continue;
            ++files;
            if (entry.path().parent_path().filename() == "pg_wal") ++with_wal;
            search(ReadAll(entry.path()), entry.path().string());
        }
    }
    EXPECT_GT(files, 100u);
    EXPECT_GT(with_wal, 0u);
    const std::string dump =
        Output((FindPostgres(0).value().bin / "pg_dump").string() + " '" + url() + "'");
    EXPECT_THAT(dump, testing::HasSubstr("COPY public.journal_"));
    search(dump, "the dump");
}

}  // namespace
}  // namespace carestream::store
