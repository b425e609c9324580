"""HL7's reference validator (HAPI FHIR, through Maven) over Bundles: validator/ holds its pom and a main of one file.

Needs java, mvn and, the first time, a Maven repository in reach; built into build/hapi ($CARESTREAM_HAPI_DIR). What it
refuses without reason stands in validator/tolerated.tsv: shell patterns of the path (without indexes) and of the text.
"""
import collections
import csv
import fnmatch
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import corpus

PROJECT = Path(__file__).parent / "validator"
MAIN = PROJECT / "src" / "main" / "java" / "Main.java"


class Absent(Exception):
    """No JVM, no Maven or no artefacts: not an error of ours."""


def folder():
    return Path(os.environ.get("CARESTREAM_HAPI_DIR", corpus.ROOT / "build" / "hapi"))


def build():
    """The class path of the validator; made once."""
    if not shutil.which("java") or not shutil.which("mvn"):
        raise Absent("no java or no mvn")
    classes, listed = folder() / "classes", folder() / "classpath.txt"
    newest = max(MAIN.stat().st_mtime, (PROJECT / "pom.xml").stat().st_mtime)
    if not listed.exists() or listed.stat().st_mtime < newest:
        folder().mkdir(parents=True, exist_ok=True)
        command = ["mvn", "-q", "-B", f"-Doutput.folder={folder()}", "compile", "dependency:build-classpath",
                   f"-Dmdep.outputFile={listed}"]
        for offline in (["-o"], []):
            done = subprocess.run([*command, *offline], cwd=PROJECT, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                break
        else:
            raise Absent("mvn: " + (done.stdout + done.stderr).strip().splitlines()[0])
        listed.touch()
    return f"{classes}{os.pathsep}{listed.read_text().strip()}"


def tolerated():
    with open(PROJECT / "tolerated.tsv", newline="") as file:
        return list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]


def plain(path):
    """Bundle.entry[3].resource/*Patient/1*/.name[0] -> Patient.name"""
    path = re.sub(r"^Bundle\.entry\[\d+\]\.resource/\*(\w+)/[^*]*\*/", r"\1", path)
    path = re.sub(r"/\*(\w+)/[^*]*\*/", "", path)
    return re.sub(r"\[\d+\]", "", re.sub(r"ofType\((\w+)\)", r"\1", path))


def errors(messages):
    """({name of a message: [(path, rule)]}, tolerated errors counted by reason)."""
    class_path = build()
    text = "".join(json.dumps(one.bundle) + "\n" for one in messages)
    done = subprocess.run(["java", "-Xmx1500m", "-cp", class_path, "Main"], input=text, capture_output=True, text=True,
                          check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    if not lines or lines[-1].get("done") != len(messages):
        raise RuntimeError("the validator ended early: " + done.stderr[-1000:])
    found, excused, rules = collections.defaultdict(list), collections.Counter(), tolerated()
    for issue in lines[:-1]:
        if issue["severity"] in ("error", "fatal"):
            path = plain(issue["path"])
            excuse = next((reason for at, what, reason in rules if fnmatch.fnmatchcase(path, at)
                           and fnmatch.fnmatchcase(issue["text"] + " " + issue.get("id", ""), what + "*")), None)
            if excuse:
                excused[excuse] += 1
            else:
                found[messages[issue["line"] - 1].name].append((path, issue.get("id", "")))
    return found, excused
