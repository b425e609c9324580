"""The shared corpus through `carestream map`: one run for all figures.

A message is (name, bundle or None, report, refusal or None); the report is a line of `map --report json`. The binary is
$CARESTREAM_BIN/carestream (default build/bin), the data are in $CARESTREAM_SHARED (default ../shared), the maps in
$CARESTREAM_HOME/mappings (default: this tree's).
"""
import csv
import dataclasses
import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NO_MAP = "no message map covers this event"


def shared():
    return Path(os.environ.get("CARESTREAM_SHARED", ROOT.parent / "shared"))


def folder():
    return shared() / "corpus" / "hl7v2"


def binary():
    return Path(os.environ.get("CARESTREAM_BIN", ROOT / "build" / "bin")) / "carestream"


def mappings():
    return Path(os.environ.get("CARESTREAM_HOME", ROOT)) / "mappings"


@dataclasses.dataclass
class Mapped:
    name: str
    report: dict
    bundle: dict | None = None
    refusal: str | None = None

    @property
    def supported(self):
        return self.refusal is None or not self.refusal.startswith("MSH-9: " + NO_MAP)


def refusals(lines):
    """File name -> why it gave no Bundle."""
    found = {}
    for line in lines:
        match = re.match(r"error: (.*?\.hl7): message \d+: (.*)", line)
        if match:
            found[Path(match[1]).name] = match[2]
    return found


def map_files(files):
    """Every file holds one message; Bundles come in the order of the files that were not refused."""
    if not files:
        return []
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        subprocess.run([binary(), "map", "--ndjson", "--report", "json", "--mappings", mappings(), *files], stdout=out,
                       stderr=errors, check=False, env={"CARESTREAM_HOME": str(ROOT), **os.environ})
        out.seek(0)
        errors.seek(0)
        bundles, lines = [json.loads(line) for line in out], list(errors)
    reports = [json.loads(line) for line in lines if line.startswith("{")]
    refused = refusals(lines)
    if len(reports) != len(files) or len(bundles) != len(files) - len(refused):
        raise RuntimeError(f"{len(files)} files gave {len(reports)} reports, {len(bundles)} Bundles and "
                           f"{len(refused)} refusals")
    mapped, rest = [], iter(bundles)
    for file, report in zip(files, reports):
        why = refused.get(file.name)
        mapped.append(Mapped(file.name, report, None if why else next(rest), why))
    return mapped


def load():
    return map_files(sorted(folder().glob("*.hl7")))


def expected(peer):
    """Message name -> file of what the peer made of it."""
    with open(folder() / "expected" / "index.tsv", newline="") as file:
        return {message: folder() / path for message, who, path in list(csv.reader(file, delimiter="\t"))[1:]
                if who == peer}
