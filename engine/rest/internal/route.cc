#include "rest/internal/route.h"

#include <vector>

#include "base/text.h"
#include "net/url.h"

namespace carestream::rest {
namespace {

enum class Shape {
    kIndex,
    kBase,
    kMetadata,
    kSmartConfiguration,
    kType,
    kTypeSearch,
    kTypeHistory,
    kBaseHistory,
    kInstance,
    kHistory,
    kVersion,
    kCompartment,
    kCompartmentSearch,
    kBaseOperation,
    kTypeOperation,
    kInstanceOperation,
};

struct ShapeInfo {
    std::string_view path_template;
    std::string_view allow;
};

ShapeInfo InfoOf(Shape shape) {
    switch (shape) {
        case Shape::kIndex:
            return {"/", "GET, HEAD, OPTIONS"};
        case Shape::kBase:
            return {"/fhir/r4", "OPTIONS"};
        case Shape::kMetadata:
            return {"/fhir/r4/metadata", "GET, HEAD, OPTIONS"};
        case Shape::kSmartConfiguration:
            return {"/fhir/r4/.well-known/smart-configuration", "GET, HEAD, OPTIONS"};
        case Shape::kType:
            return {"/fhir/r4/{type}", "GET, HEAD, POST, OPTIONS"};
        case Shape::kTypeSearch:
            return {"/fhir/r4/{type}/_search", "POST, OPTIONS"};
        case Shape::kTypeHistory:
            return {"/fhir/r4/{type}/_history", "OPTIONS"};
        case Shape::kBaseHistory:
            return {"/fhir/r4/_history", "OPTIONS"};
        case Shape::kInstance:
            return {"/fhir/r4/{type}/{id}", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"};
        case Shape::kHistory:
            return {"/fhir/r4/{type}/{id}/_history", "GET, HEAD, OPTIONS"};
        case Shape::kVersion:
            return {"/fhir/r4/{type}/{id}/_history/{version}", "GET, HEAD, OPTIONS"};
        case Shape::kCompartment:
            return {"/fhir/r4/Patient/{id}/{type}", "GET, HEAD, OPTIONS"};
        case Shape::kCompartmentSearch:
            return {"/fhir/r4/Patient/{id}/{type}/_search", "POST, OPTIONS"};
        case Shape::kBaseOperation:
            return {"/fhir/r4/${operation}", "GET, HEAD, POST, OPTIONS"};
        case Shape::kTypeOperation:
            return {"/fhir/r4/{type}/${operation}", "GET, HEAD, POST, OPTIONS"};
        case Shape::kInstanceOperation:
            break;
    }
    return {"/fhir/r4/{type}/{id}/${operation}", "GET, HEAD, POST, OPTIONS"};
}

Route Refuse(Route route, int status, std::string_view code, std::string text) {
    route.interaction = Interaction::kRefused;
    route.status = status;
    route.code = code;
    route.text = std::move(text);
    return route;
}

Route NotFound(Route route) {
    return Refuse(std::move(route), 404, "not-found",
                  "there is nothing at this path; the API begins at /fhir/r4/metadata");
}

class Parser {
public:
    Parser(const fhir::Definitions& definitions, std::string_view method)
        : definitions_(definitions), method_(method == "HEAD" ? "GET" : method) {}

    Route Parse(std::string_view path) {
        if (path == "/") return Finish(Shape::kIndex);
        if (!Segment(path)) return NotFound(std::move(route_));
        if (segments_.size() < 2 || segments_[0] != "fhir" || segments_[1] != "r4") {
            return NotFound(std::move(route_));
        }
        segments_.erase(segments_.begin(), segments_.begin() + 2);
        if (segments_.empty()) return Finish(Shape::kBase);
        const std::string& first = segments_[0];
        if (first == "metadata" && segments_.size() == 1) return Finish(Shape::kMetadata);
        if (first == ".well-known" && segments_.size() == 2 &&
            segments_[1] == "smart-configuration") {
            return Finish(Shape::kSmartConfiguration);
        }
        if (first == "_history" && segments_.size() == 1) return Finish(Shape::kBaseHistory);
        if (first.starts_with('$') && segments_.size() == 1)
            return Operation(Shape::kBaseOperation);
        return OfType();
    }

private:
    // Decodes the segments; false for a path that cannot be decoded or holds empty segments.
    bool Segment(std::string_view path) {
        path.remove_prefix(1);
        if (path.ends_with('/')) path.remove_suffix(1);
        for (std::string_view piece : Split(path, '/')) {
            auto segment = net::PercentDecode(piece);
            if (!segment || segment->empty()) return false;
            segments_.push_back(std::move(*segment));
        }
        return segments_.size() <= 8;
    }

    bool CheckType(const std::string& type) {
        if (definitions_.ResourceTypeNumber(type) != 0) return true;
        const auto types = definitions_.ResourceTypes();
        const std::vector<std::string_view> names(types.begin(), types.end());
        route_ = Refuse(std::move(route_), 404, "not-supported",
                        "this is no resource type of FHIR R4" + DidYouMean(type, names));
        return false;
    }

    Route OfType() {
        route_.path_template = "/fhir/r4/{type}";
        if (!CheckType(segments_[0])) return std::move(route_);
        route_.type = segments_[0];
        if (segments_.size() == 1) return Finish(Shape::kType);
        const std::string& second = segments_[1];
        if (segments_.size() == 2 && second == "_search") return Finish(Shape::kTypeSearch);
        if (segments_.size() == 2 && second == "_history") return Finish(Shape::kTypeHistory);
        if (segments_.size() == 2 && second.starts_with('$')) {
            return Operation(Shape::kTypeOperation);
        }
        route_.path_template = InfoOf(Shape::kInstance).path_template;
        if (!IsResourceId(second)) {
            const int status = method_ == "GET" || method_ == "DELETE" ? 404 : 400;
            return Refuse(std::move(route_), status, status == 404 ? "not-found" : "invalid",
                          "an id has 1 to 64 letters, digits, '-' and '.'");
        }
        route_.id = second;
        return OfInstance();
    }

    Route OfInstance() {
        if (segments_.size() == 2) return Finish(Shape::kInstance);
        const std::string third = segments_[2];
        if (third == "_history") {
            if (segments_.size() == 3) return Finish(Shape::kHistory);
            if (segments_.size() > 4) return NotFound(std::move(route_));
            route_.version = segments_[3];
            return Finish(Shape::kVersion);
        }
        if (third.starts_with('$')) {
            if (segments_.size() != 3) return NotFound(std::move(route_));
            return Operation(Shape::kInstanceOperation);
        }
        const bool posted = segments_.size() == 4 && segments_[3] == "_search";
        if (segments_.size() != 3 && !posted) return NotFound(std::move(route_));
        return InCompartment(third, posted ? Shape::kCompartmentSearch : Shape::kCompartment);
    }

    Route InCompartment(const std::string& type, Shape shape) {
        route_.path_template = InfoOf(shape).path_template;
        if (route_.type != "Patient") {
            return Refuse(std::move(route_), 404, "not-supported",
                          "only the compartment of Patient is offered");
        }
        if (type == "*") {
            return Refuse(std::move(route_), 501, "not-supported",
                          "a search over all types of a compartment is not offered; name one type");
        }
        if (!CheckType(type)) return std::move(route_);
        if (type != "Patient" && definitions_.CompartmentParameters("Patient", type).empty()) {
            return Refuse(std::move(route_), 404, "not-supported",
                          type + " is not in the compartment of Patient");
        }
        route_.compartment_id = std::move(route_.id);
        route_.id.clear();
        route_.type = type;
        return Finish(shape);
    }

    Route Operation(Shape shape) {
        route_.operation = segments_.back().substr(1);
        return Finish(shape);
    }

    Route Finish(Shape shape) {
        const ShapeInfo info = InfoOf(shape);
        route_.path_template = info.path_template;
        route_.allow = info.allow;
        const bool plain = shape == Shape::kType || shape == Shape::kInstance;
        if (route_.type == kAuditEvent && plain) route_.allow = "GET, HEAD, OPTIONS";
        if (route_.type == kBinary && shape == Shape::kInstance) {
            route_.allow = "GET, HEAD, PUT, DELETE, OPTIONS";
        }
        if (method_ == "OPTIONS") {
            route_.interaction = Interaction::kOptions;
            return std::move(route_);
        }
        route_.interaction = InteractionOf(shape);
        if (route_.type == kAuditEvent) return FinishAuditEvent(shape);
        if (route_.interaction != Interaction::kRefused) return std::move(route_);
        if (const std::string_view missing = NotOffered(shape); !missing.empty()) {
            return Refuse(std::move(route_), 501, "not-supported", std::string(missing));
        }
        return Refuse(std::move(route_), 405, "not-supported",
                      "this method is not offered here; see the Allow header");
    }

    Route FinishAuditEvent(Shape shape) {
        switch (route_.interaction) {
            case Interaction::kRead:
            case Interaction::kSearch:
            case Interaction::kOperation:
                return std::move(route_);
            default:
                break;
        }
        if (shape == Shape::kHistory || shape == Shape::kVersion || shape == Shape::kTypeHistory) {
            return Refuse(std::move(route_), 501, "not-supported", "AuditEvents have no versions");
        }
        return Refuse(std::move(route_), 405, "not-supported",
                      "the server makes AuditEvents itself, of each access; they can be read and "
                      "searched, and nobody writes or removes one");
    }

    [[nodiscard]] Interaction InteractionOf(Shape shape) const {
        const bool get = method_ == "GET";
        const bool post = method_ == "POST";
        switch (shape) {
            case Shape::kIndex:
                return get ? Interaction::kIndexPage : Interaction::kRefused;
            case Shape::kMetadata:
                return get ? Interaction::kMetadata : Interaction::kRefused;
            case Shape::kSmartConfiguration:
                return get ? Interaction::kSmartConfiguration : Interaction::kRefused;
            case Shape::kType:
                if (post) return Interaction::kCreate;
                return get ? Interaction::kSearch : Interaction::kRefused;
            case Shape::kTypeSearch:
            case Shape::kCompartmentSearch:
                return post ? Interaction::kSearch : Interaction::kRefused;
            case Shape::kCompartment:
                return get ? Interaction::kSearch : Interaction::kRefused;
            case Shape::kInstance:
                if (method_ == "PUT") return Interaction::kUpdate;
                if (method_ == "PATCH") {
                    return route_.type == kBinary ? Interaction::kRefused : Interaction::kPatch;
                }
                if (method_ == "DELETE") return Interaction::kDelete;
                return get ? Interaction::kRead : Interaction::kRefused;
            case Shape::kHistory:
                return get ? Interaction::kHistory : Interaction::kRefused;
            case Shape::kVersion:
                return get ? Interaction::kVread : Interaction::kRefused;
            case Shape::kBaseOperation:
            case Shape::kTypeOperation:
            case Shape::kInstanceOperation:
                return get || post ? Interaction::kOperation : Interaction::kRefused;
            default:
                return Interaction::kRefused;
        }
    }

    // Interactions that FHIR knows and this server does not have: they say so.
    [[nodiscard]] std::string_view NotOffered(Shape shape) const {
        const bool get = method_ == "GET";
        if (shape == Shape::kBase && method_ == "POST") {
            return "batch and transaction are not offered";
        }
        if (shape == Shape::kBase && get) return "a search over all types is not offered";
        if ((shape == Shape::kTypeHistory || shape == Shape::kBaseHistory) && get) {
            return "history is offered of one resource: {type}/{id}/_history";
        }
        if (shape == Shape::kType && method_ == "PUT") return "conditional update is not offered";
        if (shape == Shape::kType && method_ == "PATCH") return "conditional patch is not offered";
        if (shape == Shape::kType && method_ == "DELETE")
            return "conditional delete is not offered";
        return {};
    }

    const fhir::Definitions& definitions_;
    const std::string_view method_;
    std::vector<std::string> segments_;
    Route route_;
};

}  // namespace

Route ParseRoute(const fhir::Definitions& definitions, std::string_view method,
                 std::string_view path) {
    return Parser(definitions, method).Parse(path);
}

bool IsResourceId(std::string_view text) {
    if (text.empty() || text.size() > 64) return false;
    for (const char c : text) {
        const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '-' || c == '.';
        if (!good) return false;
    }
    return true;
}

}  // namespace carestream::rest
