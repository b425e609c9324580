"""The figures of the maps over the shared corpus: validity, loss, and agreement with two other converters.

  python3 tests/conformance/figures.py                # one table; fails if a figure is short of what it must reach
  python3 tests/conformance/figures.py --open         # and what no rule justifies, and which rules justify most
  python3 tests/conformance/figures.py --missed       # and which mapped fields of HL7's tables lose most leaves
  python3 tests/conformance/figures.py --hapi         # also HL7's reference validator (a minute; or CARESTREAM_HAPI=1)
  python3 tests/conformance/figures.py --speed        # also time and memory (Release build, nothing else running)
  python3 tests/conformance/figures.py --soak 10000000  # and the memory over so many messages (a quarter of an hour)
  python3 tests/conformance/figures.py --rows         # also the sums of the scripts that test HL7's tables row by row

Places come from $CARESTREAM_BIN, $CARESTREAM_SHARED and $CARESTREAM_HOME (see corpus.py). Without the shared data
nothing is measured (exit 77). What is printed names paths and messages, never values of a message.
"""
import argparse
import collections
import os
import pathlib
import subprocess
import sys

import checks
import corpus
import deviations
import leaves
import linuxforhealth
import microsoft
import validator

SKIPPED = 77  # for ctest
ALLOWED_REFUSALS = ("nothing in the message could be mapped", "no usable identity for")


class Table:
    def __init__(self):
        self.failed = False

    def row(self, what, figure, reach="", good=True, counts=True):
        self.failed = self.failed or counts and not good
        print(f"{'ok   ' if good else 'SHORT'} {what:<58} {figure:<40} {reach}")

    def note(self, text):
        print(f"      {text}")


def percent(part, whole):
    return f"{100 * part / whole:.2f} % ({part} of {whole})" if whole else "none"


def bundles(table, messages):
    supported = [one for one in messages if one.supported]
    refused = collections.Counter(one.refusal for one in supported if one.refusal)
    unexpected = [why for why in refused if not any(text in why for text in ALLOWED_REFUSALS)]
    made = sum(one.bundle is not None for one in supported)
    table.row("messages of supported events that give a Bundle", f"{made} of {len(supported)}",
              "the others have no content or no identity", not unexpected)
    for why, count in refused.most_common():
        table.note(f"refused {count}: {why}")


def validity(table, messages):
    """The unit test runs the project's own validator over all of the corpus; it is built beside the program."""
    test = corpus.binary().with_name("unit_mapping")
    if not test.exists():
        table.note("own validator: skipped, unit_mapping is not built beside carestream")
        return
    done = subprocess.run([test, "--gtest_filter=Corpus.GivesValidCompleteRepeatableOutput"], capture_output=True,
                          text=True, check=False)
    table.row("own validator over all Bundles", "0 errors" if done.returncode == 0 else "errors", "0",
              done.returncode == 0)


def reference_validator(table, messages):
    try:
        found, excused = validator.errors(messages)
    except validator.Absent as why:
        table.note(f"reference validator: skipped, {why}")
        return
    table.row("HL7's reference validator, Bundles with 0 errors", percent(len(messages) - len(found), len(messages)),
              "100 %", not found)
    kinds = collections.Counter(one for issues in found.values() for one in issues)
    for (path, rule), count in kinds.most_common(20):
        table.note(f"{count} x {path} {rule}")
    for reason, count in excused.most_common():
        table.note(f"tolerated {count}: {reason}")


def soundness(table, messages):
    found = collections.Counter()
    for one in messages:
        text = (corpus.folder() / one.name).read_text(encoding="utf-8", errors="replace")
        found.update(checks.faults(one.bundle, text))
    for kind in ("dangling reference", "empty element", "placeholder URL"):
        places = {path: count for (what, path), count in found.items() if what == kind}
        table.row(kind + "s", str(sum(places.values())), "0", not places)
        for path, count in sorted(places.items())[:10]:
            table.note(f"{count} x {path}")


def loss(table, messages, tables, arguments):
    found = leaves.measure(messages, tables)
    table.row("valued leaves mapped or listed with a reason",
              percent(found.total if not found.unaccounted else found.total - len(found.unaccounted), found.total),
              "100 %", not found.unaccounted)
    table.note(f"mapped: {percent(found.mapped, found.total)}")
    # What is missing stands row by row in mappings/coverage.tsv, which has its own test: known, so no failure here.
    table.row("  mapped, of those in fields that HL7's tables map", percent(*found.by_field), ">= 98 %",
              found.by_field[0] >= 0.98 * found.by_field[1], counts=False)
    table.note(f"  of those in components that they map: {percent(*found.by_component)}")
    if arguments.missed:
        for field, count in found.missed.most_common(60):
            table.note(f"{count:5} {field}")


def print_rules(table, found, tables, wanted):
    """Rules cite rows that there are; with --open also what is left, and the rules by use."""
    for wrong in deviations.unknown_rows(found.rules, tables.listed):
        table.row("  rules that cite a field of no table", wrong, "none", False)
    if wanted:
        for count, kind, path, what, example in deviations.groups(found.unexplained)[:80]:
            table.note(f"{count:5} {kind}.{path} {what}, as in {example}")
        for rule in sorted(found.rules, key=lambda rule: -rule.used)[:25]:
            table.note(f"{rule.used:5} by line {rule.line}: {rule.row}")


def agreement_microsoft(table, messages, tables, arguments):
    found = microsoft.measure(messages, set(tables.fields))
    total = sum(found.leaves.values())
    equal = total - sum(found.deviating.values())
    table.row(f"Microsoft, {found.messages} messages: leaves equal or justified",
              percent(total - len(found.unexplained), total), ">= 97 %", found.share() >= 0.97)
    table.note(f"equal {percent(equal, total)}; the rest by {len(found.rules)} rules")
    strict = collections.Counter(one.type for one in found.strict())
    table.row("  unexplained in " + ", ".join(sorted(microsoft.STRICT)), str(sum(strict.values())), "0", not strict)
    print_rules(table, found, tables, arguments.open)


def agreement_linuxforhealth(table, messages, tables, arguments):
    found = linuxforhealth.measure(messages, set(tables.fields))
    table.row("LinuxForHealth: facts true or justified", percent(found.facts - len(found.unexplained), found.facts),
              ">= 95 %", found.share() >= 0.95)
    table.note(f"true {percent(found.true, found.facts)}; {found.unresolved} do not resolve")
    print_rules(table, found, tables, arguments.open)


def rows(table):
    for name in ("rows", "messages", "tables"):
        script = pathlib.Path(__file__).with_name(f"v2_to_fhir_{name}.py")
        done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
        table.row(f"HL7's tables: {script.name}", "as classified" if done.returncode == 0 else "differs", "",
                  done.returncode == 0)
        for line in done.stdout.splitlines():
            if line.strip():
                table.note(line.strip())


def speed(table, soak):
    bench = corpus.binary().with_name("bench_mapping")
    if not bench.exists():
        table.note("time and memory: skipped, bench_mapping is not built beside carestream")
        return
    environment = dict(os.environ, CARESTREAM_SHARED=str(corpus.shared()))
    if soak:
        environment["CARESTREAM_SOAK"] = str(soak)
    wanted = ("corpus", "parse", "map", "mapped", "serialise", "MapDocument", "document", "soak")
    text = subprocess.run([bench], capture_output=True, text=True, check=True, env=environment).stdout
    for line in text.splitlines():
        if line.startswith(wanted):
            table.note(line)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hapi", action="store_true")
    parser.add_argument("--open", action="store_true")
    parser.add_argument("--missed", action="store_true")
    parser.add_argument("--rows", action="store_true")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--soak", type=int, default=0)
    arguments = parser.parse_args()
    if not corpus.folder().is_dir() or not (corpus.shared() / "v2-to-fhir").is_dir():
        print("SKIP: no corpus or tables in", corpus.shared())
        return SKIPPED
    table, messages, tables = Table(), corpus.load(), leaves.Tables()
    mapped = [one for one in messages if one.bundle is not None]
    bundles(table, messages)
    validity(table, mapped)
    if arguments.hapi or os.environ.get("CARESTREAM_HAPI") == "1":
        reference_validator(table, mapped)
    soundness(table, mapped)
    loss(table, mapped, tables, arguments)
    agreement_microsoft(table, mapped, tables, arguments)
    agreement_linuxforhealth(table, mapped, tables, arguments)
    if arguments.rows:
        rows(table)
    if arguments.speed:
        speed(table, 0)
    if arguments.soak:
        speed(table, arguments.soak)
    return 1 if table.failed else 0


if __name__ == "__main__":
    sys.exit(main())
