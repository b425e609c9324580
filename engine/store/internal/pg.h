#pragma once
// A thin owner of one libpq connection: prepared statements with binary values, and pipeline mode.
// Every wait has a deadline. Errors carry SQLSTATE and object names, never values.
//
//   class 22 (data) and 23 (constraint)   kInvalid, not retryable: this input is wrong
//   everything else                       kUnavailable, retryable: the database, not the input
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "store/internal/pg_values.h"

struct pg_conn;
struct pg_cancel;

namespace carestream::store::pg {

// A statement is prepared on first use of a connection. `name` is unique for the text.
struct Statement {
    std::string name;
    std::string sql;
};

struct ConnectOptions {
    std::string url;  // anything libpq takes
    std::string application = "carestream";
    int connect_timeout_ms = 5'000;
    int wait_timeout_ms = 60'000;  // longest wait for one answer; then the connection is broken
    std::vector<std::string> settings = {};  // "SET ..." statements run after connecting
};

// Whether a server accepts connections at `url` now.
[[nodiscard]] bool Answers(const std::string& url);

// Ends what a connection is doing, from any thread. Outlives the connection safely.
class Canceller {
public:
    Canceller() = default;
    explicit Canceller(pg_conn* connection);
    // Asks the server to stop the running statement; it fails with SQLSTATE 57014.
    void Cancel() const;

private:
    struct Free {
        void operator()(pg_cancel* cancel) const;
    };
    std::shared_ptr<pg_cancel> cancel_;
};

// Confined to one thread at a time.
class Connection {
public:
    // Error: kUnavailable, retryable.
    [[nodiscard]] static Result<Connection> Connect(const ConnectOptions& options);

    // One or more statements without parameters or rows, e.g. a migration.
    [[nodiscard]] Result<void> Execute(std::string_view sql);
    // One prepared statement, one round trip.
    [[nodiscard]] Result<Rows> Run(const Statement& statement, const Params& params = {});
    // Like Run, without keeping the statement: for what is asked once.
    [[nodiscard]] Result<Rows> Query(std::string_view sql, const Params& params = {});

    // Pipeline: Queue any number, then Sync gives one Rows per Queue, in order. The server works on
    // what has queued while the caller makes the next statement.
    // With an error nothing after the failed statement ran; an open transaction needs Rollback().
    // Statements between two Syncs without BEGIN form one implicit transaction.
    [[nodiscard]] Result<void> Queue(const Statement& statement, const Params& params = {});
    [[nodiscard]] Result<std::vector<Rows>> Sync();
    // Forgets a queued pipeline (waits for its results) and ends an open transaction. A failure
    // leaves the connection broken.
    void Rollback();

    // False when the session is gone: make a new one.
    [[nodiscard]] bool Usable() const;
    [[nodiscard]] bool InTransaction() const;
    // SQLSTATE of the latest error, "" when the server gave none (a lost connection).
    [[nodiscard]] const std::string& sqlstate() const { return sqlstate_; }
    [[nodiscard]] Canceller canceller() const;
    [[nodiscard]] int server_version() const;  // 150020
    [[nodiscard]] int backend() const;         // process id of the session on the server's machine
    // Longest wait for one answer from now on.
    void set_wait_timeout_ms(int wait_timeout_ms) { wait_timeout_ms_ = wait_timeout_ms; }

    // The text as a quoted SQL literal / identifier, for statements that take no parameters (DDL).
    [[nodiscard]] std::string Literal(std::string_view text) const;
    [[nodiscard]] std::string Identifier(std::string_view name) const;

private:
    struct Close {
        void operator()(pg_conn* connection) const;
    };
    struct Pending {
        std::string prepared;   // name, when this result belongs to a prepare
        std::string statement;  // name for error texts
    };
    using Handle = std::unique_ptr<pg_conn, Close>;
    Connection(Handle connection, int wait_timeout_ms);

    [[nodiscard]] Result<void> Send(const Statement& statement, const Params& params);
    [[nodiscard]] Result<void> EnterPipeline();
    [[nodiscard]] Result<void> Flush();
    [[nodiscard]] Result<void> WaitReadable();
    [[nodiscard]] Result<Rows> OneResult(std::string_view statement);
    [[nodiscard]] Result<Rows> Check(Rows rows, pg_result* result, std::string_view statement);
    [[nodiscard]] Result<void> PrepareNow(const Statement& statement);
    [[nodiscard]] Error Lost(std::string_view what);

    Handle connection_;
    int wait_timeout_ms_ = 60'000;
    bool pipeline_ = false;
    bool broken_ = false;
    std::vector<Pending> pending_;
    std::unordered_set<std::string> prepared_;
    std::string sqlstate_;
    Params::Raw raw_;
};

}  // namespace carestream::store::pg
