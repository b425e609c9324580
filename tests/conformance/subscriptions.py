"""What the Subscriptions R5 Backport guide asks of servers, and the test that proves each statement.

  python3 tests/conformance/subscriptions.py BINARY...   # gtest binaries whose tests subscriptions.tsv names

Fails where a row names a test that is in none of the binaries, or neither a test nor a reason; and, with
$CARESTREAM_SHARED/conformance/subscriptions (default ../shared), where a statement for servers has no row. Rows may be missing
only for a MAY that the guide's own list calls not testable.
"""
import csv
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SHARED = Path(os.environ.get("CARESTREAM_SHARED", HERE.parents[2] / "shared"))
STATEMENTS = SHARED / "conformance" / "subscriptions" / "backport-requirements.csv"


def tests_of(binary):
    listed = subprocess.run([binary, "--gtest_list_tests"], capture_output=True, text=True, check=True).stdout
    suite = ""
    for line in listed.splitlines():
        name = line.split("#")[0].strip()
        if line.startswith("  "):
            yield suite + name
        elif name.endswith("."):
            suite = name


def main(binaries):
    known = {test for binary in binaries for test in tests_of(binary)}
    with open(HERE / "subscriptions.tsv", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    wrong = []
    for row in rows:
        if not row["tests"] and not row["reason"]:
            wrong.append(f"{row['id']}: neither a test nor a reason")
        wrong += [f"{row['id']}: no such test: {test}" for test in row["tests"].split() if test not in known]
    if STATEMENTS.exists():
        there = {row["id"] for row in rows}
        with open(STATEMENTS, newline="", encoding="utf-8-sig") as file:
            for statement in csv.DictReader(file):
                ours = "Server" in statement["Actors"] or statement["Conformance"] == "DEPRECATED"
                weak = statement["Conformance"] == "MAY" and statement["Not Tested Reason"]
                if ours and not weak and statement["ID"] not in there:
                    wrong.append(f"{statement['ID']}: {statement['Conformance']} without a row")
    for line in wrong:
        print(line)
    print(f"{len(rows)} statements, {sum(1 for row in rows if row['tests'])} proven by tests, {len(wrong)} wrong")
    return 1 if wrong or not rows else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
