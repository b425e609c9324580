// carestream: the command line. Every command explains itself with --help.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <optional>

#include "admin_client.h"
#include "base/text.h"
#include "command_access.h"
#include "command_admin.h"
#include "command_backup.h"
#include "command_bookings.h"
#include "command_coverage.h"
#include "command_diff.h"
#include "command_lint.h"
#include "command_map.h"
#include "command_outbound.h"
#include "command_render.h"
#include "command_send.h"
#include "command_test.h"
#include "command_token.h"
#include "command_trace.h"
#include "fhir/profiles.h"
#include "terminal.h"

namespace {

using namespace carestream::cli;

// What the commands fill and the chosen one reads; lives through the parse.
struct Arguments {
    AdminOptions admin;
    MapOptions map;
    CoverageOptions coverage;
    TraceOptions trace;
    RenderOptions render;
    DiffOptions diff;
    SendCommand send;
    TestOptions test;
    DeadLetterOptions dead;
    ConflictOptions conflict;
    AuditOptions audit;
    OutboundOptions outbound;
    LinkOptions link;
    BookingOptions booking;
    TokenOptions token;
    std::filesystem::path folder;
    Places places;
    std::string name;
    std::string value_control, value_patient, value_visit, value_order;
    std::string report;
    std::int64_t seq = 0;
    int limit = 50;
    bool with_keys = false;
    bool raw = false;
    int exit_code = 0;
};

constexpr const char* kOffline = "Work on messages, mappings and channels; no server is needed";
constexpr const char* kDaemon = "Ask and tell the running daemon";
constexpr const char* kCopies = "Copies of the store";

constexpr const char* kExamples = R"(Examples:
  carestream map my.hl7                           what a message becomes; nothing is stored
  carestream new channel ward-7                   a channel to start from, and its test
  carestream lint                                 every mistake with file, line and remedy
  carestream send --to 127.0.0.1:2575 my.hl7      send it; the ACK is checked
  carestream messages find --mrn 500123           what became of it
  carestream status                               is all well? what to do if not
`carestream COMMAND --help` explains each command by examples.)";

// The daemon's file: which tenants there are and where channels and mappings lie.
void AddConfig(CLI::App& command, std::filesystem::path& config) {
    command.add_option(
        "--config", config,
        "The daemon's configuration: tenants, folders; default: conf/carestream.yaml");
}

// Which messages, and as whose they are mapped.
void AddMessageInput(CLI::App& command, std::vector<std::string>& files, std::string& channel,
                     Places& places, const std::string& as_channel) {
    command.add_option("files", files, "Files with one or more messages; - reads stdin")
        ->required();
    command.add_option("--channel", channel, as_channel);
    command.add_option("--channels", places.channels, "Folder of channels");
    command.add_option("--mappings", places.mappings, "Folder of mappings");
    AddConfig(command, places.config);
}

void AddMap(CLI::App& app, Arguments& a) {
    CLI::App* map = app.add_subcommand("map", "Map HL7 messages to FHIR Bundles; stores nothing")
                        ->group(kOffline);
    map->footer(R"(Examples:
  carestream map my.hl7                           one Bundle a message; on stderr what was dropped
  carestream map my.hl7 --channel demo            with the zone, authorities, overlays of a channel
  carestream map my.hl7 --report json >/dev/null  what became of every value
  zcat day.hl7.gz | carestream map - --ndjson     a stream, one line a Bundle
  carestream map my.hl7 --profile us-core         meta.profile where met, else why not
  carestream map day/*.hl7 --against new/mappings what a change of the maps changes
Exit code: 0 every message was mapped (--against: none differs), 1 some were not (some differ),
2 none could be tried.)");
    AddMessageInput(*map, a.map.files, a.map.channel, a.map.places,
                    "Map as this channel would: time zone, authorities, overlays");
    map->add_option("--against", a.map.against,
                    "Instead of Bundles: what this other folder of mappings makes differently");
    map->add_option("--profile", a.map.profiles,
                    "Claim the profiles of this guide where they are met; beside the channel's")
        ->allow_extra_args(false)
        ->check(CLI::IsMember(std::vector<std::string>(carestream::fhir::GuideNames().begin(),
                                                       carestream::fhir::GuideNames().end())));
    map->add_flag("--ndjson", a.map.ndjson, "One Bundle a line");
    map->add_flag("--quiet", a.map.quiet, "Do not say which values were dropped");
    map->add_option("--report", a.report,
                    "json: one line a message on stderr, what became of every HL7 value")
        ->check(CLI::IsMember({"json"}));
    map->callback([&a] {
        a.map.report_json = a.report == "json";
        a.exit_code = Map(a.map);
    });
}

void AddRender(CLI::App& app, Arguments& a) {
    CLI::App* render =
        app.add_subcommand("render", "Make HL7 messages of FHIR resources; sends nothing")
            ->group(kOffline);
    render->footer(R"(Examples:
  carestream render appointment.json --event SIU^S12
  carestream map my.hl7 | carestream render - --event ADT^A31 --set version=2.3
  carestream render report.json --event ORU^R01 --set charset=8859/1 --set time_zone=Europe/Berlin
Members of the destination for --set: version, charset, time_zone, write_offset, processing_id,
sending_application, sending_facility, receiving_application, receiving_facility.
Exit code: 0 every input gave a message, 1 some did not, 2 none could be tried.)");
    render
        ->add_option("files", a.render.files,
                     "Files with a resource, a Bundle, or one of them a line; - reads stdin")
        ->required();
    render->add_option("--event", a.render.event, "Which message: SIU^S12")->required();
    render->add_option("--overlay", a.render.overlays, "Overlays of the mappings, in their order");
    render->add_option("--set", a.render.members, "What the destination takes: NAME=VALUE");
    render->add_option("--mappings", a.render.places.mappings, "Folder of mappings");
    AddConfig(*render, a.render.places.config);
    render->callback([&a] { a.exit_code = Render(a.render); });
}

void AddTrace(CLI::App& app, Arguments& a) {
    CLI::App* trace = app.add_subcommand("trace", "Which rules take each value of a message where")
                          ->group(kOffline);
    trace->footer(R"(Examples:
  carestream trace my.hl7                         each value: element, and file:line of the rules
  carestream trace my.hl7 --path PID-3            only what is below PID-3
  carestream trace my.hl7 --channel ward-7 --json one JSON object a message
A value that nothing uses shows the reason instead. Values themselves are not shown.
Exit code: 0 every message was mapped, 1 some were not, 2 nothing could be tried.)");
    AddMessageInput(*trace, a.trace.files, a.trace.channel, a.trace.places,
                    "As this channel would map it: time zone, authorities, overlays");
    trace->add_option("--path", a.trace.path, "Only values of this segment, field or component");
    trace->add_flag("--json", a.trace.json, "JSON for scripts");
    trace->callback([&a] { a.exit_code = TraceMessages(a.trace); });
}

void AddCoverage(CLI::App& app, Arguments& a) {
    CLI::App* coverage =
        app.add_subcommand("coverage", "What of a feed the maps do not use, most frequent first")
            ->group(kOffline);
    coverage->footer(R"(Examples:
  carestream coverage day/*.hl7                   fields without a rule, codes without a table
  carestream coverage day.hl7 --channel ward-7    with the overlays and events of a channel
  carestream messages show 17 --raw | carestream coverage -
Paths are without repetitions. Only codes are shown, no other values.
Exit code: 0 counted, 1 a file could not be read, 2 nothing could be tried.)");
    AddMessageInput(*coverage, a.coverage.files, a.coverage.channel, a.coverage.places,
                    "Judge as this channel would: time zone, authorities, overlays, events");
    coverage->add_option("--limit", a.coverage.limit, "At most so many lines of each list");
    coverage->add_flag("--json", a.coverage.json, "All lists whole, as JSON");
    coverage->callback([&a] { a.exit_code = Coverage(a.coverage); });
}

void AddDiff(CLI::App& app, Arguments& a) {
    CLI::App* diff =
        app.add_subcommand("diff", "What overlays make of the maps: the effective rules")
            ->group(kOffline);
    diff->footer(R"(Examples:
  carestream diff --overlay epic-style            every map and table that it touches
  carestream diff --overlay epic-style PID        only maps with PID in their name
  carestream diff --overlay a --overlay b --changes-only
+ of an overlay, - no longer in force, without a sign as in the base; each with file:line.
Exit code: 0 shown, 2 the overlays or the mappings have mistakes.)");
    diff->add_option("name", a.diff.name, "Only maps whose name has this text");
    diff->add_option("--overlay", a.diff.overlays, "Folder below overlays/; several in their order")
        ->allow_extra_args(false)
        ->required();
    diff->add_flag("--changes-only", a.diff.changes_only, "Leave out what is as in the base");
    diff->add_option("--mappings", a.diff.places.mappings, "Folder of mappings");
    AddConfig(*diff, a.diff.places.config);
    diff->callback([&a] { a.exit_code = Diff(a.diff); });
}

void AddFiles(CLI::App& app, Arguments& a) {
    CLI::App* lint =
        app.add_subcommand(
               "lint", "Check configuration, channels and mappings; names file, line and remedy")
            ->group(kOffline);
    lint->add_option("folder", a.folder,
                     "Folder with channels/, mappings/, conf/; default: the house");
    AddConfig(*lint, a.places.config);
    lint->footer(R"(Examples:
  carestream lint                                 what the daemon would load from the house
  carestream lint my-site                         my-site/channels, my-site/mappings, my-site/conf
  carestream lint --config /etc/carestream.yaml   what that configuration names
Exit code: 0 no mistakes, 1 mistakes, 2 nothing could be read.)");
    lint->callback([&a] { a.exit_code = Lint(a.folder, a.places.config); });
    CLI::App* fresh = app.add_subcommand("new", "Make something to start from")->group(kOffline);
    fresh->require_subcommand(1);
    CLI::App* channel = fresh->add_subcommand("channel", "A commented channel file and its test");
    channel->add_option("name", a.name, "Lower-case letters, digits, dashes")->required();
    channel->add_option("--channels", a.places.channels,
                        "Folder of channels; default: the one that the configuration names");
    AddConfig(*channel, a.places.config);
    channel->footer(R"(Examples:
  carestream new channel ward-7                   ward-7.yaml and ward-7.test.yaml, on a free port
Then edit both, and: carestream lint, carestream test, carestream reload.)");
    channel->callback([&a] { a.exit_code = NewChannel(a.name, a.places); });
}

constexpr const char* kReplayHelp = R"(Examples:
  carestream deadletters replay 17 18
  carestream deadletters replay --path PID-3 --reason "no usable identity for Patient" --limit 1000
  carestream replay 17                            the same, shorter
  carestream deadletters replay --stage map --no-wait
Waits for what becomes of them: processed, kept, or dead again with stage, path and reason; of more
than 20 a count of each. --no-wait returns at once.
Exit code: 0 none is dead again, 1 some are, 2 it could not be asked.)";

constexpr const char* kTestHelp =
    R"(A test is a message and what must come out of it, beside what it tests:
  channels/ward-7.test.yaml      tests channels/ward-7.yaml: its time zone, authorities, overlays
  mappings/tests/adt/mine.yaml   tests the maps

  note: A register without a visit.
  message: |
    MSH|^~\&|EHR|MAIN|CS|MAIN|20260102030405||ADT^A04|1|P|2.5.1
    PID|1||100^^^MAIN^MR||Roe^Jane||19800102|F
  expect:
    Patient.name.family: Roe
    Patient.identifier[0].value: "100"
    Encounter: absent

Several tests in one file are a list. All keys: mappings/README.md, "Tests beside the maps".
`carestream new channel NAME` writes a channel with its test.
Examples:
  carestream test                                 all tests of the house
  carestream test my-site --filter admission      some of them
Exit code: 0 all passed, 1 some did not, 2 none could be run.)";

void AddTest(CLI::App& app, Arguments& a) {
    CLI::App* test =
        app.add_subcommand("test", "Run the tests written beside mappings and channels")
            ->group(kOffline);
    test->add_option("folder", a.test.folder,
                     "Folder with channels/ or mappings/; default: those of the house");
    test->add_option("--filter", a.test.filter, "Only tests with this text in file name or note");
    test->add_flag("--json", a.test.json, "One JSON object a test, for scripts");
    AddConfig(*test, a.test.config);
    test->footer(kTestHelp);
    test->callback([&a] { a.exit_code = Test(a.test); });
}

void AddSend(CLI::App& app, Arguments& a) {
    CLI::App* send = app.add_subcommand("send", "Send messages over MLLP and measure the answers")
                         ->group(kOffline);
    send->footer(R"(Examples:
  carestream send --to 127.0.0.1:2575 my.hl7      one file; its ACKs are checked
  carestream send --to lab:2575 day/ --rate 50    a folder, 50 messages a second
  carestream send --to lab:2575 a.hl7 --tls --ca ca.pem)");
    send->add_option("--to", a.send.to, "HOST:PORT")->required();
    send->add_option("paths", a.send.paths, "Files, or folders with *.hl7")->required();
    send->add_option("--connections", a.send.connections, "Links, each strictly serial")
        ->check(CLI::Range(1, 4096));
    send->add_option("--rate", a.send.rate,
                     "Messages per second over all links; 0 = as fast as answers come");
    send->add_option("--repeat", a.send.repeat,
                     "How often each message is sent, with fresh control ids");
    send->add_option("--seconds", a.send.seconds_max, "Stop after so many seconds");
    send->add_flag("--quiet", a.send.quiet, "Print only bad news");
    send->add_flag("--json", a.send.json, "Report as JSON");
    send->add_flag("--tls", a.send.tls, "Use TLS");
    send->add_option("--ca", a.send.ca_file, "CA certificates (PEM)");
    send->add_option("--cert", a.send.certificate_file, "Own certificate (PEM), for mutual TLS");
    send->add_option("--key", a.send.key_file, "Its key (PEM)");
    send->callback([&a] { a.exit_code = Send(a.send); });
}

// Without CLI11's envname: the variable would be read for every command there is, after the command
// line, and take the place of what was typed. StateFolder() has read it before.
void AddState(CLI::App& command, Arguments& a, const std::string& what) {
    command.add_option("--state", a.admin.state,
                       what + "; default: $CARESTREAM_STATE, else the daemon's own default");
}

void AddAdminFlags(CLI::App& command, Arguments& a) {
    AddState(command, a, "State folder of the daemon");
    command.add_flag("--json", a.admin.json, "JSON for scripts");
}

void AddStatus(CLI::App& app, Arguments& a) {
    CLI::App* status =
        app.add_subcommand("status",
                           "Is all well? The first line says what is wrong and what to do")
            ->group(kDaemon);
    status->footer(R"(Examples:
  carestream status
  carestream status --state /srv/north/state      of another daemon
  carestream status --json                        for scripts
Exit code: 0 ready, 1 not, 2 no daemon answers.)");
    AddAdminFlags(*status, a);
    status->callback([&a] { a.exit_code = Status(a.admin); });
    CLI::App* reload =
        app.add_subcommand("reload", "Read all YAML again and swap it, whole or not at all")
            ->group(kDaemon);
    reload->footer(R"(Examples:
  carestream reload                               says what changed; open links stay
A mistake anywhere refuses it all, and what was in force stays in force.)");
    AddAdminFlags(*reload, a);
    reload->callback([&a] { a.exit_code = Reload(a.admin); });
    CLI::App* channels = app.add_subcommand("channels", "The channels in force")->group(kDaemon);
    AddAdminFlags(*channels, a);
    channels->callback([&a] { a.exit_code = Channels(a.admin); });
}

void AddRaw(CLI::App& command, Arguments& a) {
    command.add_flag("--raw", a.raw, "Only the message, whole");
}

void AddMessages(CLI::App& app, Arguments& a) {
    CLI::App* messages = app.add_subcommand("messages", "What became of a message")->group(kDaemon);
    messages->require_subcommand(1);
    CLI::App* find = messages->add_subcommand("find", "Find messages by one of their identifiers");
    CLI::Option_group* key = find->add_option_group("key", "One of");
    key->add_option("--control-id", a.value_control, "MSH-10");
    key->add_option("--mrn", a.value_patient, "A patient identifier (PID-3)");
    key->add_option("--visit", a.value_visit, "A visit number (PV1-19)");
    key->add_option("--order", a.value_order, "A placer or filler order number");
    key->require_option(1);
    find->footer(R"(Examples:
  carestream messages find --control-id MSG00001
  carestream messages find --mrn 500123 --limit 200
Newest first. Values are compared exactly, leading zeros included.)");
    find->add_option("--limit", a.limit, "At most so many");
    AddAdminFlags(*find, a);
    find->callback([&a] {
        const bool control = !a.value_control.empty(), patient = !a.value_patient.empty(),
                   visit = !a.value_visit.empty();
        a.exit_code = FindMessages(a.admin,
                                   control   ? "control"
                                   : patient ? "patient"
                                   : visit   ? "visit"
                                             : "order",
                                   control   ? a.value_control
                                   : patient ? a.value_patient
                                   : visit   ? a.value_visit
                                             : a.value_order,
                                   a.limit);
    });
    CLI::App* show = messages->add_subcommand(
        "show", "One message: ACK, resources, losses, text (the view is audited)");
    show->add_option("seq", a.seq, "Its number, as `find` prints it")->required();
    AddRaw(*show, a);
    AddAdminFlags(*show, a);
    show->footer(R"(Examples:
  carestream messages show 17
  carestream messages show 17 --raw >17.hl7       the message as it came)");
    show->callback([&a] { a.exit_code = ShowMessage(a.admin, a.seq, a.raw); });
}

void AddFilter(CLI::App& command, Arguments& a) {
    command.add_option("--channel", a.dead.channel, "Only of this channel");
    command.add_option("--stage", a.dead.stage, "Only of this stage (receive, parse, map, write)");
    command.add_option("--path", a.dead.path, "Only with this path");
    command.add_option("--reason", a.dead.reason, "Only with this reason");
    command.add_option("--limit", a.dead.limit, "At most so many");
    AddAdminFlags(command, a);
}

void AddReplay(CLI::App& command, Arguments& a) {
    AddFilter(command, a);
    command.add_flag("--no-wait", a.dead.no_wait, "Do not wait for what becomes of them");
    command.footer(kReplayHelp);
}

void AddDeadLetters(CLI::App& app, Arguments& a) {
    CLI::App* dead =
        app.add_subcommand("deadletters", "Messages that could not be processed")->group(kDaemon);
    dead->footer(R"(Examples:
  carestream deadletters                          the oldest, and why
  carestream deadletters groups                   counted by cause: where to begin
  carestream deadletters show 17
  carestream deadletters replay --path PID-3      once the cause is repaired)");
    AddFilter(*dead, a);
    CLI::App* groups = dead->add_subcommand("groups", "Counted by stage, path and reason");
    AddAdminFlags(*groups, a);
    CLI::App* show = dead->add_subcommand("show", "One of them");
    show->add_option("seq", a.seq, "Its number, as the list prints it")->required();
    AddRaw(*show, a);
    AddAdminFlags(*show, a);
    CLI::App* replay = dead->add_subcommand("replay", "Process them again");
    replay->add_option("seqs", a.dead.seqs, "Their numbers; or narrow with the options");
    AddReplay(*replay, a);
    CLI::App* discard = dead->add_subcommand("discard", "Give them up (audited)");
    discard->add_option("seqs", a.dead.seqs, "Their numbers; or narrow with the options");
    AddFilter(*discard, a);
    dead->callback([&a, groups, show, replay, discard] {
        a.exit_code = groups->parsed()    ? GroupDeadLetters(a.admin)
                      : show->parsed()    ? ShowMessage(a.admin, a.seq, a.raw)
                      : replay->parsed()  ? ReplayDeadLetters(a.admin, a.dead)
                      : discard->parsed() ? DiscardDeadLetters(a.admin, a.dead)
                                          : ListDeadLetters(a.admin, a.dead);
    });
    CLI::App* again = app.add_subcommand("replay", "Short for: deadletters replay")->group(kDaemon);
    again->add_option("seqs", a.dead.seqs, "Numbers of dead letters; or narrow with the options");
    AddReplay(*again, a);
    again->callback([&a] { a.exit_code = ReplayDeadLetters(a.admin, a.dead); });
}

void AddBookings(CLI::App& app, Arguments& a) {
    CLI::App* bookings =
        app.add_subcommand("bookings", "Appointments between patients and the clinic's system")
            ->group(kDaemon);
    bookings->footer(R"(Examples:
  carestream bookings                             what is held, asked for, booked or unclear
  carestream bookings --status ambiguous          asked for and not answered: the slot stays taken
  carestream bookings show booking-<id>           its slots, and the evidence so far
  carestream bookings confirm booking-<id>        the clinic has it
  carestream bookings free booking-<id>           the clinic does not have it: the slot is free again)");
    const auto add_filter = [&a](CLI::App& command) {
        command.add_option("--status", a.booking.state,
                           "In this state: held, pending, booked, rescheduling, cancelling, "
                           "ambiguous, cancelled, compensated, expired, over");
        command.add_option("--after", a.booking.after, "Only those after this id");
        command.add_option("--limit", a.booking.limit, "At most so many")
            ->check(CLI::Range(1, 9'999));
        AddAdminFlags(command, a);
    };
    const auto add_one = [&](const char* name, const char* text) {
        CLI::App* command = bookings->add_subcommand(name, text);
        command->add_option("id", a.booking.id, "Of the Appointment")->required();
        AddAdminFlags(*command, a);
        return command;
    };
    add_filter(*bookings);
    add_filter(*bookings->add_subcommand("list", "The same as without"));
    CLI::App* show = add_one("show", "One with its evidence");
    CLI::App* confirm = add_one("confirm", "Decide: it is booked");
    CLI::App* free = add_one("free", "Decide: it is not booked");
    bookings->callback([&a, show, confirm, free] {
        a.exit_code = show->parsed()      ? ShowBooking(a.admin, a.booking)
                      : confirm->parsed() ? DecideBooking(a.admin, a.booking, "confirm")
                      : free->parsed()    ? DecideBooking(a.admin, a.booking, "free")
                                          : ListBookings(a.admin, a.booking);
    });
}

void AddConflicts(CLI::App& app, Arguments& a) {
    CLI::App* conflicts =
        app.add_subcommand("conflicts",
                           "Identifiers that lead to two stored resources: for a person to decide")
            ->group(kDaemon);
    conflicts->footer(
        R"(Nothing was merged: the strongest identifier decided where the message went. Look at both
resources and at the message; have the sender merge (ADT^A40) or correct its identifiers, then note it.
Examples:
  carestream conflicts                            the open ones, the oldest first
  carestream conflicts --all                      the resolved ones too, and what was decided
  carestream messages show 17                     the message that showed it
  carestream conflicts resolve 3 --note "two people, the lab corrected its MRN")");
    conflicts->add_flag("--all", a.conflict.all, "The resolved ones too");
    conflicts->add_option("--after", a.conflict.after, "Only those after this one");
    conflicts->add_option("--limit", a.conflict.limit, "At most so many")
        ->check(CLI::Range(1, 9'999));
    AddAdminFlags(*conflicts, a);
    CLI::App* resolve =
        conflicts->add_subcommand("resolve", "Note a decision (audited); nothing is merged by it");
    resolve->add_option("id", a.conflict.id, "Its number, as the list prints it")->required();
    resolve->add_option("--note", a.conflict.note, "What was decided, for those who ask later")
        ->required();
    AddAdminFlags(*resolve, a);
    conflicts->callback([&a, resolve] {
        a.exit_code = resolve->parsed() ? ResolveConflict(a.admin, a.conflict)
                                        : ListConflicts(a.admin, a.conflict);
    });
}

void AddAudit(CLI::App& app, Arguments& a) {
    CLI::App* audit =
        app.add_subcommand("audit", "Who saw or changed what through the FHIR API, newest first")
            ->group(kDaemon);
    audit->footer(R"(Apps ask for the same as AuditEvent resources. Looking at it is noted in it.
Examples:
  carestream audit --since 24h
  carestream audit --patient 7f3c... --since 2026-03-01
  carestream audit --actor 'https://auth.example.org/realms/care|ann')");
    audit->add_option("--patient", a.audit.patient, "Id of the Patient whose record it is about");
    audit->add_option("--actor", a.audit.actor, "ISSUER|SUBJECT of a log-in")
        ->excludes("--patient");
    audit->add_option("--since", a.audit.since, "A date, an instant, or how long ago: 24h, 7d");
    audit->add_option("--limit", a.audit.limit, "At most so many")->check(CLI::Range(1, 10'000));
    AddAdminFlags(*audit, a);
    audit->callback([&a] { a.exit_code = ShowAudit(a.admin, a.audit); });
}

void AddOutbound(CLI::App& app, Arguments& a) {
    CLI::App* outbound =
        app.add_subcommand("outbound", "Messages on their way out: what waits, what was refused")
            ->group(kDaemon);
    outbound->footer(R"(Examples:
  carestream outbound                             what waits, is in doubt or was refused
  carestream outbound list --status acked         what was taken
  carestream outbound show 4711                   the message, its answer and its state (audited)
  carestream outbound resend 4711                 in doubt: the same bytes again; its MSH-10 is the same
  carestream outbound acked 4711                  in doubt: the receiver has it
  carestream outbound skip 4711                   not sent any more
  carestream outbound replay 4711                 refused or taken: again; if it could not be made: make it
A channel whose message was sent and not answered waits for one of them (`on_ambiguous: hold`).)");
    const auto add_filter = [&a](CLI::App& command) {
        command.add_option("--channel", a.outbound.channel, "Of this channel");
        command.add_option("--status", a.outbound.state,
                           "queued, sending, accepted, acked, nacked, ambiguous, skipped; with "
                           "commas between");
        command.add_option("--after", a.outbound.after, "Only those after this one");
        command.add_option("--limit", a.outbound.limit, "At most so many")
            ->check(CLI::Range(1, 10'000));
        AddAdminFlags(command, a);
    };
    add_filter(*outbound);
    add_filter(*outbound->add_subcommand("list", "The same as without"));
    CLI::App* show = outbound->add_subcommand("show", "One with its answer (audited)");
    show->add_option("number", a.outbound.number, "Its number, as the list prints it")->required();
    show->add_flag("--raw", a.outbound.raw, "Only the message");
    AddAdminFlags(*show, a);
    const std::pair<const char*, const char*> decisions[] = {
        {"resend", "In doubt: send the same bytes again (audited)"},
        {"skip", "Do not send it any more (audited)"},
        {"acked", "In doubt or refused: it was taken, go on (audited)"},
        {"replay", "Settled: send it again (audited)"}};
    std::vector<CLI::App*> commands;
    for (const auto& [name, text] : decisions) {
        commands.push_back(outbound->add_subcommand(name, text));
        commands.back()
            ->add_option("number", a.outbound.number, "Its number, as the list prints it")
            ->required();
        AddAdminFlags(*commands.back(), a);
    }
    outbound->callback([&a, show, commands] {
        for (const CLI::App* command : commands) {
            if (!command->parsed()) continue;
            a.exit_code = DecideOutbound(a.admin, command->get_name(), a.outbound);
            return;
        }
        a.exit_code =
            show->parsed() ? ShowOutbound(a.admin, a.outbound) : ListOutbound(a.admin, a.outbound);
    });
}

void AddLink(CLI::App& app, Arguments& a) {
    CLI::App* link =
        app.add_subcommand("link", "Which log-ins act for a patient: himself and those who care")
            ->group(kDaemon);
    link->require_subcommand(1);
    link->footer(
        R"(For issuers with `patient_claim: link`. Whoever has a code logs in and redeems it: POST Patient/$link.
Examples:
  carestream link code 7f3c...                    for the patient's own log-in
  carestream link code 7f3c... --carer 91ab... --scopes 'patient/Appointment.rs' --until 2027-06-30
  carestream link list 7f3c...
  carestream link revoke 7f3c... --link 4)");
    CLI::App* code = link->add_subcommand("code", "A one-time code (audited)");
    code->add_option("patient", a.link.patient, "Id of the Patient")->required();
    code->add_option("--carer", a.link.carer, "Id of the RelatedPerson whose log-in it is for");
    code->add_option("--scopes", a.link.scopes, "What a carer may use: 'patient/*.rs' if left out")
        ->needs("--carer");
    code->add_option("--until", a.link.until, "A date or an instant: when the link ends");
    code->add_option("--hours", a.link.hours, "How long the code is good")
        ->check(CLI::Range(1, 720))
        ->capture_default_str();
    CLI::App* list =
        link->add_subcommand("list", "All links to the patient, ended ones too (audited)");
    list->add_option("patient", a.link.patient, "Id of the Patient")->required();
    CLI::App* revoke =
        link->add_subcommand("revoke", "End links, and void open codes; at once (audited)");
    revoke->add_option("patient", a.link.patient, "Id of the Patient")->required();
    revoke->add_option("--link", a.link.link, "This one alone, and no codes; as the list prints it")
        ->check(CLI::PositiveNumber);
    for (CLI::App* command : {code, list, revoke}) AddAdminFlags(*command, a);
    code->callback([&a] { a.exit_code = MakeLinkCode(a.admin, a.link); });
    list->callback([&a] { a.exit_code = ListLinks(a.admin, a.link); });
    revoke->callback([&a] { a.exit_code = RevokeLinks(a.admin, a.link); });
}

void AddBackup(CLI::App& app, Arguments& a) {
    CLI::App* backup =
        app.add_subcommand("backup", "Copy the running store; keys stay where they are")
            ->group(kCopies);
    backup->footer(R"(Examples:
  carestream backup /mnt/backup/2026-03-02        the store goes on; keep its keys apart)");
    backup->add_option("folder", a.folder, "Must not exist yet")->required();
    backup->add_flag("--with-keys", a.with_keys,
                     "Copy the keys too: then the copy must be guarded like they are");
    AddState(*backup, a, "State folder of the daemon");
    backup->callback([&a] { a.exit_code = Backup(a.admin.state, a.folder, a.with_keys); });
    CLI::App* restore =
        app.add_subcommand("restore", "Make a state folder from a backup; no daemon may run on it")
            ->group(kCopies);
    restore->footer(R"(Examples:
  carestream restore /mnt/backup/2026-03-02 --state /srv/carestream-new)");
    restore->add_option("folder", a.folder, "The backup")->required();
    AddState(*restore, a, "State folder to fill");
    restore->callback([&a] { a.exit_code = Restore(a.admin.state, a.folder); });
}

void AddToken(CLI::App& app, Arguments& a) {
    CLI::App* token =
        app.add_subcommand("token", "A bearer token for the FHIR API, for development")
            ->group(kDaemon);
    token->footer(R"END(Examples:
  carestream token --patient 7f3c... --scope 'patient/*.rs'
  carestream token --scope 'system/*.cruds' --expires 10m
  curl -H "Authorization: Bearer $(carestream token --scope 'system/*.rs')" http://127.0.0.1:8080/fhir/r4/Patient
The daemon takes it when its configuration says `auth: {mode: tokens, local_tokens: true}`. The key is made
on first use in the state folder: auth/local.key.)END");
    token->add_option("--patient", a.token.patient, "Id of the Patient that patient/ scopes mean");
    token->add_option("--scope", a.token.scope, "SMART scopes, separated by blanks")->required();
    token->add_option("--expires", a.token.expires, "For how long")->capture_default_str();
    AddState(*token, a, "State folder of the daemon");
    token->callback([&a] { a.exit_code = MakeToken(a.admin.state, a.token); });
}

std::vector<const CLI::App*> CommandsOf(const CLI::App& app) {
    return app.get_subcommands([](const CLI::App*) { return true; });
}

// CLI11 lets them inherit the heading of the command above, which is about something else.
void GroupNested(CLI::App& app) {
    const auto all = [](CLI::App*) { return true; };
    for (CLI::App* command : app.get_subcommands(all)) {
        for (CLI::App* nested : command->get_subcommands(all)) nested->group("Commands");
    }
}

// Words up to the first option lead from command to command; answers what leads nowhere.
// nullopt = the parser's turn.
std::optional<int> AnswerWords(const CLI::App& app, const std::vector<std::string>& words) {
    const CLI::App* command = &app;
    for (const std::string& word : words) {
        if (word.starts_with('-')) return std::nullopt;
        const auto below = CommandsOf(*command);
        if (below.empty()) return std::nullopt;
        const auto next = std::find_if(below.begin(), below.end(), [&](const CLI::App* one) {
            return one->get_name() == word;
        });
        if (next != below.end()) {
            command = *next;
            continue;
        }
        std::vector<std::string_view> names;
        for (const CLI::App* one : below) names.push_back(one->get_name());
        const std::string above = command == &app ? "" : command->get_name() + " ";
        const std::string nearest = carestream::DidYouMean(word, names);
        PrintError("no command '" + above + word + "'" + nearest + (nearest.empty() ? "; " : " ") +
                   "`carestream " + above + "--help` lists them");
        return 2;
    }
    if (command->get_require_subcommand_min() == 0) return std::nullopt;
    std::cout << command->help(command == &app ? "" : "carestream " + command->get_name());
    return 2;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("CareStream: HL7 v2 in, FHIR R4 out", "carestream");
    app.set_version_flag("--version", CARESTREAM_VERSION);
    app.require_subcommand(1);
    app.footer(kExamples);
    Arguments arguments;
    arguments.admin.state = StateFolder();
    AddMap(app, arguments);
    AddRender(app, arguments);
    AddTrace(app, arguments);
    AddCoverage(app, arguments);
    AddDiff(app, arguments);
    AddFiles(app, arguments);
    AddTest(app, arguments);
    AddSend(app, arguments);
    AddStatus(app, arguments);
    AddMessages(app, arguments);
    AddDeadLetters(app, arguments);
    AddConflicts(app, arguments);
    AddAudit(app, arguments);
    AddOutbound(app, arguments);
    AddLink(app, arguments);
    AddBookings(app, arguments);
    AddBackup(app, arguments);
    AddToken(app, arguments);
    GroupNested(app);
    if (const auto code = AnswerWords(app, {argv + 1, argv + argc})) return *code;
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    return arguments.exit_code;
}
