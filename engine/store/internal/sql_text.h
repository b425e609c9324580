#pragma once
// A statement under construction: constant text for each shape of a question, all values bound.
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/text.h"
#include "store/internal/pg.h"

namespace carestream::store {

// Each function binds a value and gives the placeholder to write, e.g. "$3::int8". Owns arrays and
// texts until it dies.
class SqlText {
public:
    SqlText() = default;
    SqlText(const SqlText&) = delete;
    SqlText& operator=(const SqlText&) = delete;

    std::string text;

    [[nodiscard]] std::string Int2(std::int16_t value) {
        params_.Int2(value);
        return Place("int2");
    }
    [[nodiscard]] std::string Int4(std::int32_t value) {
        params_.Int4(value);
        return Place("int4");
    }
    [[nodiscard]] std::string Int8(std::int64_t value) {
        params_.Int8(value);
        return Place("int8");
    }
    [[nodiscard]] std::string Float8(double value) {
        params_.Float8(value);
        return Place("float8");
    }
    [[nodiscard]] std::string Time(Micros value) {
        params_.Timestamp(value);
        return Place("timestamptz");
    }
    [[nodiscard]] std::string Text(std::string_view value) {
        params_.Text(texts_.emplace_back(value));
        return Place("text");
    }
    [[nodiscard]] std::string Int8s(const std::vector<std::int64_t>& values) {
        pg::Array& array = arrays_.emplace_back(pg::Type::kInt8);
        for (const std::int64_t value : values) array.AddInt8(value);
        params_.List(array);
        return Place("int8[]");
    }
    [[nodiscard]] std::string Times(const std::vector<Micros>& values) {
        pg::Array& array = arrays_.emplace_back(pg::Type::kTimestamptz);
        for (const Micros value : values) array.AddTimestamp(value);
        params_.List(array);
        return Place("timestamptz[]");
    }
    [[nodiscard]] std::string Float8s(const std::vector<double>& values) {
        pg::Array& array = arrays_.emplace_back(pg::Type::kFloat8);
        for (const double value : values) array.AddFloat8(value);
        params_.List(array);
        return Place("float8[]");
    }
    [[nodiscard]] std::string Texts(const std::vector<std::string>& values) {
        pg::Array& array = arrays_.emplace_back(pg::Type::kText);
        for (const std::string& value : values) array.AddText(value);
        params_.List(array);
        return Place("text[]");
    }

    [[nodiscard]] const pg::Params& params() const { return params_; }

private:
    [[nodiscard]] std::string Place(std::string_view type) {
        return "$" + std::to_string(params_.size()) + "::" + std::string(type);
    }

    pg::Params params_;
    std::deque<pg::Array> arrays_;
    std::deque<std::string> texts_;
};

// Runs a built statement. The first shapes that a session sees are kept prepared; beyond that they
// are planned each time, so that odd questions cannot fill the server's memory.
class ShapeCache {
public:
    [[nodiscard]] Result<pg::Rows> Run(pg::Connection& connection, const SqlText& sql) {
        auto found = statements_.find(sql.text);
        if (found == statements_.end()) {
            if (statements_.size() >= kShapesMax) return connection.Query(sql.text, sql.params());
            const std::string name = "s_" + std::to_string(statements_.size() + 1);
            found = statements_.emplace(sql.text, pg::Statement{name, sql.text}).first;
        }
        return connection.Run(found->second, sql.params());
    }

private:
    static constexpr std::size_t kShapesMax = 256;
    std::unordered_map<std::string, pg::Statement> statements_;
};

}  // namespace carestream::store
