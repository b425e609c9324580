#!/usr/bin/env python3
"""Goal: the command line does what was typed: the right instance, help for what was mistyped.
Method: the CLI alone, against state folders in which no daemon runs."""
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from daemon import binary_folder  # noqa: E402

# What a command needs besides --state to get as far as its state folder.
ARGUMENTS = {
    "messages find": ["--mrn", "1"],
    "messages show": ["1"],
    "deadletters show": ["1"],
    "deadletters replay": ["1"],
    "deadletters discard": ["1"],
    "conflicts resolve": ["1", "--note", "two people"],
    "link code": ["1"],
    "link list": ["1"],
    "link revoke": ["1"],
    "outbound show": ["1"],
    "outbound resend": ["1"],
    "outbound skip": ["1"],
    "outbound acked": ["1"],
    "outbound replay": ["1"],
    "bookings show": ["1"],
    "bookings confirm": ["1"],
    "bookings free": ["1"],
    "replay": ["1"],
    "backup": ["copy"],
    "token": ["--scope", "system/*.rs"],
    "restore": ["copy"],
}


class CommandLine(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="carestream-cli-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_cli(self, *arguments, **environment):
        clean = {k: v for k, v in os.environ.items() if k != "CARESTREAM_STATE"}
        return subprocess.run([binary_folder() / "carestream", *map(str, arguments)], text=True, timeout=60,
                              env={**clean, **environment}, capture_output=True, cwd=self.folder)

    def write(self, name, text):
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def commands(self, *above):
        """Every command, "messages find" among them, as --help lists them."""
        section, found = False, []
        for line in self.run_cli(*above, "--help").stdout.splitlines():
            if line and not line.startswith(" "):
                section = line.endswith(":") and not line.startswith(("Options", "Positionals", "Usage", "Examples"))
            elif section and (name := re.match(r"  ([a-z]+) ", line)):
                found += [" ".join([*above, name[1]]), *self.commands(*above, name[1])]
        return found


class State(CommandLine):
    def with_state(self):
        return [c for c in self.commands() if re.search(r"--state\b", self.run_cli(*c.split(), "--help").stdout)]

    def test_the_command_line_wins_over_the_environment(self):
        commands = self.with_state()
        self.assertLessEqual(set(ARGUMENTS) | {"status", "reload", "channels", "deadletters"}, set(commands))
        for command in commands:
            with self.subTest(command):
                done = self.run_cli(*command.split(), *ARGUMENTS.get(command, []), "--state", "typed",
                                    CARESTREAM_STATE="inherited")
                said = done.stdout + done.stderr
                self.assertEqual(done.returncode, 2, said)
                self.assertNotIn("inherited", said)
                if command != "restore":  # it complains about the backup first
                    self.assertIn("typed", said)

    def test_restore_fills_the_folder_that_was_typed(self):
        self.write("copy/manifest", "carestream-backup 1\npostgresql 15\n")
        self.write("typed/postgres/data/PG_VERSION", "15\n")
        self.write("inherited/postgres/data/PG_VERSION", "15\n")
        said = self.run_cli("restore", "copy", "--state", "typed", CARESTREAM_STATE="inherited").stderr
        self.assertIn("typed/postgres/data: a cluster is here already", said)

    def test_the_environment_names_it_when_nobody_typed(self):
        for command in self.with_state():
            if command == "restore":
                continue
            with self.subTest(command):
                done = self.run_cli(*command.split(), *ARGUMENTS.get(command, []), CARESTREAM_STATE="inherited")
                self.assertIn("inherited", done.stderr)


class Help(CommandLine):
    def refused(self, *arguments):
        done = self.run_cli(*arguments)
        self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
        return done.stdout, done.stderr

    def test_alone_it_shows_what_there_is(self):
        out, err = self.refused()
        self.assertEqual(err, "")
        for part in ("map", "lint", "messages", "deadletters", "restore", "Examples:", "carestream status"):
            self.assertIn(part, out)
        self.assertRegex(self.refused("messages")[0], r"\nCommands:\n  find .*\n  show ")

    def test_a_mistyped_command_is_told_its_nearest(self):
        for words, meant in ((["mesages", "find"], "messages"), (["statsu"], "status"), (["messages", "fnd"], "find"),
                             (["deadletters", "relay", "4"], "replay"), (["new", "chanel", "x"], "channel")):
            with self.subTest(words):
                out, err = self.refused(*words)
                self.assertEqual(out, "")
                self.assertIn(f"did you mean '{meant}'? `carestream ", err)
                self.assertIn("--help", err)
        _, err = self.refused("zzz")
        self.assertIn("no command 'zzz'", err)
        self.assertNotIn("did you mean", err)

    def test_bad_options_end_like_other_bad_input(self):
        self.assertIn("--stat", self.refused("status", "--stat", "x")[1])
        self.assertIn("required", self.refused("map")[1])

    def test_help_teaches_by_examples(self):
        for command in ("", "map", "lint", "test", "new channel", "send", "status", "reload", "messages find",
                        "messages show", "deadletters", "deadletters replay", "replay", "backup", "restore", "token"):
            with self.subTest(command):
                done = self.run_cli(*command.split(), "--help")
                self.assertEqual(done.returncode, 0)
                self.assertIn(f"  carestream {command}".rstrip(), done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
