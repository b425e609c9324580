// Search by GET, by POST _search and within the compartment of a patient.
#include "base/text.h"
#include "rest/internal/authorize.h"
#include "rest/internal/bundle.h"
#include "rest/internal/cursor.h"
#include "rest/internal/exchange.h"
#include "rest/internal/question.h"

namespace carestream::rest {
namespace {

constexpr std::size_t kNamesMax = 20;  // of what could not be read, in an answer or a log line

std::string EncodeForm(const net::Parameters& parameters) {
    std::string out;
    for (const auto& [name, value] : parameters) {
        if (!out.empty()) out += '&';
        out += net::PercentEncode(name);
        out += '=';
        out += net::PercentEncode(value);
    }
    return out;
}

std::string ScopeOf(const Exchange& exchange) {
    const Route& route = exchange.route;
    const std::string view = exchange.access->View(route.type);
    return "search|" + route.type + "|" + route.compartment_id + (view.empty() ? "" : "|") + view;
}

// Parameters of a POSTed form are added to those of the URL.
Result<void> TakeForm(Exchange& exchange) {
    if (exchange.request.method != "POST") return {};
    CARESTREAM_ASSIGN(form, net::ParseForm(exchange.request.body));
    for (auto& [name, value] : form) {
        if (name == "_format") {
            if (!AcceptsJson({}, value)) {
                return Fail(Code::kUnsupported, "the only format is application/fhir+json", name);
            }
        } else if (name == "_pretty") {
            exchange.pretty = value == "true";
        } else if (name == "_page") {
            exchange.page = std::move(value);
        } else {
            exchange.parameters.emplace_back(std::move(name), std::move(value));
        }
    }
    return {};
}

Result<Cursor> OpenPage(Exchange& exchange, bool& posted) {
    const auto& state = *exchange.state;
    CARESTREAM_ASSIGN(cursor, OpenCursor(state.parts.keys, state.options.tenant_name,
                                         ScopeOf(exchange), exchange.page));
    if (!cursor.form.empty()) {
        if (!exchange.parameters.empty()) {
            return Fail(Code::kInvalid, "follow the link as it was given", "_page");
        }
        CARESTREAM_ASSIGN(parameters, net::ParseForm(cursor.form));
        exchange.parameters = std::move(parameters);
        posted = true;
    }
    return cursor;
}

std::string IgnoredOutcome(const search::Query& query) {
    std::vector<OutcomeIssue> issues;
    const auto add = [&](std::string_view code, const std::string& what, const std::string& name) {
        issues.push_back({"warning", code,
                          "this parameter " + what +
                              " and was ignored; Prefer: handling=strict refuses such searches",
                          name});
    };
    for (const auto& name : query.unknown) add("not-supported", "is not known", name);
    for (const auto& name : query.empty) add("incomplete", "has no value", name);
    return OutcomeJson(issues);
}

}  // namespace

Result<store::SearchRequest> Ask(Exchange& exchange, Question& question) {
    const auto& options = exchange.state->options;
    question.posted = exchange.request.method == "POST";
    CARESTREAM_TRY(TakeForm(exchange));
    Cursor cursor;
    if (!exchange.page.empty()) {
        CARESTREAM_ASSIGN(opened, OpenPage(exchange, question.posted));
        cursor = std::move(opened);
    }
    CARESTREAM_TRY(exchange.access->CheckParameters(exchange.route.type, exchange.parameters));
    store::SearchRequest request;
    CARESTREAM_ASSIGN(
        query, search::ParseQuery(exchange.definitions(), exchange.route.type, exchange.parameters,
                                  exchange.route.compartment_id, exchange.query_limits()));
    for (const search::Include& include : query.includes) {
        if (include.source == kAuditEvent) {
            return Fail(Code::kUnsupported, "AuditEvents are searched by themselves, not included",
                        include.reverse ? "_revinclude" : "_include");
        }
    }
    if (!query.unknown.empty() || !query.empty.empty()) {
        if (exchange.preferences.strict) {
            return query.unknown.empty()
                       ? Fail(Code::kInvalid, "this parameter has no value", query.empty[0])
                       : Fail(Code::kInvalid, "this parameter is not known", query.unknown[0]);
        }
        question.ignored = IgnoredOutcome(query);
    }
    question.self = EncodeForm(query.self);
    question.hash = Fnv64(question.self);
    question.count = query.count;
    if (!exchange.page.empty() && cursor.query_hash != question.hash) {
        return Fail(Code::kInvalid, "the link belongs to another search", "_page");
    }
    question.url = exchange.base;
    if (!exchange.route.compartment_id.empty()) {
        question.url += "/Patient/" + exchange.route.compartment_id;
    }
    question.url += "/" + exchange.route.type;
    CARESTREAM_TRY(exchange.access->Narrow(query));
    request.patient_id = exchange.access->IsConfined() ? exchange.access->principal().patient : "";
    request.tenant = options.tenant;
    request.query = std::move(query);
    request.position = std::move(cursor.position);
    request.leave_out_unreadable = true;
    request.cancel = exchange.responder->cancelled();
    return request;
}

namespace {

std::string WithParameters(const Question& question, const std::string& page, bool pretty) {
    std::string parameters = question.self;
    const auto add = [&](std::string_view name, const std::string& value) {
        if (!parameters.empty()) parameters += '&';
        parameters += name;
        parameters += value;
    };
    if (pretty) add("_pretty=", "true");
    if (!page.empty()) add("_page=", page);
    return parameters.empty() ? question.url : question.url + "?" + parameters;
}

// The value of _page for what follows `position` ("" = the first page).
std::string SealedPage(const Exchange& exchange, const Question& question, std::string position) {
    const auto& state = *exchange.state;
    const Cursor cursor{question.hash, std::move(position),
                        question.posted ? question.self : std::string()};
    return SealCursor(state.parts.keys, state.options.tenant_name, ScopeOf(exchange),
                      state.parts.clock.Now(), cursor);
}

}  // namespace

void AddLinks(const Exchange& exchange, const Question& question, const std::string& next,
              BundleWriter& bundle) {
    const auto link = [&](std::string_view relation, const std::string& cursor) {
        bundle.Link(relation, question.posted ? question.url + "?_page=" + cursor
                                              : WithParameters(question, cursor, exchange.pretty));
    };
    const bool first_posted = question.posted && exchange.page.empty();
    link("self", first_posted ? SealedPage(exchange, question, {}) : exchange.page);
    if (!next.empty()) link("next", SealedPage(exchange, question, next));
}

namespace {

// `is_visible` may leave only a part of what it is asked of.
template <typename IsVisible>
void Keep(std::vector<store::StoredVersion>& versions, const IsVisible& is_visible) {
    std::vector<store::StoredVersion> visible;
    for (store::StoredVersion& version : versions) {
        if (is_visible(version)) visible.push_back(std::move(version));
    }
    versions = std::move(visible);
}

// What the search brought was narrowed already, and mostly its text showed that it is seen whole;
// what it includes was not narrowed.
void LeaveOutUnseen(Exchange& exchange, store::SearchPage& page) {
    Keep(page.matches, [&](store::StoredVersion& match) {
        return match.plain || IsVisible(exchange, match, auth::Action::kSearch);
    });
    Keep(page.included, [&](store::StoredVersion& included) {
        return IsVisible(exchange, included, auth::Action::kRead);
    });
}

// "Observation/a/_history/1, Observation/b/_history/2 and 7 more": one lost key makes thousands.
std::string Listed(const std::vector<std::string>& names) {
    std::string text;
    for (std::size_t i = 0; i < names.size() && i < kNamesMax; ++i) {
        text += (i == 0 ? "" : ", ") + names[i];
    }
    if (names.size() <= kNamesMax) return text;
    return text + " and " + std::to_string(names.size() - kNamesMax) + " more";
}

// A name is told where all of its type may be seen: elsewhere its body would have to say whether it
// may be.
bool MayKnow(Exchange& exchange, const std::string& name) {
    const std::string type = name.substr(0, name.find('/'));
    return exchange.access->IsFree(
        type, type == exchange.route.type ? auth::Action::kSearch : auth::Action::kRead);
}

// What the store left out, because it cannot be opened: the caller hears that the answer is not
// whole, the operator which versions it is about. A warning: the outcome of a search that was
// answered holds no errors (FHIR R4 3.1.1).
std::string UnreadableOutcome(Exchange& exchange, const std::vector<std::string>& names) {
    exchange.state->parts.log.Error("rest.unreadable",
                                    "stored versions cannot be opened: a search left them out",
                                    {{"route", std::string(exchange.route.path_template)},
                                     {"count", std::to_string(names.size())},
                                     {"resources", Listed(names)}});
    std::vector<std::string> known;
    for (const std::string& name : names) {
        if (MayKnow(exchange, name)) known.push_back(name);
    }
    std::string text = "something could not be read and was left out";
    if (!known.empty()) text += ": " + Listed(known);
    return OutcomeJson({{"warning", "exception", std::move(text)}});
}

void SendPage(Exchange& exchange, const Question& question, Result<store::SearchPage> page) {
    if (!page) {
        Error error = page.error();
        // How much was looked at tells of what others have.
        if (error.code == Code::kLimit &&
            !exchange.access->IsFree(exchange.route.type, auth::Action::kSearch)) {
            error.message = "too costly; add a code, an identifier or a narrower date";
        }
        exchange.Refuse(error, ErrorOrigin::kSearch);
        return;
    }
    LeaveOutUnseen(exchange, *page);
    // A capped count is no total: "at least" has no place in Bundle.total.
    BundleWriter bundle("searchset", page->total_capped ? -1 : page->total, exchange.base);
    AddLinks(exchange, question, page->next, bundle);
    for (const auto& match : page->matches) exchange.Show(match);
    for (const auto& included : page->included) exchange.Show(included);
    for (auto& match : page->matches) bundle.SearchEntry(std::move(match), "match");
    for (auto& included : page->included) bundle.SearchEntry(std::move(included), "include");
    if (!question.ignored.empty()) bundle.OutcomeEntry(question.ignored);
    if (!page->unreadable.empty()) {
        bundle.OutcomeEntry(UnreadableOutcome(exchange, page->unreadable));
    }
    if (page->total_capped) {
        bundle.OutcomeEntry(OutcomeJson(
            {{"information", "incomplete",
              "more than " + std::to_string(page->total) + " match; a larger total is not counted",
              "_total"}}));
    }
    net::Response response;
    response.headers.emplace_back("Content-Type", kFhirJson);
    response.body = bundle.Finish();
    exchange.Send(std::move(response));
}

}  // namespace

bool RefuseSearchContent(Exchange& exchange) {
    if (exchange.request.method != "POST" ||
        IsFormContent(exchange.request.Header("Content-Type"))) {
        return false;
    }
    exchange.Refuse(415, "not-supported", "_search takes application/x-www-form-urlencoded");
    return true;
}

void HandleSearch(const ExchangePtr& exchange) {
    if (RefuseSearchContent(*exchange)) return;
    auto question = std::make_shared<Question>();
    auto request = Ask(*exchange, *question);
    if (!request) {
        exchange->Refuse(request.error(), ErrorOrigin::kSearch);
        return;
    }
    exchange->state->parts.reader.Search(std::move(*request),
                                         [exchange, question](Result<store::SearchPage> page) {
                                             SendPage(*exchange, *question, std::move(page));
                                         });
}

}  // namespace carestream::rest
