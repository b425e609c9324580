// carestream: the command line. Every command explains itself with --help.
#include <CLI/CLI.hpp>

#include "admin_client.h"
#include "command_admin.h"
#include "command_backup.h"
#include "command_lint.h"
#include "command_map.h"
#include "command_send.h"
#include "command_test.h"

namespace {

using namespace carestream::cli;

// What the commands fill and the chosen one reads; lives through the parse.
struct Arguments {
    AdminOptions admin;
    MapOptions map;
    SendCommand send;
    TestOptions test;
    DeadLetterOptions dead;
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

// The daemon's file: which tenants there are and where channels and mappings lie.
void AddConfig(CLI::App& command, std::filesystem::path& config) {
    command.add_option(
        "--config", config,
        "The daemon's configuration: tenants, folders; default: conf/carestream.yaml");
}

void AddMap(CLI::App& app, Arguments& a) {
    CLI::App* map = app.add_subcommand(
        "map", "Map HL7 messages to FHIR Bundles; needs no server and stores nothing");
    map->add_option("files", a.map.files, "Files with one or more messages; - reads stdin")
        ->required();
    map->add_option("--channel", a.map.channel,
                    "Map as this channel would: time zone, authorities, overlays");
    map->add_option("--channels", a.map.places.channels, "Folder of channels");
    map->add_option("--mappings", a.map.places.mappings, "Folder of mappings");
    AddConfig(*map, a.map.places.config);
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

void AddFiles(CLI::App& app, Arguments& a) {
    CLI::App* lint = app.add_subcommand(
        "lint", "Check configuration, channels and mappings; names file, line and remedy");
    lint->add_option("folder", a.folder,
                     "Folder with channels/, mappings/, conf/; default: the house");
    AddConfig(*lint, a.places.config);
    lint->callback([&a] { a.exit_code = Lint(a.folder, a.places.config); });
    CLI::App* fresh = app.add_subcommand("new", "Make something to start from");
    fresh->require_subcommand(1);
    CLI::App* channel = fresh->add_subcommand("channel", "A commented channel file and its test");
    channel->add_option("name", a.name, "Lower-case letters, digits, dashes")->required();
    channel->add_option("--channels", a.places.channels,
                        "Folder of channels; default: the one that the configuration names");
    AddConfig(*channel, a.places.config);
    channel->callback([&a] { a.exit_code = NewChannel(a.name, a.places); });
}

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
Exit code: 0 all passed, 1 some did not, 2 none could be run.)";

void AddTest(CLI::App& app, Arguments& a) {
    CLI::App* test =
        app.add_subcommand("test", "Run the tests written beside mappings and channels");
    test->add_option("folder", a.test.folder,
                     "Folder with channels/ or mappings/; default: those of the house");
    test->add_option("--filter", a.test.filter, "Only tests with this text in file name or note");
    test->add_flag("--json", a.test.json, "One JSON object a test, for scripts");
    AddConfig(*test, a.test.config);
    test->footer(kTestHelp);
    test->callback([&a] { a.exit_code = Test(a.test); });
}

void AddSend(CLI::App& app, Arguments& a) {
    CLI::App* send = app.add_subcommand("send", "Send messages over MLLP and measure the answers");
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
    CLI::App* status = app.add_subcommand(
        "status", "Is all well? The first line says what is wrong and what to do");
    AddAdminFlags(*status, a);
    status->callback([&a] { a.exit_code = Status(a.admin); });
    CLI::App* reload =
        app.add_subcommand("reload", "Read all YAML again and swap it, whole or not at all");
    AddAdminFlags(*reload, a);
    reload->callback([&a] { a.exit_code = Reload(a.admin); });
    CLI::App* channels = app.add_subcommand("channels", "The channels in force");
    AddAdminFlags(*channels, a);
    channels->callback([&a] { a.exit_code = Channels(a.admin); });
}

void AddRaw(CLI::App& command, Arguments& a) {
    command.add_flag("--raw", a.raw, "Only the message, whole");
}

void AddMessages(CLI::App& app, Arguments& a) {
    CLI::App* messages = app.add_subcommand("messages", "What became of a message");
    messages->require_subcommand(1);
    CLI::App* find = messages->add_subcommand("find", "Find messages by one of their identifiers");
    CLI::Option_group* key = find->add_option_group("key", "One of");
    key->add_option("--control-id", a.value_control, "MSH-10");
    key->add_option("--mrn", a.value_patient, "A patient identifier (PID-3)");
    key->add_option("--visit", a.value_visit, "A visit number (PV1-19)");
    key->add_option("--order", a.value_order, "A placer or filler order number");
    key->require_option(1);
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

void AddDeadLetters(CLI::App& app, Arguments& a) {
    CLI::App* dead = app.add_subcommand("deadletters", "Messages that could not be processed");
    AddFilter(*dead, a);
    CLI::App* groups = dead->add_subcommand("groups", "Counted by stage, path and reason");
    AddAdminFlags(*groups, a);
    CLI::App* show = dead->add_subcommand("show", "One of them");
    show->add_option("seq", a.seq, "Its number, as the list prints it")->required();
    AddRaw(*show, a);
    AddAdminFlags(*show, a);
    CLI::App* replay = dead->add_subcommand("replay", "Process them again");
    replay->add_option("seqs", a.dead.seqs, "Their numbers; or narrow with the options");
    AddFilter(*replay, a);
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
    CLI::App* again = app.add_subcommand("replay", "Short for: deadletters replay");
    again->add_option("seqs", a.dead.seqs, "Numbers of dead letters; or narrow with the options");
    AddFilter(*again, a);
    again->callback([&a] { a.exit_code = ReplayDeadLetters(a.admin, a.dead); });
}

void AddBackup(CLI::App& app, Arguments& a) {
    CLI::App* backup =
        app.add_subcommand("backup", "Copy the running store; keys stay where they are");
    backup->add_option("folder", a.folder, "Must not exist yet")->required();
    backup->add_flag("--with-keys", a.with_keys,
                     "Copy the keys too: then the copy must be guarded like they are");
    AddState(*backup, a, "State folder of the daemon");
    backup->callback([&a] { a.exit_code = Backup(a.admin.state, a.folder, a.with_keys); });
    CLI::App* restore =
        app.add_subcommand("restore", "Make a state folder from a backup; no daemon may run on it");
    restore->add_option("folder", a.folder, "The backup")->required();
    AddState(*restore, a, "State folder to fill");
    restore->callback([&a] { a.exit_code = Restore(a.admin.state, a.folder); });
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("CareStream: HL7 v2 in, FHIR R4 out");
    app.set_version_flag("--version", CARESTREAM_VERSION);
    app.require_subcommand(1);
    Arguments arguments;
    arguments.admin.state = StateFolder();
    AddMap(app, arguments);
    AddFiles(app, arguments);
    AddTest(app, arguments);
    AddSend(app, arguments);
    AddStatus(app, arguments);
    AddMessages(app, arguments);
    AddDeadLetters(app, arguments);
    AddBackup(app, arguments);
    CLI11_PARSE(app, argc, argv);
    return arguments.exit_code;
}
