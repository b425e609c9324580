#pragma once
// Values on their way to and from PostgreSQL, in its binary formats (PostgreSQL 15 documentation,
// 55.1 and the send/receive functions of each type). No libpq type appears here.
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

struct pg_result;

namespace carestream::store::pg {

using Uuid = std::array<unsigned char, 16>;

// Text form with dashes <-> bytes. ParseUuid gives false when `text` is not one.
[[nodiscard]] std::string FormatUuid(const Uuid& uuid);
[[nodiscard]] bool ParseUuid(std::string_view text, Uuid& uuid);

// Text columns take UTF-8 without NUL: what else a broken frame brought becomes '?', so that it
// does not fail the batch.
[[nodiscard]] std::string Printable(std::string_view text);

// Element types of arrays; the values are the type numbers of pg_type.
enum class Type : std::uint32_t {
    kBool = 16,
    kBytea = 17,
    kInt8 = 20,
    kInt2 = 21,
    kInt4 = 23,
    kText = 25,
    kFloat8 = 701,
    kTimestamptz = 1184,
    kUuid = 2950,
};

// A one-dimensional array being built for `unnest($1::int8[], ...)`. Keeps its memory over Clear().
// The Add function must match the type it was made for.
class Array {
public:
    explicit Array(Type type);
    void Clear();
    [[nodiscard]] std::size_t size() const { return count_; }
    [[nodiscard]] bool empty() const { return count_ == 0; }

    void AddNull();
    void AddBool(bool value);
    void AddInt2(std::int16_t value);
    void AddInt4(std::int32_t value);
    void AddInt8(std::int64_t value);
    void AddFloat8(double value);
    void AddTimestamp(Micros value);
    void AddUuid(const Uuid& value);
    void AddText(std::string_view value);  // also kBytea
    void AddBytes(std::string_view value) { AddText(value); }

    // The wire form; valid until the next change.
    [[nodiscard]] std::string_view Wire() const;

private:
    void Start(Type type, std::uint32_t length);

    Type type_;
    std::size_t count_ = 0;
    bool has_null_ = false;
    mutable std::string bytes_;
};

// Binary parameters of one statement, in order $1, $2, ... Texts, bytes and arrays are borrowed:
// they must live until the statement was sent. Statements write a cast after each parameter
// ("$1::int8").
class Params {
public:
    Params& Null();
    Params& Bool(bool value);
    Params& Int2(std::int16_t value);
    Params& Int4(std::int32_t value);
    Params& Int8(std::int64_t value);
    Params& Float8(double value);
    Params& Timestamp(Micros value);
    Params& UuidValue(const Uuid& value);
    Params& Text(std::string_view value);
    Params& Bytes(std::string_view value) { return Text(value); }
    Params& List(const Array& array) { return Text(array.Wire()); }
    void Clear();

    [[nodiscard]] int size() const { return static_cast<int>(entries_.size()); }
    // Used by Connection: pointers, lengths and formats as libpq wants them.
    struct Raw {
        std::vector<const char*> values;
        std::vector<int> lengths;
        std::vector<int> formats;
    };
    void Fill(Raw& raw) const;

private:
    struct Entry {
        const char* borrowed = nullptr;  // null: inside scalars_ at `offset`
        std::size_t offset = 0;
        int length = -1;  // -1: SQL null
    };
    Params& Scalar(const void* bytes, std::size_t length);

    std::vector<Entry> entries_;
    std::string scalars_;
};

// One statement's result; owns it. Columns are binary; the reader must match the column's type.
// Reading a null gives 0 or "". Views live as long as the Rows.
class Rows {
public:
    Rows() = default;
    explicit Rows(pg_result* result);
    [[nodiscard]] int size() const { return count_; }
    [[nodiscard]] bool empty() const { return count_ == 0; }
    // Rows inserted, updated or deleted.
    [[nodiscard]] std::int64_t affected() const;

    [[nodiscard]] bool IsNull(int row, int column) const;
    [[nodiscard]] bool Bool(int row, int column) const;
    [[nodiscard]] std::int16_t Int2(int row, int column) const;
    [[nodiscard]] std::int32_t Int4(int row, int column) const;
    [[nodiscard]] std::int64_t Int8(int row, int column) const;
    [[nodiscard]] double Float8(int row, int column) const;
    [[nodiscard]] Micros Timestamp(int row, int column) const;
    [[nodiscard]] Uuid UuidValue(int row, int column) const;
    [[nodiscard]] std::string_view Text(int row, int column) const;
    [[nodiscard]] std::string_view Bytes(int row, int column) const { return Text(row, column); }
    [[nodiscard]] std::vector<std::int64_t> Int8List(int row, int column) const;
    [[nodiscard]] std::vector<std::string> TextList(int row, int column) const;

private:
    struct Free {
        void operator()(pg_result* result) const;
    };
    std::unique_ptr<pg_result, Free> result_;
    int count_ = 0;
};

}  // namespace carestream::store::pg
