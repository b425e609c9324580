"""HL7's v2-to-FHIR code tables against ours, a row at a time: each code goes through the engine and must come out as the
row says: code, system, display; a code without a counterpart must come out as nothing, one that no row has as well.

  python3 tests/conformance/v2_to_fhir_tables.py           # fails if a row is translated otherwise, or not at all

Method: a mapping made for this test translates PID-8 by the table that PID-6 names; the tables are the shipped ones.
$CARESTREAM_SHARED names the folder that holds v2-to-fhir/ (default ../shared); without it nothing is checked.
"""
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = 77  # for ctest
FOREIGN = "no such code"
URL = "http://example.org/table"
ESCAPES = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"}

# Rows that are not what a translation can be.
REPAIRS = {
    "http://unitsofmeasure.org/": "http://unitsofmeasure.org",
}


def rows_of(path):
    """(code, FHIR code, system, display); of two rows with one code the first counts."""
    seen = set()
    with open(path, encoding="utf-8-sig", newline="") as file:
        for row in list(csv.reader(file))[2:]:
            row = [" ".join(cell.split()) for cell in row] + [""] * 10
            if not row[0] or row[0] in seen:
                continue
            seen.add(row[0])
            code, display, system = row[6], row[8], row[9]
            if not system and display.startswith("http"):  # a column is missing
                display, system = row[7], display
            yield row[0], code, REPAIRS.get(system, system), display


def escape(text):
    return "".join(ESCAPES.get(letter, letter) for letter in text)


def write_mappings(folder, tables):
    (folder / "messages").mkdir()
    (folder / "segments").mkdir()
    (folder / "identity").mkdir()
    (folder / "tables").symlink_to(ROOT / "mappings/tables")
    (folder / "messages/ADT_A01.yaml").write_text(
        "message: ADT_A01\nevents: [ADT^A01]\ntree: [{PID: {make: Patient, with: PID.Patient}}]\n")
    (folder / "identity/Patient.yaml").write_text("identity: Patient\nkeys: [{identifier: any}]\n")
    rules = "".join(f"  - {{extension: '{URL}', at: PID-8, type: Coding, code: '{name}', miss: drop,\n"
                    f"     when: PID-6 == '{name}', id: '{name}'}}\n" for name in tables)
    (folder / "segments/PID.Patient.yaml").write_text(
        "map: PID -> Patient\nrules:\n  - {at: PID-3, to: 'identifier[it].value'}\n" + rules)


def translate(folder, cases):
    """The Coding, or None, of each (table, code)."""
    text = "".join(f"MSH|^~\\&|S|F|R|F|20260101||ADT^A01|{number}|P|2.5\rPID|1||{number}|||{table}||{escape(code)}\r"
                   for number, (table, code) in enumerate(cases))
    (folder / "feed.hl7").write_text(text)
    binary = Path(os.environ.get("CARESTREAM_BIN", ROOT / "build/bin")) / "carestream"
    done = subprocess.run([binary, "map", folder / "feed.hl7", "--mappings", folder, "--ndjson", "--quiet"],
                          capture_output=True, text=True, cwd=ROOT)
    if done.returncode != 0:
        sys.exit(done.stderr[:2000])
    found = [None] * len(cases)
    for line in done.stdout.splitlines():
        for entry in json.loads(line)["entry"]:
            patient = entry["resource"]
            number = int(patient["identifier"][0]["value"])
            for extension in patient.get("extension", []):
                found[number] = extension["valueCoding"]
    return found


def main():
    shared = Path(os.environ.get("CARESTREAM_SHARED", ROOT.parent / "shared")) / "v2-to-fhir/codesystems"
    if not shared.is_dir():
        print(f"skipped: no {shared}")
        return SKIPPED
    shipped = {path.stem for path in (ROOT / "mappings/tables").glob("*.yaml")}
    cases, expected, absent = [], [], []
    for path in sorted(shared.glob("*.csv")):
        rows = list(rows_of(path))
        if path.stem not in shipped:
            if any(code for _, code, _, _ in rows):
                absent.append(path.stem)
            continue
        for source, code, system, display in rows:
            cases.append((path.stem, source))
            expected.append((code, system, display) if code else None)
        cases.append((path.stem, FOREIGN))
        expected.append(None)
    wrong = [f"{name}: no such table" for name in absent]
    with tempfile.TemporaryDirectory(prefix="carestream-tables-") as name:
        folder = Path(name)
        write_mappings(folder, sorted({table for table, _ in cases}))
        for (table, source), want, got in zip(cases, expected, translate(folder, cases)):
            if want is None:
                right = got is None
            else:
                right = got is not None and got.get("code") == want[0] and got.get("system", "") == want[1]
                # Of a required code no display is kept; where the row has none the code system's is taken.
                no_display = not want[2] or re.match("http://hl7.org/fhir/", want[1])
                right = right and (no_display or got.get("display") == want[2])
            if not right:
                wrong.append(f"{table} '{source}': expected {want}, got {got}")
    print("\n".join(wrong[:40]))
    print(f"{len(cases)} rows of {len({table for table, _ in cases})} tables, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
