#include "subscriptions/definition.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "auth/owner.h"
#include "base/text.h"
#include "fhir/temporal.h"
#include "net/url.h"

namespace carestream::subscriptions {

namespace {

constexpr std::string_view kCrossVersion = "http://hl7.org/fhir/5.0/StructureDefinition/";
constexpr std::size_t kHeadersMax = 20;
constexpr std::size_t kUrlBytesMax = 2048;
constexpr std::size_t kFiltersMax = 16;

// What the server itself says in a request.
constexpr std::array<std::string_view, 10> kOwnHeaders = {"host",
                                                          "content-length",
                                                          "content-type",
                                                          "content-encoding",
                                                          "transfer-encoding",
                                                          "connection",
                                                          "upgrade",
                                                          "proxy-connection",
                                                          "te",
                                                          "trailer"};

const fhir::Node* ExtensionOf(const fhir::Node* element, std::string_view url) {
    const fhir::Node* list = element == nullptr ? nullptr : element->Find("extension");
    if (list == nullptr) return nullptr;
    for (const fhir::Node& extension : list->items()) {
        if (extension.TextOf("url") == url) return &extension;
    }
    return nullptr;
}

std::string Backport(std::string_view name) {
    return std::string(kBackport) + std::string(name);
}

tl::unexpected<Error> Unsupported(std::string message, std::string path) {
    return Fail(Code::kUnsupported, std::move(message), std::move(path));
}

bool HasCrossVersion(const fhir::Node& node) {
    if (node.IsArray()) {
        return std::any_of(node.items().begin(), node.items().end(), HasCrossVersion);
    }
    if (!node.IsObject()) return false;
    if (node.TextOf("url").starts_with(kCrossVersion)) return true;
    return std::any_of(node.members().begin(), node.members().end(),
                       [](const fhir::Member& member) { return HasCrossVersion(member.value); });
}

class Reader {
public:
    Reader(const fhir::Node& resource, const DefinitionRules& rules)
        : resource_(resource), rules_(rules) {}

    Result<Definition> Read() {
        out_.id = resource_.TextOf("id");
        out_.status = resource_.TextOf("status");
        out_.owner = auth::OwnerOf(resource_);
        if (HasCrossVersion(resource_)) {
            return Unsupported(
                "extensions of R5 for R4 are not understood here; the backport guide has its own",
                "Subscription.extension");
        }
        if (const std::string_view end = resource_.TextOf("end"); !end.empty()) {
            const auto moment = fhir::Temporal::ParseDateTime(end);
            if (!moment) return Fail(Code::kInvalid, "not an instant", "Subscription.end");
            out_.end = moment->High();
        }
        const fhir::Node* channel = resource_.Find("channel");
        if (channel == nullptr) return Fail(Code::kInvalid, "is missing", "Subscription.channel");
        channel_ = channel;
        CARESTREAM_TRY(ReadCriteria());
        CARESTREAM_TRY(ReadChannel());
        CARESTREAM_TRY(ReadPayload());
        CARESTREAM_TRY(ReadLimits());
        return std::move(out_);
    }

private:
    Result<void> ReadCriteria() {
        const std::string criteria(resource_.TextOf("criteria"));
        const std::string canonical = criteria.substr(0, criteria.find('|'));
        if (const topics::Topic* topic = rules_.topics.Find(canonical);
            topic != nullptr && topic->url == canonical) {
            out_.topic = topic->url;
            out_.type = topic->resource;
            return ReadFilters(*topic);
        }
        const std::size_t question = criteria.find('?');
        const std::string type = criteria.substr(0, question);
        if (rules_.definitions.ResourceTypeNumber(type) == 0) {
            std::vector<std::string_view> known;
            for (const topics::Topic& topic : rules_.topics.all()) known.push_back(topic.url);
            return Unsupported(
                "neither a topic of this server nor a search of a resource type (Observation?...)" +
                    DidYouMean(canonical, known),
                "Subscription.criteria");
        }
        out_.type = type;
        if (question == std::string::npos || question + 1 == criteria.size()) return {};
        return AddCriteria(criteria.substr(question + 1), "Subscription.criteria");
    }

    Result<void> AddCriteria(const std::string& query, const std::string& path) {
        auto parameters = net::ParseForm(query, kFiltersMax);
        auto criteria = parameters
                            ? topics::ParseCriteria(rules_.definitions, out_.type, *parameters)
                            : Fail(parameters.error());
        if (!criteria) {
            Error error = std::move(criteria).error();
            error.message = error.path + ": " + error.message;
            error.path = path;
            return Fail(std::move(error));
        }
        std::move(criteria->begin(), criteria->end(), std::back_inserter(out_.criteria));
        return {};
    }

    // "[Type]?a=b&c=d", several are joined by and.
    Result<void> ReadFilters(const topics::Topic& topic) {
        const std::string path = "Subscription.criteria.extension";
        const fhir::Node* element = resource_.Find("_criteria");
        const fhir::Node* list = element == nullptr ? nullptr : element->Find("extension");
        if (list == nullptr) return {};
        if (list->items().size() > kFiltersMax) {
            return Fail(Code::kLimit, "too many filters", path);
        }
        for (const fhir::Node& extension : list->items()) {
            if (extension.TextOf("url") != Backport("backport-filter-criteria")) continue;
            std::string text(extension.TextOf("valueString"));
            if (const std::size_t question = text.find('?'); question != std::string::npos) {
                if (text.substr(0, question) != topic.resource) {
                    return Unsupported("the topic is about " + topic.resource, path);
                }
                text.erase(0, question + 1);
            }
            CARESTREAM_ASSIGN(parameters, net::ParseForm(text, kFiltersMax));
            for (const auto& [name, value] : parameters) {
                const std::string base = name.substr(0, name.find(':'));
                if (std::find(topic.filters.begin(), topic.filters.end(), base) !=
                    topic.filters.end()) {
                    continue;
                }
                const std::vector<std::string_view> known(topic.filters.begin(),
                                                          topic.filters.end());
                return Unsupported(
                    "the topic has no filter '" + base + "'" + DidYouMean(base, known), path);
            }
            CARESTREAM_TRY(AddCriteria(text, path));
        }
        return {};
    }

    Result<void> ReadChannel() {
        const std::string_view type = channel_->TextOf("type");
        if (type == "websocket") {
            out_.channel = ChannelType::kWebSocket;
        } else if (type != "rest-hook") {
            return Unsupported("this server offers rest-hook and websocket",
                               "Subscription.channel.type");
        }
        const fhir::Node* more =
            ExtensionOf(channel_->Find("_type"), Backport("backport-channel-type"));
        if (more != nullptr) {
            const fhir::Node* coding = more->Find("valueCoding");
            if (coding == nullptr || coding->TextOf("code") != type) {
                return Unsupported("this server offers rest-hook and websocket",
                                   "Subscription.channel.type.extension");
            }
        }
        out_.endpoint = channel_->TextOf("endpoint");
        if (out_.channel == ChannelType::kRestHook) CARESTREAM_TRY(CheckEndpoint());
        return ReadHeaders();
    }

    // Where the name leads is looked at when it is sent: it may change.
    Result<void> CheckEndpoint() {
        const std::string path = "Subscription.channel.endpoint";
        const std::string_view url = out_.endpoint;
        if (url.empty()) return Fail(Code::kInvalid, "a rest-hook needs a URL", path);
        const bool plain = url.starts_with("http://");
        const std::size_t scheme = url.find("://");
        if ((!plain && !url.starts_with("https://")) || url.size() > kUrlBytesMax ||
            url.find('#') != std::string_view::npos ||
            std::any_of(url.begin(), url.end(),
                        [](unsigned char c) { return c <= ' ' || c >= 127; })) {
            return Unsupported("an http or https URL without fragment is expected", path);
        }
        std::string_view host = url.substr(scheme + 3);
        host = host.substr(0, host.find_first_of("/?"));
        if (host.empty() || host.find('@') != std::string_view::npos) {
            return Unsupported("a URL with a host and without user or password is expected", path);
        }
        if (const std::size_t colon = host.rfind(':');
            colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos) {
            host = host.substr(0, colon);
        }
        plain_ = plain;
        if (plain && std::find(rules_.plain_hosts.begin(), rules_.plain_hosts.end(), host) ==
                         rules_.plain_hosts.end()) {
            return Unsupported("https is needed: http shows the notification to whoever listens",
                               path);
        }
        return {};
    }

    Result<void> ReadHeaders() {
        const std::string path = "Subscription.channel.header";
        const fhir::Node* list = channel_->Find("header");
        if (list == nullptr) return {};
        if (list->items().size() > kHeadersMax) return Fail(Code::kLimit, "too many headers", path);
        for (const fhir::Node& item : list->items()) {
            const std::string_view text = item.text();
            const std::size_t colon = text.find(':');
            const std::string_view name = text.substr(0, colon);
            const bool token = colon != std::string_view::npos && !name.empty() &&
                               std::all_of(name.begin(), name.end(), [](unsigned char c) {
                                   return std::isalnum(c) != 0 || c == '-' || c == '_';
                               });
            const bool printable = std::all_of(text.begin(), text.end(),
                                               [](unsigned char c) { return c >= ' ' && c < 127; });
            if (!token || !printable) {
                return Fail(Code::kInvalid, "'Name: value' in visible ASCII is expected", path);
            }
            const std::string lower = ToLowerAscii(name);
            if (std::find(kOwnHeaders.begin(), kOwnHeaders.end(), lower) != kOwnHeaders.end()) {
                return Unsupported("the server sets '" + lower + "' itself", path);
            }
            out_.headers.emplace_back(name, Trim(text.substr(colon + 1)));
        }
        return {};
    }

    Result<void> ReadPayload() {
        const std::string path = "Subscription.channel.payload";
        out_.payload = channel_->TextOf("payload");
        if (out_.payload.empty() && !out_.topic.empty()) out_.payload = "application/fhir+json";
        if (!out_.payload.empty() && !IsFhirJson(out_.payload)) {
            return Unsupported("application/fhir+json of FHIR 4.0 is offered", path);
        }
        if (out_.topic.empty()) {
            out_.content = out_.payload.empty() ? Content::kEmpty : Content::kFullResource;
        } else if (const fhir::Node* content = ExtensionOf(channel_->Find("_payload"),
                                                           Backport("backport-payload-content"))) {
            const auto code = ParseContent(content->TextOf("valueCode"));
            if (!code) {
                return Unsupported("empty, id-only and full-resource are offered",
                                   path + ".extension");
            }
            out_.content = *code;
        }
        if (plain_ && out_.content == Content::kFullResource) {
            return Unsupported("resources are not sent over http; use https or id-only", path);
        }
        return {};
    }

    static bool IsFhirJson(std::string_view mime) {
        bool first = true;
        for (const std::string_view raw : Split(mime, ';')) {
            const std::string part = ToLowerAscii(Trim(raw));
            if (first) {
                if (part != "application/fhir+json" && part != "application/json") return false;
            } else if (part.starts_with("fhirversion=")) {
                const std::string version = part.substr(12);
                if (version != "4.0" && version != "4.0.1") return false;
            } else if (part != "charset=utf-8") {
                return false;
            }
            first = false;
        }
        return true;
    }

    Result<int> Number(std::string_view name, std::string_view member, int min, int max) {
        const fhir::Node* extension = ExtensionOf(channel_, Backport(name));
        if (extension == nullptr) return 0;
        const fhir::Node* value = extension->Find(member);
        int number = 0;
        const std::string text = value == nullptr ? std::string() : value->text();
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error != std::errc() || end != text.data() + text.size() || number < min ||
            number > max) {
            return Unsupported(std::string(name) + ": " + std::to_string(min) + " to " +
                                   std::to_string(max) + " is offered",
                               "Subscription.channel.extension");
        }
        return number;
    }

    Result<void> ReadLimits() {
        CARESTREAM_ASSIGN(heartbeat, Number("backport-heartbeat-period", "valueUnsignedInt",
                                            rules_.heartbeat_s_min, 86'400));
        CARESTREAM_ASSIGN(timeout,
                          Number("backport-timeout", "valueUnsignedInt", 1, rules_.timeout_s_max));
        CARESTREAM_ASSIGN(count,
                          Number("backport-max-count", "valuePositiveInt", 1, rules_.count_max));
        out_.heartbeat_s = heartbeat;
        out_.timeout_s = timeout;
        out_.count_max = count;
        return {};
    }

    const fhir::Node& resource_;
    const DefinitionRules& rules_;
    const fhir::Node* channel_ = nullptr;
    bool plain_ = false;
    Definition out_;
};

void CollectPatients(const fhir::Node& node, std::vector<std::string>& ids) {
    for (const fhir::Node& item : node.items()) CollectPatients(item, ids);
    for (const fhir::Member& member : node.members()) {
        constexpr std::string_view kType = "Patient/";
        if (member.name == "reference" && member.value.IsString() &&
            member.value.text().starts_with(kType)) {
            std::string id = member.value.text().substr(kType.size());
            id.resize(std::min(id.size(), id.find('/')));
            if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(std::move(id));
        } else {
            CollectPatients(member.value, ids);
        }
    }
}

}  // namespace

std::string_view NameOf(Content content) {
    switch (content) {
        case Content::kEmpty:
            return "empty";
        case Content::kIdOnly:
            return "id-only";
        default:
            return "full-resource";
    }
}

std::optional<Content> ParseContent(std::string_view code) {
    for (const Content content : {Content::kEmpty, Content::kIdOnly, Content::kFullResource}) {
        if (NameOf(content) == code) return content;
    }
    return std::nullopt;
}

Result<Definition> ReadDefinition(const fhir::Node& subscription, const DefinitionRules& rules) {
    return Reader(subscription, rules).Read();
}

std::vector<std::string> PatientsNamed(const fhir::Node& resource) {
    std::vector<std::string> ids;
    if (resource.TextOf("resourceType") == "Patient") ids.emplace_back(resource.TextOf("id"));
    CollectPatients(resource, ids);
    return ids;
}

}  // namespace carestream::subscriptions
