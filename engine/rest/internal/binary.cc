#include "rest/internal/binary.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "fhir/json.h"
#include "rest/internal/authorize.h"
#include "rest/internal/byte_range.h"

namespace carestream::rest {
namespace {

constexpr std::string_view kBytes = "application/octet-stream";
constexpr std::size_t kMediaTypeMax = 255;

// May it stand in a header as it is? RFC 9110 8.3.1 (type, parameters; no control characters).
bool IsMediaType(std::string_view text) {
    const std::size_t slash = text.find('/');
    return slash != 0 && slash != std::string_view::npos && slash + 1 < text.size() &&
           text.size() <= kMediaTypeMax && std::all_of(text.begin(), text.end(), [](char c) {
               return c >= ' ' && c <= '~' && c != ',' && c != '<' && c != '>';
           });
}

// The tag of the bytes is a strong one: a version never changes. FHIR's own is weak.
std::string StrongTagOf(std::int32_t version) {
    return "\"" + std::to_string(version) + "\"";
}

void AddRange(const ByteRange& range, std::uint64_t size, std::string bytes,
              net::Response& response) {
    const std::string whole = "/" + std::to_string(size);
    switch (range.kind) {
        case ByteRange::Kind::kWhole:
            response.body.push_back(std::move(bytes));
            return;
        case ByteRange::Kind::kUnsatisfiable:
            response.status = 416;
            response.headers.emplace_back("Content-Range", "bytes *" + whole);
            return;
        case ByteRange::Kind::kPart:
            response.status = 206;
            response.headers.emplace_back(
                "Content-Range",
                "bytes " + std::to_string(range.first) + "-" + std::to_string(range.last) + whole);
            response.body.push_back(bytes.substr(range.first, range.last - range.first + 1));
            return;
    }
}

void SendBytes(Exchange& exchange, const store::StoredVersion& version, const fhir::Node& binary) {
    std::string bytes;
    std::string data(binary.TextOf("data"));
    std::erase_if(data, [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; });
    if (!FromBase64(data, bytes)) {
        exchange.Refuse(500, "exception", "the stored data is no base64");
        return;
    }
    const net::Request& request = exchange.request;
    net::Response response;
    AddVersionHeaders(exchange, version, false, response);
    std::string modified;
    for (auto& [name, value] : response.headers) {
        if (name == "ETag") value = StrongTagOf(version.version);
        if (name == "Last-Modified") modified = value;
    }
    if (NoneMatchNames(request.Header("If-None-Match"), version.version)) {
        response.status = 304;
        exchange.Send(std::move(response));
        return;
    }
    const std::string_view type = binary.TextOf("contentType");
    response.headers.emplace_back("Content-Type", IsMediaType(type) ? type : kBytes);
    response.headers.emplace_back("Accept-Ranges", "bytes");
    // Whatever was stored must not run as a page of this server.
    response.headers.emplace_back("Content-Disposition", "attachment");
    response.headers.emplace_back("Content-Security-Policy", "sandbox; default-src 'none'");
    ByteRange range;
    // Ranges are of the bytes as they are: no content coding (RFC 9110 14.2), GET only.
    if (request.method == "GET" &&
        IfRangeHolds(request.Header("If-Range"), StrongTagOf(version.version), modified)) {
        range = ParseRange(request.Header("Range"), bytes.size());
    }
    const std::uint64_t size = bytes.size();
    AddRange(range, size, std::move(bytes), response);
    exchange.Send(std::move(response));
}

void SendResource(Exchange& exchange, store::StoredVersion version) {
    net::Response response;
    AddVersionHeaders(exchange, version, false, response);
    if (NoneMatchNames(exchange.request.Header("If-None-Match"), version.version)) {
        response.status = 304;
    } else {
        response.headers.emplace_back("Content-Type", kFhirJson);
        response.body.push_back(std::move(version.body));
    }
    exchange.Send(std::move(response));
}

void SendBinary(Exchange& exchange, store::StoredVersion version, const fhir::Node& binary) {
    exchange.Show(version);
    if (exchange.bytes_wanted) return SendBytes(exchange, version, binary);
    SendResource(exchange, std::move(version));
}

void SendNothing(Exchange& exchange) {
    exchange.Refuse(NothingThere(exchange).value(), ErrorOrigin::kStore);
}

// A Binary has the access of what it belongs to: a document, a report, a patient.
void SendIfContextIsSeen(const ExchangePtr& exchange, store::StoredVersion version,
                         fhir::Node binary) {
    const std::string context(SecurityContextOf(binary));
    const std::size_t slash = context.find('/');
    const std::string type = context.substr(0, slash);
    auth::Access& access = *exchange->access;
    const bool may = access.Of(kBinary, auth::Action::kRead).verdict != auth::Verdict::kDenied;
    if (!may || (context.empty() && !access.IsFree(kBinary, auth::Action::kRead))) {
        return SendNothing(*exchange);
    }
    if (context.empty() || access.IsFree(type, auth::Action::kRead)) {
        return SendBinary(*exchange, std::move(version), binary);
    }
    exchange->state->parts.reader.Read(
        exchange->state->options.tenant, type, context.substr(slash + 1),
        [exchange, version = std::move(version),
         binary = std::move(binary)](Result<store::StoredVersion> found) mutable {
            if (!found && found.error().retryable) {
                return exchange->Refuse(found.error(), ErrorOrigin::kStore);
            }
            if (!found || found->deleted || !IsVisible(*exchange, *found, auth::Action::kRead) ||
                exchange->access->Hides(binary)) {
                return SendNothing(*exchange);
            }
            // Its patient is the Binary's, for the audit.
            version.patient = found->patient;
            if (found->type == "Patient") exchange->asked_patients = {found->id};
            SendBinary(*exchange, std::move(version), binary);
        });
}

}  // namespace

bool NamesFhirJson(std::string_view accept, std::string_view format) {
    if (!format.empty()) return AcceptsJson({}, format);
    const auto names = [](std::string_view range) {
        const std::string type = ToLowerAscii(Trim(range.substr(0, range.find(';'))));
        return type == "application/fhir+json" || type == "application/json" || type == "text/json";
    };
    const auto ranges = Split(accept, ',');
    return std::any_of(ranges.begin(), ranges.end(), names) && AcceptsJson(accept, {});
}

std::string_view SecurityContextOf(const fhir::Node& binary) {
    const fhir::Node* context = binary.Find("securityContext");
    std::string_view reference =
        context == nullptr ? std::string_view() : context->TextOf("reference");
    const std::size_t version = reference.find("/_history/");
    reference = reference.substr(0, version);
    const std::size_t slash = reference.find('/');
    const bool here = slash != std::string_view::npos &&
                      reference.find('/', slash + 1) == std::string_view::npos &&
                      IsResourceId(reference.substr(slash + 1));
    return here ? reference : std::string_view();
}

Result<fhir::Node> BinaryOf(const net::Request& request) {
    const std::string_view type = Trim(request.Header("Content-Type"));
    if (!IsMediaType(type)) {
        return Fail(Code::kInvalid, "bytes need a media type, like application/pdf",
                    "Content-Type");
    }
    fhir::Node binary = fhir::Node::Object();
    binary.Set("resourceType", fhir::Node::String(std::string(kBinary)));
    binary.Set("contentType", fhir::Node::String(std::string(type)));
    if (const std::string_view context = request.Header("X-Security-Context"); !context.empty()) {
        if (!std::all_of(context.begin(), context.end(),
                         [](char c) { return c > ' ' && c <= '~'; })) {
            return Fail(Code::kInvalid, "a reference, like DocumentReference/1",
                        "X-Security-Context");
        }
        binary.At("securityContext").Set("reference", fhir::Node::String(std::string(context)));
    }
    if (!request.body.empty()) {
        binary.Set("data", fhir::Node::String(ToBase64(request.body)));
    }
    return binary;
}

void HandleBinary(const ExchangePtr& exchange) {
    if (exchange->RefuseParameters()) return;
    exchange->state->parts.reader.Read(
        exchange->state->options.tenant, exchange->route.type, exchange->route.id,
        [exchange](Result<store::StoredVersion> found) {
            const bool free = exchange->access->IsFree(kBinary, auth::Action::kRead);
            if (!found && (free || found.error().retryable)) {
                return exchange->Refuse(found.error(), ErrorOrigin::kStore);
            }
            if (!found || (found->deleted && !free)) return SendNothing(*exchange);
            if (found->deleted) {
                exchange->Show(*found);
                return exchange->Refuse(410, "deleted", "the resource was deleted");
            }
            auto binary = fhir::ParseJson(found->body);
            if (!binary) return exchange->Refuse(binary.error(), ErrorOrigin::kStore);
            SendIfContextIsSeen(exchange, std::move(*found), std::move(*binary));
        });
}

}  // namespace carestream::rest
