#include "store/internal/pg.h"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/assert.h"

namespace carestream::store::pg {
namespace {

using SteadyClock = std::chrono::steady_clock;

std::string Field(const PGresult* result, int field) {
    const char* text = PQresultErrorField(result, field);
    return text == nullptr ? std::string() : std::string(text);
}

// Names only: the server's detail, and its message for bad data, repeat the values.
std::string Describe(const PGresult* result, std::string_view statement, const std::string& state) {
    std::string text = "database refused " + std::string(statement) + ": SQLSTATE " + state;
    const std::string_view state_class = std::string_view(state).substr(0, 2);
    if (state_class != "22" && state_class != "23") {
        text += ": " + Field(result, PG_DIAG_MESSAGE_PRIMARY);
    }
    const std::string table = Field(result, PG_DIAG_TABLE_NAME);
    const std::string column = Field(result, PG_DIAG_COLUMN_NAME);
    const std::string constraint = Field(result, PG_DIAG_CONSTRAINT_NAME);
    if (!table.empty()) text += ", table " + table;
    if (!column.empty()) text += ", column " + column;
    if (!constraint.empty()) text += ", constraint " + constraint;
    return text;
}

Error ToError(const PGresult* result, std::string_view statement, const std::string& state) {
    const std::string_view state_class = std::string_view(state).substr(0, 2);
    const bool input = state_class == "22" || state_class == "23";
    Error error;
    error.code = input ? Code::kInvalid : Code::kUnavailable;
    error.retryable = !input;
    error.message = Describe(result, statement, state);
    return error;
}

std::string FirstLine(const char* text) {
    std::string line = text == nullptr ? "" : text;
    line.resize(std::min(line.find('\n'), line.size()));
    return line;
}

}  // namespace

bool Answers(const std::string& url) {
    return PQping(url.c_str()) == PQPING_OK;
}

void Canceller::Free::operator()(pg_cancel* cancel) const {
    PQfreeCancel(cancel);
}

Canceller::Canceller(pg_conn* connection) : cancel_(PQgetCancel(connection), Free()) {}

void Canceller::Cancel() const {
    char reason[256];
    if (cancel_ != nullptr) PQcancel(cancel_.get(), reason, sizeof reason);
}

void Connection::Close::operator()(pg_conn* connection) const {
    PQfinish(connection);
}

Connection::Connection(Handle connection, int wait_timeout_ms)
    : connection_(std::move(connection)), wait_timeout_ms_(wait_timeout_ms) {}

Result<Connection> Connection::Connect(const ConnectOptions& options) {
    const std::string timeout = std::to_string(std::max(2, options.connect_timeout_ms / 1000));
    // The URL comes first and is expanded in place: what follows overrides it.
    const char* keys[] = {"dbname", "application_name", "connect_timeout", "client_encoding",
                          nullptr};
    const char* values[] = {options.url.c_str(), options.application.c_str(), timeout.c_str(),
                            "UTF8", nullptr};
    Handle handle(PQconnectdbParams(keys, values, 1));
    if (handle == nullptr || PQstatus(handle.get()) != CONNECTION_OK) {
        return FailRetryable("cannot connect to PostgreSQL: " +
                             FirstLine(PQerrorMessage(handle.get())));
    }
    // Notices would go to stderr, and some repeat values.
    PQsetNoticeProcessor(
        handle.get(), [](void*, const char*) {}, nullptr);
    PQsetnonblocking(handle.get(), 1);
    Connection connection(std::move(handle), options.wait_timeout_ms);
    for (const std::string& setting : options.settings) {
        CARESTREAM_TRY(connection.Execute(setting));
    }
    return connection;
}

Error Connection::Lost(std::string_view what) {
    broken_ = true;
    pipeline_ = false;
    pending_.clear();
    sqlstate_.clear();
    Error error;
    error.code = Code::kUnavailable;
    error.retryable = true;
    error.message = "connection to PostgreSQL lost while " + std::string(what) + ": " +
                    FirstLine(PQerrorMessage(connection_.get()));
    return error;
}

Result<void> Connection::Flush() {
    for (;;) {
        const int state = PQflush(connection_.get());
        if (state == 0) return {};
        if (state < 0) return Fail(Lost("sending"));
        // The server may be blocked on results that nobody reads: serve both directions.
        pollfd socket{PQsocket(connection_.get()), POLLIN | POLLOUT, 0};
        if (poll(&socket, 1, wait_timeout_ms_) == 0) return Fail(Lost("sending (timed out)"));
        if ((socket.revents & POLLIN) != 0 && PQconsumeInput(connection_.get()) == 0) {
            return Fail(Lost("sending"));
        }
    }
}

Result<void> Connection::WaitReadable() {
    const auto deadline = SteadyClock::now() + std::chrono::milliseconds(wait_timeout_ms_);
    while (PQisBusy(connection_.get()) != 0) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - SteadyClock::now());
        if (left.count() <= 0) return Fail(Lost("waiting for an answer (timed out)"));
        pollfd socket{PQsocket(connection_.get()), POLLIN, 0};
        if (poll(&socket, 1, static_cast<int>(left.count())) <= 0) continue;
        if (PQconsumeInput(connection_.get()) == 0) return Fail(Lost("waiting for an answer"));
    }
    return {};
}

Result<Rows> Connection::OneResult(std::string_view statement) {
    CARESTREAM_TRY(WaitReadable());
    PGresult* result = PQgetResult(connection_.get());
    if (result == nullptr) return Fail(Lost("waiting for an answer"));
    Rows rows(result);
    return Check(std::move(rows), result, statement);
}

Result<Rows> Connection::Check(Rows rows, pg_result* result, std::string_view statement) {
    switch (PQresultStatus(result)) {
        case PGRES_TUPLES_OK:
        case PGRES_COMMAND_OK:
        case PGRES_EMPTY_QUERY:
        case PGRES_PIPELINE_SYNC:
            return rows;
        case PGRES_PIPELINE_ABORTED:
            return FailRetryable("not run: an earlier statement failed");
        default:
            break;
    }
    const std::string state = Field(result, PG_DIAG_SQLSTATE);
    // The server may have ended the session behind a COMMIT that it did: that is no refusal, though
    // the socket is not seen closed yet.
    const std::string severity = Field(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const bool ended = severity == "FATAL" || severity == "PANIC";
    if (state.empty() || ended || PQstatus(connection_.get()) != CONNECTION_OK) {
        Error lost = Lost("running " + std::string(statement));
        sqlstate_ = state;
        return Fail(std::move(lost));
    }
    sqlstate_ = state;
    return Fail(ToError(result, statement, state));
}

Result<void> Connection::Execute(std::string_view sql) {
    CARESTREAM_ASSERT(!pipeline_);
    if (!Usable()) return Fail(Lost("starting a statement"));
    if (PQsendQuery(connection_.get(), std::string(sql).c_str()) == 0) return Fail(Lost("sending"));
    CARESTREAM_TRY(Flush());
    Result<void> outcome;
    for (;;) {
        CARESTREAM_TRY(WaitReadable());
        PGresult* result = PQgetResult(connection_.get());
        if (result == nullptr) return outcome;
        Result<Rows> checked = Check(Rows(result), result, "a script");
        if (!checked && outcome) outcome = Fail(checked.error());
        if (broken_) return outcome;
    }
}

Result<void> Connection::PrepareNow(const Statement& statement) {
    if (prepared_.contains(statement.name)) return {};
    if (PQsendPrepare(connection_.get(), statement.name.c_str(), statement.sql.c_str(), 0,
                      nullptr) == 0) {
        return Fail(Lost("preparing"));
    }
    CARESTREAM_TRY(Flush());
    Result<Rows> result = OneResult(statement.name);
    if (broken_) return Fail(result.error());
    PQclear(PQgetResult(connection_.get()));
    if (!result) return Fail(result.error());
    prepared_.insert(statement.name);
    return {};
}

Result<void> Connection::Send(const Statement& statement, const Params& params) {
    params.Fill(raw_);
    if (PQsendQueryPrepared(connection_.get(), statement.name.c_str(), params.size(),
                            raw_.values.data(), raw_.lengths.data(), raw_.formats.data(), 1) == 0) {
        return Fail(Lost("sending"));
    }
    return {};
}

Result<Rows> Connection::Run(const Statement& statement, const Params& params) {
    CARESTREAM_ASSERT(!pipeline_);
    if (!Usable()) return Fail(Lost("starting a statement"));
    CARESTREAM_TRY(PrepareNow(statement));
    CARESTREAM_TRY(Send(statement, params));
    CARESTREAM_TRY(Flush());
    Result<Rows> rows = OneResult(statement.name);
    if (!broken_) PQclear(PQgetResult(connection_.get()));
    return rows;
}

Result<Rows> Connection::Query(std::string_view sql, const Params& params) {
    CARESTREAM_ASSERT(!pipeline_);
    if (!Usable()) return Fail(Lost("starting a statement"));
    params.Fill(raw_);
    if (PQsendQueryParams(connection_.get(), std::string(sql).c_str(), params.size(), nullptr,
                          raw_.values.data(), raw_.lengths.data(), raw_.formats.data(), 1) == 0) {
        return Fail(Lost("sending"));
    }
    CARESTREAM_TRY(Flush());
    Result<Rows> rows = OneResult("a query");
    if (!broken_) PQclear(PQgetResult(connection_.get()));
    return rows;
}

Result<void> Connection::EnterPipeline() {
    if (pipeline_) return {};
    if (!Usable() || PQenterPipelineMode(connection_.get()) == 0) {
        return Fail(Lost("starting a pipeline"));
    }
    pipeline_ = true;
    return {};
}

Result<void> Connection::Queue(const Statement& statement, const Params& params) {
    CARESTREAM_TRY(EnterPipeline());
    if (prepared_.insert(statement.name).second) {
        if (PQsendPrepare(connection_.get(), statement.name.c_str(), statement.sql.c_str(), 0,
                          nullptr) == 0) {
            return Fail(Lost("preparing"));
        }
        pending_.push_back({statement.name, statement.name});
    }
    CARESTREAM_TRY(Send(statement, params));
    pending_.push_back({"", statement.name});
    // The server begins while the next statement is made; what the socket does not take waits.
    if (PQflush(connection_.get()) < 0) return Fail(Lost("sending"));
    return {};
}

Result<std::vector<Rows>> Connection::Sync() {
    if (broken_) return Fail(Lost("ending a pipeline"));
    CARESTREAM_TRY(EnterPipeline());
    if (PQpipelineSync(connection_.get()) == 0) return Fail(Lost("ending a pipeline"));
    CARESTREAM_TRY(Flush());
    std::vector<Rows> all;
    all.reserve(pending_.size());
    Result<void> outcome;
    const std::vector<Pending> pending = std::exchange(pending_, {});
    for (const Pending& waiting : pending) {
        Result<Rows> rows = OneResult(waiting.statement);
        if (broken_) return Fail(rows.error());
        PQclear(PQgetResult(connection_.get()));  // the end mark of this statement
        if (!rows) {
            if (!waiting.prepared.empty()) prepared_.erase(waiting.prepared);
            if (outcome) outcome = Fail(rows.error());
        } else if (waiting.prepared.empty()) {
            all.push_back(std::move(*rows));
        }
    }
    CARESTREAM_TRY(OneResult("the end of a pipeline"));
    if (PQexitPipelineMode(connection_.get()) == 0) return Fail(Lost("ending a pipeline"));
    pipeline_ = false;
    CARESTREAM_TRY(outcome);
    return all;
}

void Connection::Rollback() {
    if (broken_) return;
    if (pipeline_) (void)Sync();
    if (Usable() && InTransaction() && !Execute("ROLLBACK")) broken_ = true;
}

bool Connection::Usable() const {
    return !broken_ && connection_ != nullptr && PQstatus(connection_.get()) == CONNECTION_OK;
}

bool Connection::InTransaction() const {
    return connection_ != nullptr && PQtransactionStatus(connection_.get()) != PQTRANS_IDLE;
}

Canceller Connection::canceller() const {
    return Canceller(connection_.get());
}

int Connection::server_version() const {
    return PQserverVersion(connection_.get());
}

int Connection::backend() const {
    return PQbackendPID(connection_.get());
}

std::string Connection::Literal(std::string_view text) const {
    char* quoted = PQescapeLiteral(connection_.get(), text.data(), text.size());
    CARESTREAM_ASSERT(quoted != nullptr);
    std::string copy(quoted);
    PQfreemem(quoted);
    return copy;
}

std::string Connection::Identifier(std::string_view name) const {
    char* quoted = PQescapeIdentifier(connection_.get(), name.data(), name.size());
    CARESTREAM_ASSERT(quoted != nullptr);
    std::string copy(quoted);
    PQfreemem(quoted);
    return copy;
}

}  // namespace carestream::store::pg
