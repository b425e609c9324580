#include "command_bookings.h"

#include <functional>
#include <iostream>

#include "admin_client.h"
#include "fhir/json.h"
#include "net/url.h"
#include "terminal.h"

namespace carestream::cli {

namespace {

using fhir::Node;

int Ask(const AdminOptions& admin, const std::string& method, const std::string& target,
        const std::function<int(const Node&)>& print) {
    const auto answer = AskDaemon(admin.state, method, target);
    if (!answer) {
        PrintError(answer.error());
        return 2;
    }
    if (!admin.json) return print(*answer);
    std::cout << fhir::ToPrettyJson(*answer) << '\n';
    return 0;
}

std::string Text(const Node& node, std::string_view name) {
    const Node* value = node.Find(name);
    return value == nullptr ? std::string() : Printable(value->text());
}

std::string TimeOf(const Node& booking, std::string_view name) {
    const Node* slot = booking.Find(name);
    return slot == nullptr ? std::string() : Text(*slot, "start");
}

Style StyleOf(const std::string& state) {
    if (state == "ambiguous") return Style::kRed;
    return state == "booked" ? Style::kGreen : Style::kYellow;
}

void PrintRow(const Node& booking) {
    const std::string state = Text(booking, "state");
    std::string padded = state;
    padded.resize(std::max<std::size_t>(padded.size(), 14), ' ');
    std::cout << Text(booking, "appointment") << "  " << Paint(StyleOf(state), padded)
              << TimeOf(booking, "slot");
    if (const std::string due = Text(booking, "due"); !due.empty()) std::cout << "  due " << due;
    std::cout << '\n';
}

int PrintBooking(const Node& booking) {
    const std::string state = Text(booking, "state");
    std::cout << Paint(Style::kBold, "Appointment/" + Text(booking, "appointment"))
              << "\nstate     " << Paint(StyleOf(state), state);
    if (const std::string step = Text(booking, "step"); !step.empty()) {
        std::cout << ", asked last: " << step << " (request " << Text(booking, "asked") << ')';
    }
    std::cout << "\nupdated   " << Text(booking, "updated") << "\nslot      "
              << TimeOf(booking, "slot") << '\n';
    if (const std::string former = TimeOf(booking, "former"); !former.empty()) {
        std::cout << "former    " << former << " (still taken)\n";
    }
    if (const std::string due = Text(booking, "due"); !due.empty()) {
        std::cout << "due       " << due << '\n';
    }
    if (const std::string reason = Text(booking, "reason"); !reason.empty()) {
        std::cout << "reason    " << reason << '\n';
    }
    if (const Node* evidence = booking.Find("evidence")) {
        for (const Node& one : evidence->items()) {
            std::cout << "evidence  " << Printable(one.text()) << '\n';
        }
    }
    return 0;
}

}  // namespace

int ListBookings(const AdminOptions& admin, const BookingOptions& options) {
    const std::string target = "/bookings?limit=" + std::to_string(options.limit) +
                               "&state=" + net::PercentEncode(options.state) +
                               "&after=" + net::PercentEncode(options.after);
    return Ask(admin, "GET", target, [&](const Node& answer) {
        const Node* bookings = answer.Find("bookings");
        if (bookings == nullptr || bookings->items().empty()) {
            std::cout << (options.state.empty() ? "No bookings.\n"
                                                : "No bookings in this state.\n");
            return 0;
        }
        for (const Node& booking : bookings->items()) PrintRow(booking);
        if (const Node* more = answer.Find("more"); more != nullptr && more->boolean()) {
            std::cout << Paint(Style::kDim, "there are more: --after " +
                                                Text(bookings->items().back(), "appointment"))
                      << '\n';
        }
        return 0;
    });
}

int ShowBooking(const AdminOptions& admin, const BookingOptions& options) {
    return Ask(admin, "GET", "/bookings/" + net::PercentEncode(options.id), PrintBooking);
}

int DecideBooking(const AdminOptions& admin, const BookingOptions& options,
                  const std::string& verb) {
    return Ask(admin, "POST", "/bookings/" + net::PercentEncode(options.id) + "/" + verb,
               PrintBooking);
}

}  // namespace carestream::cli
