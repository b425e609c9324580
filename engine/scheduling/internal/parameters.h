#pragma once
// What the operations of Appointment have in common: their parameters and their refusals.
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/http.h"
#include "rest/operation.h"

namespace carestream::scheduling {

using ResponderPtr = std::shared_ptr<net::Responder>;

// Of the query string and of a Parameters body, in that order; references by their text.
[[nodiscard]] std::vector<std::string> ValuesOf(const rest::OperationCall& call,
                                                std::string_view name);
[[nodiscard]] std::string ValueOf(const rest::OperationCall& call, std::string_view name);

// What is wrong with the parameters, or nothing.
struct Complaint {
    std::string text;
    std::string name;
};

[[nodiscard]] std::optional<Complaint> CheckParameters(
    const rest::OperationCall& call, std::initializer_list<std::string_view> known);

void Refuse(const ResponderPtr& responder, int status, std::string_view code, std::string text,
            std::string name);

// Appointment/$name, or Appointment/<id>/$name.
[[nodiscard]] rest::Operation Named(std::string name, bool on_instance);

}  // namespace carestream::scheduling
