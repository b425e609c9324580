#include "app/settings.h"

#include <algorithm>
#include <charconv>

#include "adapters/file/destination.h"
#include "adapters/http/destination.h"
#include "adapters/mllp/destination.h"
#include "adapters/mllp/source.h"
#include "auth/local_token.h"
#include "base/home.h"
#include "base/text.h"
#include "config/units.h"

namespace carestream::app {

namespace {

namespace fs = std::filesystem;
using config::Field;
using config::Type;

constexpr std::int64_t kDayMs = 86'400'000;

Field JournalKeepField() {
    return {
        .key = "journal_keep",
        .type = Type::kDuration,
        .description =
            "How long messages stay as they came, with what became of them. Weeks that are "
            "wholly older are dropped, unless a message in them waits, is replayed or is a dead "
            "letter that nobody replayed or discarded. The resources stay. No channel's "
            "`duplicate_window` may be longer.",
        .default_text = "90d",
        .example = "forever",
        .choices = {"forever"},
        .min = kDayMs,
        .max = 36'500 * kDayMs};
}

Field StoreField() {
    return {
        .key = "store",
        .type = Type::kObject,
        .description = "PostgreSQL and what goes into it.",
        .fields = {
            {.key = "postgres",
             .type = Type::kSecret,
             .description =
                 "`embedded`: the daemon runs a private server in its state folder. Or the "
                 "libpq URL of a server (PostgreSQL 15 or newer) of your own.",
             .default_text = "embedded",
             .example = "postgresql://carestream@db.example.org/carestream"},
            {.key = "disk_free_min",
             .type = Type::kBytes,
             .description =
                 "Below this free space in the state folder listeners withhold ACKs, before "
                 "PostgreSQL fails.",
             .default_text = "1GiB"},
            JournalKeepField(),
            {.key = "shared_buffers",
             .type = Type::kBytes,
             .description = "Memory for pages of the embedded server; 0 = by the machine's memory.",
             .default_text = "0"},
            {.key = "readers",
             .type = Type::kInteger,
             .description = "Sessions that answer reads and searches.",
             .default_text = "3",
             .min = 1,
             .max = 64},
            {.key = "feed_batch_max",
             .type = Type::kInteger,
             .description = "Messages whose effects commit together, at most.",
             .default_text = "128",
             .min = 1,
             .max = 1024},
            {.key = "journal_queue_bytes_max",
             .type = Type::kBytes,
             .description = "Messages that wait for their commit, all channels together.",
             .default_text = "256MiB",
             .min = 1 << 20,
             .max = 16ll << 30},
        }};
}

Field FhirField() {
    return {
        .key = "fhir",
        .type = Type::kObject,
        .description = "The FHIR REST API, at /fhir/r4.",
        .fields = {
            {.key = "listen",
             .type = Type::kAddress,
             .description =
                 "Where to listen. Beyond loopback addresses only with `auth: {mode: tokens}`.",
             .default_text = "\"${env:CARESTREAM_FHIR:-127.0.0.1:8080}\""},
            {.key = "tenant", .description = "Whose data it serves.", .default_text = "main"},
            {.key = "public_url",
             .description = "The API's address as clients see it; empty = from the Host header.",
             .example = "https://fhir.example.org/fhir/r4"},
            {.key = "trust_forwarded",
             .type = Type::kBoolean,
             .description = "Believe X-Forwarded-Proto and X-Forwarded-Host of a proxy in front.",
             .default_text = "false"},
            {.key = "cors_origins",
             .description = "Web apps that may call from a browser.",
             .list = true,
             .default_text = "[]",
             .example = "https://app.example.org"},
            {.key = "tls",
             .type = Type::kObject,
             .description = "HTTPS.",
             .fields = {{.key = "certificate",
                         .type = Type::kPath,
                         .description =
                             "PEM file with the certificate and its chain; turns TLS on."},
                        {.key = "key",
                         .type = Type::kPath,
                         .description = "PEM file with its private key."}}},
        }};
}

Field IssuerField() {
    return {.key = "issuers",
            .type = Type::kObject,
            .description = "Whose tokens are taken; each with one of `jwks_file` and `jwks_url`.",
            .list = true,
            .fields = {
                {.key = "issuer",
                 .description = "The claim `iss`, exactly.",
                 .required = true,
                 .example = "https://auth.example.org/realms/care"},
                {.key = "audience",
                 .description = "What the claim `aud` must name.",
                 .required = true,
                 .example = "https://fhir.example.org/fhir/r4"},
                {.key = "jwks_file",
                 .type = Type::kPath,
                 .description = "Its public keys (JWKS); read again when the file changes."},
                {.key = "jwks_url",
                 .description =
                     "Where its public keys are: https (http of a loopback address only). Fetched "
                     "every ten minutes, and for a key that is not known at most once a minute.",
                 .example = "https://auth.example.org/realms/care/certs"},
                {.key = "patient_claim",
                 .type = Type::kChoice,
                 .description =
                     "How its tokens with patient/ scopes come to their patient. `trusted`: by the "
                     "claim `patient`. `link`: the issuer knows no patients, so the log-in was "
                     "linked to one by a code (`carestream link`).",
                 .default_text = "trusted",
                 .choices = {"trusted", "link"}},
                {.key = "clinics_claim",
                 .description =
                     "The claim that lists the clinics (a text or a list of texts) whose visits "
                     "and appointments its user/ tokens may see: those with the tag "
                     "`urn:carestream:clinic|<name>`. A user/ token without the claim sees none. "
                     "Absent: all are seen.",
                 .example = "clinics"},
                {.key = "authorization_endpoint",
                 .description = "Told to apps by .well-known/smart-configuration."},
                {.key = "token_endpoint", .description = "Likewise."},
            }};
}

Field RateLimitField() {
    const auto rate = [](std::string key, std::string text, std::string standard) {
        return Field{.key = std::move(key),
                     .type = Type::kInteger,
                     .description = std::move(text),
                     .default_text = std::move(standard),
                     .max = 1'000'000};
    };
    const auto burst = [&rate](std::string key, std::string text, std::string standard) {
        Field field = rate(std::move(key), std::move(text), std::move(standard));
        field.min = 1;
        return field;
    };
    return {
        .key = "rate_limit",
        .type = Type::kObject,
        .description = "How often a client may ask; beyond it: 429 with Retry-After.",
        .fields = {
            rate("requests_per_second",
                 "Of one log-in with one app (issuer, subject, client_id). With `mode: open` of "
                 "one address, loopback addresses excepted. 0 = no limit.",
                 "50"),
            burst("burst", "Requests at once after a quiet time.", "200"),
            rate("unauthenticated_per_second",
                 "Requests without a valid token, of one address (of IPv6: of one network of 64 "
                 "bits). Beyond it its valid tokens are refused, too. Websockets that are opened "
                 "without a token have the same limit for themselves. 0 = no limit.",
                 "5"),
            burst("unauthenticated_burst", "Likewise, at once.", "20"),
        }};
}

Field AuthField() {
    return {.key = "auth",
            .type = Type::kObject,
            .description =
                "Who may use the FHIR API. Scopes and what they grant: engine/auth/README.md.",
            .fields = {
                {.key = "mode",
                 .type = Type::kChoice,
                 .description =
                     "`open`: nobody is asked; for this machine only, so `fhir.listen` is a "
                     "loopback address, and a Host or Origin of another machine is refused. A "
                     "proxy in front that authenticates needs `fhir.public_url`. `tokens`: every "
                     "request brings a bearer token with SMART scopes.",
                 .default_text = "open",
                 .choices = {"open", "tokens"}},
                IssuerField(),
                {.key = "skew",
                 .type = Type::kDuration,
                 .description = "By how much an issuer's clock may differ.",
                 .default_text = "60s",
                 .max = 300'000},
                RateLimitField(),
                {.key = "hidden_from_carers",
                 .description =
                     "Codes of `meta.security`, of whatever system: what carries one of them is "
                     "hidden from who acts for a patient by a carer's link.",
                 .list = true,
                 .default_text = "[R, V]",
                 .example = "PSY"},
                {.key = "audit",
                 .type = Type::kObject,
                 .description = "Who saw or changed what through the API (AuditEvent).",
                 .fields = {{.key = "keep",
                             .type = Type::kDuration,
                             .description =
                                 "How long its rows stay. Older ones are removed for good, in the "
                                 "background; what the law of the place asks for comes first.",
                             .default_text = "3650d",
                             .example = "forever",
                             .choices = {"forever"},
                             .min = kDayMs,
                             .max = 36'500 * kDayMs}}},
                {.key = "local_tokens",
                 .type = Type::kBoolean,
                 .description =
                     "Take tokens that `carestream token` makes with the key in the state folder: "
                     "for development.",
                 .default_text = "false"},
            }};
}

Field SubscriptionsField() {
    return {
        .key = "subscriptions",
        .type = Type::kObject,
        .description = "FHIR Subscriptions: who is told what. The topics lie in mappings/topics.",
        .fields = {
            {.key = "notify_max_age",
             .type = Type::kDuration,
             .description =
                 "News that is older changes data and wakes nobody: messages that were sent or "
                 "came longer ago, as in replays and back-loads.",
             .default_text = "2d",
             .min = 60'000,
             .max = 3'650 * kDayMs},
            {.key = "keep",
             .type = Type::kDuration,
             .description =
                 "How long events can be asked for by `$events`, and wait for a receiver that "
                 "takes nothing.",
             .default_text = "7d",
             .min = 3'600'000,
             .max = 365 * kDayMs},
            {.key = "burst_pause",
             .type = Type::kDuration,
             .description =
                 "The first event of a patient is told at once; those that follow within this time "
                 "go out together when it is over, each with its number. `none`: each at once.",
             .default_text = "2s",
             .max = 60'000},
            {.key = "failures_every",
             .type = Type::kDuration,
             .description =
                 "Messages that fail make a Task for each cause (topic `message-failed`); it is "
                 "made at once, and its count brought up to date at most this often.",
             .default_text = "10s",
             .min = 1'000,
             .max = kDayMs},
            {.key = "private_networks",
             .type = Type::kNetwork,
             .description = "Networks that are not public and may be told by rest-hook. Without "
                            "it a receiver whose name leads to a private address is refused.",
             .list = true,
             .default_text = "[]",
             .example = "10.20.0.0/16"},
            {.key = "plain_hosts",
             .description = "Hosts that may be told by http instead of https, as in the URL.",
             .list = true,
             .default_text = "[]",
             .example = "127.0.0.1"},
            {.key = "signature_secret",
             .type = Type::kSecret,
             .description = "Signs each request to a receiver (header X-CareStream-Signature, "
                            "HMAC-SHA256); empty = not.",
             .example = "${file:/etc/carestream/hook.secret}"},
        }};
}

Field SchedulingField() {
    return {
        .key = "scheduling",
        .type = Type::kObject,
        .description = "Appointments that patients book. The schedules lie in mappings/schedules.",
        .fields = {
            {.key = "destination",
             .description =
                 "The outbound channel that asks whoever keeps the schedule (its source: "
                 "topic `appointment-request`); empty = nobody is asked, and what is "
                 "booked here is booked.",
             .example = "siu-to-ehr"},
            {.key = "confirm",
             .type = Type::kChoice,
             .description = "With a destination, what makes a booking certain: `ack` (the message "
                            "was taken), `application_ack` (the application behind it said so: the "
                            "channel waits for that), `filler_message` (its own SIU names it as "
                            "booked), `srr` (it answers SRM with SRR).",
             .default_text = "application_ack",
             .choices = {"ack", "application_ack", "filler_message", "srr"}},
            {.key = "answer_wait",
             .type = Type::kDuration,
             .description = "Without an answer for so long a request is ambiguous: the slot stays "
                            "taken, and the patient reads that it is being clarified.",
             .default_text = "15m",
             .min = 10'000,
             .max = 7 * kDayMs},
            {.key = "hold_minutes_max",
             .type = Type::kInteger,
             .description = "Longest time for which `$hold` keeps a slot.",
             .default_text = "30",
             .min = 1,
             .max = 1'440},
            {.key = "open_per_patient_max",
             .type = Type::kInteger,
             .description =
                 "How many appointments ahead a patient's token may have held or booked.",
             .default_text = "20",
             .min = 1,
             .max = 500},
            {.key = "authority",
             .description = "Assigning authority of the numbers that bookings are given (SCH-1.2, "
                            "ARQ-1.2), by which the answer finds them: a name of its own.",
             .default_text = "CARESTREAM"},
            {.key = "keep",
             .type = Type::kDuration,
             .description = "How long `carestream bookings` can show what is settled. The "
                            "Appointments stay.",
             .default_text = "90d",
             .min = kDayMs,
             .max = 3'650 * kDayMs},
        }};
}

Field LimitsField() {
    return {.key = "limits",
            .type = Type::kObject,
            .description = "What the process may use.",
            .fields = {
                {.key = "io_threads",
                 .type = Type::kInteger,
                 .description = "Threads that serve sockets; 0 = one per core.",
                 .default_text = "0",
                 .max = 256},
                {.key = "map_threads",
                 .type = Type::kInteger,
                 .description = "Threads that parse and map; 0 = one per core.",
                 .default_text = "0",
                 .max = 256},
                {.key = "dispatch_messages_max",
                 .type = Type::kInteger,
                 .description =
                     "Messages between journal and store in memory; more wait in the journal.",
                 .default_text = "1024",
                 .min = 16,
                 .max = 4096},
                {.key = "dispatch_bytes_max",
                 .type = Type::kBytes,
                 .description = "The same in bytes of raw messages.",
                 .default_text = "64MiB",
                 .min = 1 << 20,
                 .max = 16ll << 30},
            }};
}

std::vector<Field> ContentFields() {
    return {
        {.key = "channels",
         .type = Type::kPath,
         .description = "Folder of the channels: one YAML file each.",
         .default_text = "../channels"},
        {.key = "mappings",
         .type = Type::kPath,
         .description = "Folder of the mappings; empty = the shipped ones."},
        {.key = "tenants",
         .type = Type::kInteger,
         .description =
             "Names and numbers of those whose data is kept apart. A number is never given to "
             "another tenant.",
         .map = true,
         .default_text = "{main: 1}",
         .example = "{main: 1, north: 2}"},
    };
}

void Complain(std::vector<Error>& errors, const Position& position, std::string message) {
    errors.push_back(Error{Code::kInvalid, std::move(message), {}, position, 0, false});
}

std::map<std::string, store::Tenant> ReadTenants(const config::Values& values,
                                                 std::vector<Error>& errors) {
    std::map<std::string, store::Tenant> tenants;
    std::map<int, std::string> numbers;
    for (const auto& [name, text] : values.Map("tenants")) {
        int number = 0;
        std::from_chars(text.data(), text.data() + text.size(), number);
        tenants[name] = static_cast<store::Tenant>(number);
        if (number < 1 || number > 32'767) {
            Complain(errors, values.PositionOf("tenants"),
                     "the number of tenant '" + name + "' must be 1 to 32767");
        } else if (!numbers.emplace(number, name).second) {
            Complain(errors, values.PositionOf("tenants"),
                     "tenants '" + numbers[number] + "' and '" + name + "' have the same number");
        }
    }
    return tenants;
}

ContentSettings ContentOf(const config::Values& values, const fs::path& folder,
                          const fs::path& home, std::vector<Error>& errors) {
    ContentSettings content;
    content.channels = (folder / values.String("channels")).lexically_normal();
    content.mappings = values.String("mappings").empty()
                           ? home / "mappings"
                           : (folder / values.String("mappings")).lexically_normal();
    content.schemas = home / "schemas";
    content.tenants = ReadTenants(values, errors);
    return content;
}

// Relative to the file, as every path in it. One that a variable gives is meant from where that was
// typed, and the CLI reads the same variable.
fs::path StateOf(const config::Values& values, const fs::path& folder) {
    const fs::path state = values.String("state");
    const bool typed = !config::VariableIn(values.Written("state")).empty();
    return (typed ? fs::absolute(state) : folder / state).lexically_normal();
}

// Empty stays empty: no such file.
fs::path FileOf(const std::string& text, const fs::path& folder) {
    return text.empty() ? fs::path() : (folder / text).lexically_normal();
}

void ReadFhir(const config::Values& fhir, const fs::path& folder, Settings& settings,
              std::vector<Error>& errors) {
    if (const auto address = net::ParseAddress(fhir.String("listen"))) {
        settings.fhir_listen = *address;
        if (!address->IsLocal() && !settings.auth_tokens) {
            Complain(errors, fhir.PositionOf("listen"),
                     "'listen': with 'auth: {mode: open}' the FHIR API takes a loopback address "
                     "only, like 127.0.0.1:8080; 'mode: tokens' lifts that");
        }
    }
    settings.fhir_variable = config::VariableIn(fhir.Written("listen"));
    if (settings.fhir_variable.empty() && fhir.Written("listen").empty()) {
        settings.fhir_variable = "CARESTREAM_FHIR";
    }
    settings.fhir_tenant = fhir.String("tenant");
    if (!settings.tenants.contains(settings.fhir_tenant)) {
        std::vector<std::string_view> names;
        for (const auto& [name, number] : settings.tenants) names.push_back(name);
        Complain(errors, fhir.PositionOf("tenant"),
                 "unknown tenant '" + settings.fhir_tenant + "'" +
                     DidYouMean(settings.fhir_tenant, names));
    }
    settings.fhir_public_url = fhir.String("public_url");
    settings.fhir_trust_forwarded = fhir.Boolean("trust_forwarded");
    settings.fhir_cors_origins = fhir.Strings("cors_origins");
    const auto& origins = settings.fhir_cors_origins;
    if (!settings.auth_tokens && std::find(origins.begin(), origins.end(), "*") != origins.end()) {
        Complain(errors, fhir.PositionOf("cors_origins"),
                 "'cors_origins': with 'auth: {mode: open}' every origin would be every web page "
                 "that a user of this machine opens; name the origins");
    }
    const config::Values& tls = fhir.Object("tls");
    settings.fhir_tls.certificate_file = FileOf(tls.String("certificate"), folder);
    settings.fhir_tls.key_file = FileOf(tls.String("key"), folder);
    if (tls.Has("certificate") != tls.Has("key")) {
        Complain(errors, fhir.PositionOf("tls"), "'tls' needs both 'certificate' and 'key'");
    }
}

void ReadIssuer(const config::Values& values, const fs::path& folder, const Position& position,
                Settings& settings, std::vector<Error>& errors) {
    auth::IssuerOptions issuer;
    issuer.issuer = values.String("issuer");
    issuer.audience = values.String("audience");
    issuer.jwks_file = FileOf(values.String("jwks_file"), folder);
    issuer.jwks_url = values.String("jwks_url");
    if (values.String("patient_claim") == "link") issuer.patient_claim = auth::PatientClaim::kLink;
    issuer.clinics_claim = values.String("clinics_claim");
    issuer.authorization_endpoint = values.String("authorization_endpoint");
    issuer.token_endpoint = values.String("token_endpoint");
    if (issuer.issuer.empty() || issuer.audience.empty()) {
        Complain(errors, position, "an issuer needs a value for 'issuer' and for 'audience'");
    }
    if (issuer.jwks_file.empty() == issuer.jwks_url.empty()) {
        Complain(errors, position, "an issuer needs one of 'jwks_file' and 'jwks_url'");
    } else if (!issuer.jwks_url.empty()) {
        const auto checked = auth::CheckKeyUrl(issuer.jwks_url);
        if (!checked) Complain(errors, position, "'jwks_url': " + checked.error().message);
    }
    for (const auth::IssuerOptions& other : settings.auth.issuers) {
        if (other.issuer != issuer.issuer) continue;
        Complain(errors, position, "two issuers have the same 'issuer'");
    }
    settings.auth.issuers.push_back(std::move(issuer));
}

// Before ReadFhir: what may be listened on depends on it.
void ReadAuth(const config::Values& values, const fs::path& folder, Settings& settings,
              std::vector<Error>& errors) {
    settings.auth_tokens = values.String("mode") == "tokens";
    const config::Values& limit = values.Object("rate_limit");
    const auto number = [&limit](const char* key) {
        return static_cast<double>(limit.Integer(key));
    };
    settings.client_limit = {number("requests_per_second"), number("burst")};
    settings.unauthenticated_limit = {number("unauthenticated_per_second"),
                                      number("unauthenticated_burst")};
    settings.store.access_keep = values.Object("audit").Integer("keep") * 1000;
    settings.auth_policy.hidden_from_carers = values.Strings("hidden_from_carers");
    settings.auth.skew = values.Integer("skew") * 1000;
    const bool local = values.Boolean("local_tokens");
    settings.auth_local = local;
    if (local) settings.auth.issuers.push_back(auth::LocalIssuer(settings.state));
    const auto& issuers = values.Objects("issuers");
    for (std::size_t i = 0; i < issuers.size(); ++i) {
        ReadIssuer(issuers[i], folder, values.ItemPosition("issuers", i), settings, errors);
    }
    const bool some = local || !issuers.empty();
    if (settings.auth_tokens && !some) {
        Complain(errors, values.PositionOf("mode"),
                 "'mode: tokens' needs 'issuers' or 'local_tokens: true': nobody could get in");
    }
    if (!settings.auth_tokens && some) {
        Complain(errors, values.PositionOf("mode"),
                 "'mode: open' asks for no tokens; 'issuers' and 'local_tokens' go with 'mode: "
                 "tokens'");
    }
}

Micros JournalKeepOf(const config::Values& store) {
    return store.Integer("journal_keep") * 1000;
}

void ReadStore(const config::Values& values, Settings& settings) {
    store::StoreOptions& store = settings.store;
    store.postgres = values.String("postgres");
    store.state_folder = settings.state;
    store.schemas_sql = settings.schemas / "sql";
    store.disk_free_min_bytes = static_cast<std::uint64_t>(values.Integer("disk_free_min"));
    store.journal_keep = settings.journal_keep;
    store.shared_buffers_mb = static_cast<int>(values.Integer("shared_buffers") >> 20);
    store.reader_threads = static_cast<int>(values.Integer("readers"));
    store.feed_batch_max = static_cast<int>(values.Integer("feed_batch_max"));
    store.journal_queue_bytes_max =
        static_cast<std::size_t>(values.Integer("journal_queue_bytes_max"));
}

void ReadSubscriptions(const config::Values& values, Settings& settings) {
    subscriptions::EngineOptions& options = settings.subscriptions;
    options.tenant = settings.tenants.contains(settings.fhir_tenant)
                         ? settings.tenants.at(settings.fhir_tenant)
                         : store::Tenant{1};
    options.notify_max_age = values.Integer("notify_max_age") * 1000;
    options.keep = values.Integer("keep") * 1000;
    options.burst_pause = values.Integer("burst_pause") * 1000;
    settings.failures_every_ms = static_cast<int>(values.Integer("failures_every"));
    options.plain_hosts = values.Strings("plain_hosts");
    options.signature_secret = values.String("signature_secret");
    for (const std::string& text : values.Strings("private_networks")) {
        if (const auto network = config::Network::Parse(text)) {
            settings.hook_networks.push_back(*network);
        }
    }
}

void ReadScheduling(const config::Values& values, Settings& settings) {
    scheduling::SchedulerOptions& options = settings.scheduling;
    options.tenant = settings.subscriptions.tenant;
    options.destination = values.String("destination");
    if (!options.destination.empty()) {
        options.confirm = scheduling::ParseConfirm(values.String("confirm"));
    }
    options.answer_wait = values.Integer("answer_wait") * 1000;
    options.hold_minutes_max = static_cast<int>(values.Integer("hold_minutes_max"));
    options.open_per_patient_max = static_cast<int>(values.Integer("open_per_patient_max"));
    options.authority = values.String("authority");
    options.keep = values.Integer("keep") * 1000;
}

// After ReadAuth and ReadFhir: whose tokens the page may use, and where it is.
void ReadApp(const config::Values& values, Settings& settings, std::vector<Error>& errors) {
    if (!values.Has("issuer") || !values.Has("client_id")) return;  // complained about already
    auto options = page::ReadPage(values);
    if (!options) {
        const Error& error = options.error();
        return Complain(errors, values.PositionOf(error.path),
                        "'" + error.path + "': " + error.message);
    }
    if (!settings.auth_tokens) {
        return Complain(errors, values.PositionOf("issuer"),
                        "'app' needs 'auth: {mode: tokens}': its users log in");
    }
    std::vector<std::string_view> names;
    const auth::IssuerOptions* issuer = nullptr;
    for (const auth::IssuerOptions& one : settings.auth.issuers) {
        names.push_back(one.issuer);
        if (one.issuer == options->issuer) issuer = &one;
    }
    if (issuer == nullptr) {
        return Complain(errors, values.PositionOf("issuer"),
                        "'issuer' is none of 'auth.issuers', so its tokens would be refused" +
                            DidYouMean(options->issuer, names));
    }
    options->public_url = settings.fhir_public_url;
    options->endpoints = {issuer->token_endpoint};
    settings.page = std::move(*options);
}

void ReadLimits(const config::Values& limits, Settings& settings) {
    settings.io_threads = static_cast<int>(limits.Integer("io_threads"));
    settings.dispatcher.workers = static_cast<int>(limits.Integer("map_threads"));
    settings.dispatcher.messages_max =
        static_cast<std::size_t>(limits.Integer("dispatch_messages_max"));
    settings.dispatcher.bytes_max = static_cast<std::size_t>(limits.Integer("dispatch_bytes_max"));
}

}  // namespace

std::vector<channel::SourceType> SourceTypes() {
    return {adapters::mllp::SourceType()};
}

std::vector<channel::DestinationType> DestinationTypes() {
    return {adapters::mllp::DestinationType(), adapters::file::DestinationType(),
            adapters::http::DestinationType()};
}

channel::GenerationInputs InputsOf(const ContentSettings& settings,
                                   std::shared_ptr<const fhir::Definitions> definitions,
                                   std::shared_ptr<const hl7::Dictionary> dictionary) {
    return {settings.channels,
            settings.mappings,
            std::move(definitions),
            std::move(dictionary),
            SourceTypes(),
            settings.tenants,
            config::References::OfProcess(settings.channels),
            {},
            settings.journal_keep,
            settings.schemas / "fhir",
            DestinationTypes()};
}

config::Spec DaemonSpec() {
    config::Spec spec{
        .name = "carestream",
        .title = "The daemon (`conf/carestream.yaml`)",
        .description =
            "Read at start; channels and mappings are also read again at SIGHUP and `carestream "
            "reload`. Relative paths start at the file's folder.",
        .fields = {
            {.key = "state",
             .type = Type::kPath,
             .description =
                 "Folder of everything the daemon writes: PostgreSQL, keys, admin.sock. Empty = "
                 "/var/lib/carestream for root, else var/ beside mappings/.",
             .default_text = "\"${env:CARESTREAM_STATE:-}\""},
            StoreField(),
            FhirField(),
            AuthField(),
            SubscriptionsField(),
            SchedulingField(),
            page::PageField(),
            {.key = "admin",
             .type = Type::kObject,
             .description =
                 "/health, /ready and /metrics; everything else goes through admin.sock.",
             .fields = {{.key = "listen",
                         .type = Type::kAddress,
                         .description = "Where to listen.",
                         .default_text = "\"${env:CARESTREAM_ADMIN:-127.0.0.1:8081}\""}}},
        }};
    for (Field& field : ContentFields()) spec.fields.push_back(std::move(field));
    spec.fields.push_back(LimitsField());
    return spec;
}

ReadSettings ReadSettingsFile(const fs::path& file, const fs::path& home) {
    ReadSettings read;
    auto yaml = config::Yaml::ParseFile(file);
    if (!yaml) {
        read.errors.push_back(std::move(yaml).error());
        return read;
    }
    const fs::path folder = fs::absolute(file).parent_path();
    config::Read parsed =
        config::ReadSpec(DaemonSpec(), *yaml, config::References::OfProcess(folder));
    read.errors = std::move(parsed.errors);
    const config::Values& values = parsed.values;
    Settings& settings = read.settings;
    settings.state =
        values.String("state").empty() ? DefaultStateFolder(home) : StateOf(values, folder);
    static_cast<ContentSettings&>(settings) = ContentOf(values, folder, home, read.errors);
    settings.journal_keep = JournalKeepOf(values.Object("store"));
    ReadStore(values.Object("store"), settings);
    ReadAuth(values.Object("auth"), folder, settings, read.errors);
    ReadFhir(values.Object("fhir"), folder, settings, read.errors);
    ReadSubscriptions(values.Object("subscriptions"), settings);
    ReadScheduling(values.Object("scheduling"), settings);
    if (values.Has("app")) ReadApp(values.Object("app"), settings, read.errors);
    const config::Values& admin = values.Object("admin");
    if (const auto address = net::ParseAddress(admin.String("listen"))) {
        settings.admin_listen = *address;
    }
    settings.admin_variable = admin.Written("listen").empty()
                                  ? "CARESTREAM_ADMIN"
                                  : config::VariableIn(admin.Written("listen"));
    ReadLimits(values.Object("limits"), settings);
    settings.values = values;
    return read;
}

ReadContent ReadContentSettings(const fs::path& file, const fs::path& home) {
    ReadContent read;
    const auto yaml = config::Yaml::ParseFile(file);
    if (!yaml) {
        read.errors.push_back(yaml.error());
        return read;
    }
    const fs::path folder = fs::absolute(file).parent_path();
    config::Read parsed = config::ReadSpec(
        {.name = "content", .title = {}, .description = {}, .fields = ContentFields()},
        yaml->Only({"channels", "mappings", "tenants"}), config::References::OfProcess(folder));
    read.errors = std::move(parsed.errors);
    read.settings = ContentOf(parsed.values, folder, home, read.errors);
    // What channels are checked against, without the secrets beside it.
    const config::Yaml* store = yaml->Find("store");
    config::Read keep = config::ReadSpec(
        {.name = "store", .title = {}, .description = {}, .fields = {JournalKeepField()}},
        store == nullptr ? config::Yaml() : store->Only({"journal_keep"}),
        config::References::OfProcess(folder));
    for (Error& error : keep.errors) read.errors.push_back(std::move(error));
    read.settings.journal_keep = JournalKeepOf(keep.values);
    return read;
}

}  // namespace carestream::app
