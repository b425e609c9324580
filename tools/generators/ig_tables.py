#!/usr/bin/env python3
"""Code tables of the HL7 v2-to-FHIR implementation guide (folder codesystems/ of its CSV export) as
mappings/tables/*.yaml. Usage: ig_tables.py CODESYSTEMS_FOLDER OUTPUT_FOLDER

Read by column position (header spelling varies): 0 v2 code, 2 v2 table, 3-5 conditions, 6 FHIR code,
8 display, 9 FHIR system. Repairs: blanks around systems, a slash after unitsofmeasure.org, table names
that are not HL7nnnn, a system in the place of the display; of two rows with one code the first counts."""
import csv
import re
import sys
from collections import Counter
from pathlib import Path

PLAIN = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")


def quote(text):
    if PLAIN.match(text) and text != "null":
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def read(path):
    with open(path, encoding="utf-8-sig", newline="") as file:
        for row in list(csv.reader(file))[2:]:
            row = [cell.strip() for cell in row] + [""] * 10
            if not row[9] and row[8].startswith("http"):  # a column is missing
                row[8], row[9] = row[7], row[8]
            if row[0]:
                yield row


def system_of(row):
    return re.sub(r"^(http://unitsofmeasure\.org)/$", r"\1", row[9])


def write(path, target):
    rows = list(read(path))
    tables = Counter(m.group(1) for row in rows if (m := re.match(r"^HL7(\d{4})$", row[2])))
    systems = Counter(system_of(row) for row in rows if row[6])
    main = systems.most_common(1)[0][0] if systems else ""
    lines = [f"table: {path.stem}"]
    if tables:
        lines.append(f'hl7: "{tables.most_common(1)[0][0]}"')
    if main:
        lines.append(f'system: "{main}"')
    lines.append("codes:")
    seen = set()
    plain_codes = main.startswith("http://hl7.org/fhir/")
    for row in rows:
        if row[0] in seen:
            continue
        seen.add(row[0])
        if not row[6]:
            lines.append(f"  {quote(row[0])}: ~")
            continue
        system, display = system_of(row), row[8]
        extra = []
        if system and system != main:
            extra.append(f"system: {quote(system)}")
        if display and not plain_codes:
            extra.append(f"display: {quote(' '.join(display.split()))}")
        value = quote(row[6]) if not extra else "{code: " + ", ".join([quote(row[6])] + extra) + "}"
        lines.append(f"  {quote(row[0])}: {value}")
    if not any(row[6] for row in rows if row[0]):
        return 0
    (target / f"{path.stem}.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(seen)


if __name__ == "__main__":
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    count = {path.stem: write(path, target) for path in sorted(source.glob("*.csv"))}
    print(f"{sum(1 for n in count.values() if n)} tables, {sum(count.values())} codes")
