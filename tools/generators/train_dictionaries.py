#!/usr/bin/env python3
"""Trains the zstd dictionaries of schemas/fhir/dictionaries from our own synthetic messages.

  tools/generators/train_dictionaries.py [--first NUMBER]

Each message of tests/samples and of the tests beside the maps is varied many times (names, numbers,
dates), mapped by build/bin/carestream, and what comes out is given the form in which the store
compresses it. NUMBER is the id of the first dictionary: bodies name the dictionary that packed them,
so files that were ever released stay, and new ones get higher numbers. Needs the zstd command.
"""
import argparse
import json
import random
import re
import subprocess
import tempfile
import uuid
from collections import defaultdict
from pathlib import Path

HOME = Path(__file__).resolve().parents[2]
OUT = HOME / "schemas" / "fhir" / "dictionaries"
VARIANTS = 60
# Below this many bodies a type shares the dictionary `any`.
BODIES_MIN = 100
BYTES_MAX = {"any": 32768}
BYTES_USUAL = 12288

NAMES = """Lindqvist Okoro Tanaka Moreau Haldane Iversen Castillo Novak Petrov Ashdown Banerjee Quist Rahimi Silva
Thorne Vance Maren Jonas Aiko Luc Ruth Nils Ines Petr Clara Tobias Anja Omar Elin Portsmouth Dover Concord Nashua
Keene Exeter Laconia Salem Hudson""".split()
STAMP = re.compile(r"\b(19|20)\d{6}(\d{4}(\d\d)?)?(?=[-+|^~\r.]|\b)")
NUMBER = re.compile(r"(?<![\w.-])\d{4,7}(?![\w.-])")


def messages():
    for file in sorted((HOME / "tests" / "samples").glob("*.hl7")):
        yield file.read_text()
    for file in sorted((HOME / "mappings" / "tests").rglob("*.yaml")):
        block = re.search(r"^message: \|\n((?:  .*\n)+)", file.read_text(), re.M)
        if block:
            yield "\r".join(line[2:] for line in block.group(1).splitlines()) + "\r"


def vary(text, chance):
    def stamp(match):
        digits = f"{chance.randint(1930, 2026)}{chance.randint(1, 12):02}{chance.randint(1, 28):02}"
        if len(match.group(0)) > 8:
            digits += f"{chance.randint(0, 23):02}{chance.randint(0, 59):02}"
        return digits + f"{chance.randint(0, 59):02}" * (len(match.group(0)) > 12)

    head, _, rest = text.replace("\n", "\r").partition("\r")
    rest = STAMP.sub(stamp, rest)
    rest = NUMBER.sub(lambda match: "".join(chance.choice("0123456789") for _ in match.group(0)), rest)
    for name in set(re.findall(r"(?<=[|^~ ])[A-Z][a-z]{3,}(?=[|^~\r])", rest)):
        if chance.random() < 0.5:
            rest = rest.replace(name, chance.choice(NAMES))
    return STAMP.sub(stamp, head) + "\r" + rest


def bodies():
    """type -> bodies in the form of store/internal/working_set.h WriteBody."""
    chance = random.Random(20260302)
    text = "\n".join(vary(message, chance) for message in messages() for _ in range(VARIANTS))
    with tempfile.NamedTemporaryFile("w", suffix=".hl7") as file:
        file.write(text)
        file.flush()
        # Some of the tests' messages are refused on purpose.
        mapped = subprocess.run([HOME / "build" / "bin" / "carestream", "map", "--ndjson", file.name],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False, text=True)
    found = defaultdict(list)
    for line in mapped.stdout.splitlines():
        ids = {}
        text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
                      lambda match: ids.setdefault(match.group(0), str(uuid.UUID(int=chance.getrandbits(128)))), line)
        for entry in json.loads(text).get("entry", []):
            resource = entry["resource"]
            stamp = f"2026-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}T{chance.randint(0, 23):02}:" \
                    f"{chance.randint(0, 59):02}:{chance.randint(0, 59):02}.{chance.randint(0, 999):03}Z"
            body = {"resourceType": resource.pop("resourceType"), "id": resource.pop("id"),
                    "meta": {"versionId": "1", "lastUpdated": stamp, **resource.pop("meta", {})}, **resource}
            found[body["resourceType"]].append(json.dumps(body, separators=(",", ":"), ensure_ascii=False))
    return found


def train(number, kind, samples):
    with tempfile.TemporaryDirectory() as folder:
        for index, sample in enumerate(samples):
            (Path(folder) / f"{index:05}").write_text(sample)
        target = OUT / f"{number}-{kind}.zdict"
        subprocess.run(["zstd", "-q", "-f", "--train", "-r", folder, f"--maxdict={BYTES_MAX.get(kind, BYTES_USUAL)}",
                        f"--dictID={number}", "-o", target], check=True)
        print(target.name, len(samples), "bodies", target.stat().st_size, "bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--first", type=int, default=1)
    number = parser.parse_args().first
    found = bodies()
    OUT.mkdir(parents=True, exist_ok=True)
    train(number, "any", [body for kind in sorted(found) for body in found[kind][:150]])
    for kind in sorted(found):
        if len(found[kind]) >= BODIES_MIN:
            number += 1
            train(number, kind, found[kind][:4000])


if __name__ == "__main__":
    main()
