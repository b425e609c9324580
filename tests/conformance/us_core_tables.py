#!/usr/bin/env python3
"""Goal: the tables of US Core are what their generator makes of the published package.
Method: make them again beside, and compare. Skipped without the package or Node."""
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HOME = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("CARESTREAM_SHARED", HOME.parent / "shared"))
PACKAGE = SHARED / "conformance/us-core-package/hl7.fhir.us.core-6.1.0.tgz"
TABLES = HOME / "schemas/fhir/us-core/6.1.0"


def main():
    node = shutil.which("node")
    if node is None or not PACKAGE.exists():
        print("skipped: no Node, or no package at", PACKAGE)
        return 77
    with tempfile.TemporaryDirectory(prefix="carestream-us-core-") as folder:
        subprocess.run([node, HOME / "tools/generators/us_core_profiles.mjs", PACKAGE, folder,
                        HOME / "schemas/fhir/r4"], check=True)
        made = sorted((Path(folder) / "6.1.0").glob("*.tsv"))
        different = [file.name for file in made if file.read_bytes() != (TABLES / file.name).read_bytes()]
        stale = sorted({file.name for file in TABLES.glob("*.tsv")} - {file.name for file in made})
    for name in different + stale:
        print(f"{TABLES / name}: is not what the generator makes")
    return 1 if different or stale or not made else 0


if __name__ == "__main__":
    sys.exit(main())
