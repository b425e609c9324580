#include "store/internal/pg_values.h"

#include <endian.h>
#include <libpq-fe.h>

#include <bit>
#include <cstdlib>
#include <cstring>

#include "base/assert.h"
#include "base/text.h"

namespace carestream::store::pg {
namespace {

// PostgreSQL counts from 2000-01-01.
constexpr Micros kEpochShift = 946'684'800'000'000;
// dimensions, has-nulls flag, element type, length, lower bound
constexpr std::size_t kArrayHeader = 20;

void Put32(std::string& bytes, std::uint32_t value) {
    value = htobe32(value);
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void Put64(std::string& bytes, std::uint64_t value) {
    value = htobe64(value);
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void Store32(char* at, std::uint32_t value) {
    value = htobe32(value);
    std::memcpy(at, &value, sizeof value);
}

std::uint32_t Load32(const char* at) {
    std::uint32_t value;
    std::memcpy(&value, at, sizeof value);
    return be32toh(value);
}

std::uint64_t Load64(const char* at) {
    std::uint64_t value;
    std::memcpy(&value, at, sizeof value);
    return be64toh(value);
}

}  // namespace

std::string Printable(std::string_view text) {
    std::string clean(text);
    if (IsUtf8(clean) && clean.find('\0') == std::string::npos) return clean;
    for (char& c : clean) {
        if (c < ' ' || c > '~') c = '?';
    }
    return clean;
}

std::string FormatUuid(const Uuid& uuid) {
    std::string text =
        ToHex(std::string_view(reinterpret_cast<const char*>(uuid.data()), uuid.size()));
    for (const std::size_t at : {20, 16, 12, 8}) text.insert(at, 1, '-');
    return text;
}

bool ParseUuid(std::string_view text, Uuid& uuid) {
    if (text.size() != 36) return false;
    std::string hex;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash != (text[i] == '-')) return false;
        if (!dash) hex += text[i];
    }
    std::string bytes;
    if (!FromHex(hex, bytes)) return false;
    std::memcpy(uuid.data(), bytes.data(), uuid.size());
    return true;
}

Array::Array(Type type) : type_(type) {
    Clear();
}

void Array::Clear() {
    count_ = 0;
    has_null_ = false;
    bytes_.assign(kArrayHeader, '\0');
}

void Array::Start(Type type, std::uint32_t length) {
    CARESTREAM_ASSERT(type == type_);
    ++count_;
    Put32(bytes_, length);
}

void Array::AddNull() {
    ++count_;
    has_null_ = true;
    Put32(bytes_, 0xFFFFFFFFu);
}

void Array::AddBool(bool value) {
    Start(Type::kBool, 1);
    bytes_ += value ? '\1' : '\0';
}

void Array::AddInt2(std::int16_t value) {
    Start(Type::kInt2, 2);
    const std::uint16_t wire = htobe16(static_cast<std::uint16_t>(value));
    bytes_.append(reinterpret_cast<const char*>(&wire), sizeof wire);
}

void Array::AddInt4(std::int32_t value) {
    Start(Type::kInt4, 4);
    Put32(bytes_, static_cast<std::uint32_t>(value));
}

void Array::AddInt8(std::int64_t value) {
    Start(Type::kInt8, 8);
    Put64(bytes_, static_cast<std::uint64_t>(value));
}

void Array::AddFloat8(double value) {
    Start(Type::kFloat8, 8);
    Put64(bytes_, std::bit_cast<std::uint64_t>(value));
}

void Array::AddTimestamp(Micros value) {
    Start(Type::kTimestamptz, 8);
    Put64(bytes_, static_cast<std::uint64_t>(value - kEpochShift));
}

void Array::AddUuid(const Uuid& value) {
    Start(Type::kUuid, 16);
    bytes_.append(reinterpret_cast<const char*>(value.data()), value.size());
}

void Array::AddText(std::string_view value) {
    CARESTREAM_ASSERT(type_ == Type::kText || type_ == Type::kBytea);
    Start(type_, static_cast<std::uint32_t>(value.size()));
    bytes_.append(value);
}

std::string_view Array::Wire() const {
    char* header = bytes_.data();
    Store32(header, count_ == 0 ? 0 : 1);
    Store32(header + 4, has_null_ ? 1 : 0);
    Store32(header + 8, static_cast<std::uint32_t>(type_));
    Store32(header + 12, static_cast<std::uint32_t>(count_));
    Store32(header + 16, 1);
    // Without dimensions the header ends after the element type.
    return count_ == 0 ? std::string_view(header, 12) : std::string_view(bytes_);
}

Params& Params::Scalar(const void* bytes, std::size_t length) {
    entries_.push_back({nullptr, scalars_.size(), static_cast<int>(length)});
    scalars_.append(static_cast<const char*>(bytes), length);
    return *this;
}

Params& Params::Null() {
    entries_.push_back({});
    return *this;
}

Params& Params::Bool(bool value) {
    const char wire = value ? 1 : 0;
    return Scalar(&wire, 1);
}

Params& Params::Int2(std::int16_t value) {
    const std::uint16_t wire = htobe16(static_cast<std::uint16_t>(value));
    return Scalar(&wire, sizeof wire);
}

Params& Params::Int4(std::int32_t value) {
    const std::uint32_t wire = htobe32(static_cast<std::uint32_t>(value));
    return Scalar(&wire, sizeof wire);
}

Params& Params::Int8(std::int64_t value) {
    const std::uint64_t wire = htobe64(static_cast<std::uint64_t>(value));
    return Scalar(&wire, sizeof wire);
}

Params& Params::Float8(double value) {
    const std::uint64_t wire = htobe64(std::bit_cast<std::uint64_t>(value));
    return Scalar(&wire, sizeof wire);
}

Params& Params::Timestamp(Micros value) {
    return Int8(value - kEpochShift);
}

Params& Params::UuidValue(const Uuid& value) {
    return Scalar(value.data(), value.size());
}

Params& Params::Text(std::string_view value) {
    // An empty view may have a null pointer, which libpq would read as SQL null.
    static constexpr char kEmpty = '\0';
    entries_.push_back(
        {value.data() == nullptr ? &kEmpty : value.data(), 0, static_cast<int>(value.size())});
    return *this;
}

void Params::Clear() {
    entries_.clear();
    scalars_.clear();
}

void Params::Fill(Raw& raw) const {
    raw.values.clear();
    raw.lengths.clear();
    raw.formats.assign(entries_.size(), 1);
    for (const Entry& entry : entries_) {
        const bool null = entry.length < 0;
        const char* inside = scalars_.data() + entry.offset;
        raw.values.push_back(null ? nullptr : entry.borrowed != nullptr ? entry.borrowed : inside);
        raw.lengths.push_back(null ? 0 : entry.length);
    }
}

void Rows::Free::operator()(pg_result* result) const {
    PQclear(result);
}

Rows::Rows(pg_result* result) : result_(result), count_(PQntuples(result)) {}

std::int64_t Rows::affected() const {
    return result_ == nullptr ? 0 : std::strtoll(PQcmdTuples(result_.get()), nullptr, 10);
}

bool Rows::IsNull(int row, int column) const {
    return PQgetisnull(result_.get(), row, column) != 0;
}

std::string_view Rows::Text(int row, int column) const {
    CARESTREAM_ASSERT(row < count_);
    return {PQgetvalue(result_.get(), row, column),
            static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

bool Rows::Bool(int row, int column) const {
    const std::string_view wire = Text(row, column);
    return !wire.empty() && wire[0] != 0;
}

std::int16_t Rows::Int2(int row, int column) const {
    const std::string_view wire = Text(row, column);
    if (wire.empty()) return 0;
    CARESTREAM_ASSERT(wire.size() == 2);
    std::uint16_t value;
    std::memcpy(&value, wire.data(), sizeof value);
    return static_cast<std::int16_t>(be16toh(value));
}

std::int32_t Rows::Int4(int row, int column) const {
    const std::string_view wire = Text(row, column);
    if (wire.empty()) return 0;
    CARESTREAM_ASSERT(wire.size() == 4);
    return static_cast<std::int32_t>(Load32(wire.data()));
}

std::int64_t Rows::Int8(int row, int column) const {
    const std::string_view wire = Text(row, column);
    if (wire.empty()) return 0;
    CARESTREAM_ASSERT(wire.size() == 8);
    return static_cast<std::int64_t>(Load64(wire.data()));
}

double Rows::Float8(int row, int column) const {
    return std::bit_cast<double>(static_cast<std::uint64_t>(Int8(row, column)));
}

Micros Rows::Timestamp(int row, int column) const {
    return IsNull(row, column) ? 0 : Int8(row, column) + kEpochShift;
}

Uuid Rows::UuidValue(int row, int column) const {
    const std::string_view wire = Text(row, column);
    Uuid uuid{};
    if (wire.empty()) return uuid;
    CARESTREAM_ASSERT(wire.size() == uuid.size());
    std::memcpy(uuid.data(), wire.data(), uuid.size());
    return uuid;
}

namespace {

// Calls `each(element)` for every element of a one-dimensional array; nulls are left out.
template <typename Each>
void EachElement(std::string_view wire, Each each) {
    if (wire.size() < kArrayHeader || Load32(wire.data()) != 1) return;
    const std::uint32_t count = Load32(wire.data() + 12);
    const char* at = wire.data() + kArrayHeader;
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint32_t length = Load32(at);
        at += 4;
        if (length == 0xFFFFFFFFu) continue;
        each(std::string_view(at, length));
        at += length;
    }
}

}  // namespace

std::vector<std::int64_t> Rows::Int8List(int row, int column) const {
    std::vector<std::int64_t> list;
    EachElement(Text(row, column), [&](std::string_view element) {
        CARESTREAM_ASSERT(element.size() == 8);
        list.push_back(static_cast<std::int64_t>(Load64(element.data())));
    });
    return list;
}

std::vector<std::string> Rows::TextList(int row, int column) const {
    std::vector<std::string> list;
    EachElement(Text(row, column), [&](std::string_view element) { list.emplace_back(element); });
    return list;
}

}  // namespace carestream::store::pg
