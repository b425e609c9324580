#!/usr/bin/env python3
"""Prints the figures of the whole: a Release daemon, its embedded PostgreSQL and the load on one machine.

  tests/bench/figures.py [--short] [PART...]

Parts: parse stages burst ingest reads disk start (all, in this order). ingest, reads and disk share one
store, preloaded with a million resources; --short preloads 60,000 and runs 30 s instead of 300 s.
Build first: cmake --preset release && cmake --build build. Optional: python3-hl7 (ratio), wrk (reads).
"""
import argparse
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

HOME = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HOME / "tests" / "support"))
from daemon import Daemon, binary_folder  # noqa: E402

TICK_US = 1_000_000 / os.sysconf("SC_CLK_TCK")


def say(name, text):
    print(f"{name:<34} {text}", flush=True)


def cpu_us(pid):
    """User and system time of a process and, for a server, of its children."""
    def fields(number):
        return Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()

    own = fields(pid)
    total = int(own[11]) + int(own[12])
    children = 0
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                of = fields(entry)
            except OSError:
                continue
            if int(of[1]) == pid:
                children += int(of[11]) + int(of[12])
    return (total + children + int(own[13]) + int(own[14])) * TICK_US if children else total * TICK_US


class Store:
    """A daemon with its server's tables in reach."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="carestream-figures-", dir=os.environ.get("CARESTREAM_BENCH_DIR", "/tmp"))
        self.daemon = Daemon(state=self.folder)
        self.known = 0
        self.runs = 0

    def sql(self, text):
        socket = Path(self.folder) / "postgres" / "socket"
        return subprocess.run(["psql", "-XAtq", f"host={socket} user=carestream dbname=carestream", "-c", text],
                              check=True, capture_output=True, text=True).stdout.strip()

    def metric(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.daemon.admin_port}/metrics", timeout=30) as page:
            return sum(float(value) for value in
                       re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", page.read().decode(), re.M))

    def outcomes(self):
        return self.metric("carestream_outcomes_total")

    def feed(self, **flags):
        self.runs += 1
        command = [binary_folder() / "bench_feed", "--port", str(self.daemon.mllp_port), "--known", str(self.known),
                   "--run", f"R{self.runs}-"]
        for name, value in flags.items():
            command += [f"--{name}", str(value)]
        result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        self.known = max(self.known, result["known"])
        return result

    def drain(self, upto, timeout_s=3600):
        deadline = time.monotonic() + timeout_s
        while self.outcomes() < upto:
            if time.monotonic() > deadline:
                raise RuntimeError("messages stay without an outcome")
            time.sleep(0.2)

    def wal(self):
        return int(self.sql("select (pg_current_wal_lsn() - '0/0'::pg_lsn)::int8"))

    def close(self):
        self.daemon.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Costs:
    """CPU, WAL and rows per message between start and report()."""

    ROWS = "select n_tup_ins from pg_stat_user_tables where relname = '{}'"

    def __init__(self, store):
        self.store = store
        self.before = self.read()

    def read(self):
        store = self.store
        store.sql("select pg_stat_clear_snapshot()")
        rows = {table: int(store.sql(self.ROWS.format(table)) or 0)
                for table in ("version", "index_token", "index_date", "index_number")}
        return {"daemon": cpu_us(store.daemon.process.pid), "server": cpu_us(store.daemon.postmaster_pid()),
                "wal": store.wal(), **rows}

    def report(self, messages):
        time.sleep(1.5)  # the server's counters come late
        after = self.read()
        per = {name: (after[name] - self.before[name]) / messages for name in after}
        return (f"per message: CPU daemon {per['daemon']:.0f} us, PostgreSQL {per['server']:.0f} us, "
                f"WAL {per['wal']:.0f} B, versions {per['version']:.2f}, index rows "
                f"{per['index_token'] + per['index_date'] + per['index_number']:.1f}")


def parse():
    text = subprocess.run([binary_folder() / "bench_hl7", "--benchmark_format=json", "--benchmark_filter=Parse"],
                          check=True, capture_output=True, text=True).stdout
    for run in json.loads(text)["benchmarks"]:
        say("parse", f"{run['name']}: {run['cpu_time']:.0f} {run['time_unit']}, "
                     f"{run.get('bytes_per_second', 0) / 1e9:.2f} GB/s")
    try:
        import hl7
    except ImportError:
        say("parse, python3-hl7", "not installed")
        return
    message = subprocess.run([binary_folder() / "bench_feed", "--print", "--port", "1"], check=True,
                             capture_output=True, text=True).stdout
    count, began = 2000, time.process_time()
    for _ in range(count):
        hl7.parse(message)
    took = (time.process_time() - began) / count
    say("parse, python3-hl7", f"{took * 1e6:.0f} us for {len(message)} B, {len(message) / took / 1e9:.5f} GB/s")


def stages():
    text = subprocess.run([binary_folder() / "bench_mapping"], check=True, capture_output=True, text=True).stdout
    for line in text.splitlines():
        if line.startswith(("corpus", "parse", "map", "index", "serialise", "encrypt", "mapped", "all", "document")):
            say("one message, one core", line)


def burst(seconds):
    store = Store()
    try:
        store.daemon.start()
        costs = Costs(store)
        result = store.feed(seconds=seconds)
        processed = store.outcomes()
        say("AA after commit, 64 links", f"{result['per_second']} msg/s, p50 {result['p50_ms']:.1f}, p99 "
            f"{result['p99_ms']:.1f} ms, {result['codes']}; processed beside it {processed / seconds:.0f} msg/s")
        say("", costs.report(result["answered"]))
        result = store.feed(seconds=seconds / 2, links=1)
        say("AA after commit, one serial link", f"{result['per_second']} msg/s, p50 {result['p50_ms']:.2f} ms, p99 "
            f"{result['p99_ms']:.1f} ms (backlog being processed beside it)")
    finally:
        store.close()


def preload(store, resources):
    began = time.monotonic()
    visits, reports = int(resources / 25), int(resources / 16)
    total = store.outcomes()
    for kind, count, updates in (("adt", visits, 0), ("oru", reports, 0)):
        for sent in range(0, count, 20_000):
            part = min(20_000, count - sent)
            store.feed(kind=kind, messages=part, updates=updates)
            total += part
            store.drain(total)
    store.sql("vacuum analyze")
    stored = int(store.sql("select count(*) from resource where version > 0"))
    say("preloaded", f"{stored} resources in {time.monotonic() - began:.0f} s")


def sustained(store, kind, seconds):
    """As fast as effects commit: the load follows what is processed, so that no backlog hides anything."""
    start, costs, began = store.outcomes(), Costs(store), time.monotonic()
    checkpoint = threading.Timer(seconds / 2, lambda: store.sql("checkpoint"))
    checkpoint.start()
    sent = 0
    while time.monotonic() - began < seconds:
        sent += store.feed(kind=kind, messages=2000, links=64)["answered"]
        store.drain(start + sent - 1500)
    store.drain(start + sent)
    took = time.monotonic() - began
    checkpoint.join()
    say(f"MLLP in -> committed, {kind}", f"{sent / took:.0f} msg/s over {took:.0f} s, a checkpoint inside")
    say("", costs.report(sent))
    rate = sent / took / 2
    buckets = store_histogram(store)
    store.feed(kind=kind, rate=rate, seconds=min(seconds, 60))
    say(f"at half of it ({rate:.0f} msg/s), {kind}",
        "receipt to searchable " + quantiles(buckets, store_histogram(store)))


def store_histogram(store):
    with urllib.request.urlopen(f"http://127.0.0.1:{store.daemon.admin_port}/metrics", timeout=30) as page:
        found = re.findall(r'^carestream_processing_seconds_bucket{.*le="([^"]+)"} (\S+)$', page.read().decode(), re.M)
    return {float(bound.replace("+Inf", "inf")): float(count) for bound, count in found}


def quantiles(before, after):
    counts = {bound: after[bound] - before.get(bound, 0) for bound in sorted(after)}
    total = max(counts.values())
    def at(part):
        return next(bound for bound, count in counts.items() if count >= part * total) * 1000
    return f"p50 <= {at(0.5):.0f} ms, p99 <= {at(0.99):.0f} ms ({total:.0f} messages)"


LUA = """
local paths = {}
for line in io.lines("%s") do paths[#paths + 1] = line end
math.randomseed(7)
request = function() return wrk.format("GET", paths[math.random(#paths)]) end
"""


def reads(store, seconds):
    if shutil.which("wrk") is None:
        say("reads", "wrk is not installed")
        return
    # The types' numbers are their places in the alphabet; ids are no secrets to the server.
    types = dict(row.split("|") for row in store.sql(
        "select type, count(*) from resource where version > 0 group by type").splitlines())
    most = max(types, key=lambda kind: int(types[kind]))
    patients = store.sql("select p.id from resource r join resource p on p.pk = r.subject where r.type = "
                         f"{most} and r.pk % 97 = 3 limit 5000").splitlines()
    ids = store.sql(f"select id from resource where type = {most} and version > 0 and pk % 97 = 3 "
                    "limit 20000").splitlines()
    cases = {"read by id": [f"/fhir/r4/Observation/{one}" for one in ids],
             "patient + type + date, page of 20": [
                 f"/fhir/r4/Observation?patient=Patient/{one}&date=ge2026-03-01&_sort=-date&_count=20"
                 for one in patients]}
    for name, paths in cases.items():
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "paths").write_text("\n".join(paths) + "\n")
            (Path(folder) / "case.lua").write_text(LUA % (Path(folder) / "paths"))
            out = subprocess.run(["wrk", "-t1", "-c16", f"-d{seconds}s", "--latency", "-s", Path(folder) / "case.lua",
                                  f"http://127.0.0.1:{store.daemon.fhir_port}"], capture_output=True, text=True).stdout
        rate, p50, p99 = (re.search(pattern, out) for pattern in
                          (r"Requests/sec:\s+(\S+)", r"50%\s+(\S+)", r"99%\s+(\S+)"))
        bad = re.search(r"Non-2xx.*", out)
        say(name + ", 16 clients", f"{rate.group(1)}/s, p50 {p50.group(1)}, p99 {p99.group(1)}"
            + (f"; {bad.group(0)}" if bad else ""))


def disk(store):
    resources = int(store.sql("select count(*) from resource where version > 0"))
    versions = int(store.sql("select count(*) from version"))
    sizes = {table: int(store.sql(f"select pg_total_relation_size('{table}')")) for table in
             ("resource", "version", "identity", "index_token", "index_date", "index_number", "event")}
    total = sum(sizes.values())
    say("disk", f"{total / resources:.0f} B a resource, {total / versions:.0f} B a version ("
        + ", ".join(f"{table} {size / resources:.0f}" for table, size in sizes.items())
        + f"); {resources} resources, {versions} versions")


def start():
    store = Store()
    try:
        store.daemon.start()
        store.feed(seconds=3, messages=2000)
        store.drain(2000)
        store.daemon.stop()
        clean = store.daemon.start()
        time.sleep(5)
        rss = int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{store.daemon.process.pid}/status").read_text()).group(1))
        say("start to ready after a clean stop", f"{clean:.2f} s; idle RSS {rss / 1024:.0f} MB")
        with concurrent.futures.ThreadPoolExecutor() as pool:
            load = pool.submit(lambda: store.feed(seconds=20))
            time.sleep(8)
            store.daemon.kill()
            load.exception()
        ready = store.daemon.start()
        time.sleep(3)  # the count is made now and then
        waiting = store.metric("carestream_queue_messages")
        more = "at least " if waiting >= 10000 else ""  # the count stops there
        say("start to ready after kill -9", f"{ready:.2f} s, {more}{waiting:.0f} messages waiting")
    finally:
        store.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("parts", nargs="*")
    flags = parser.parse_args()
    parts = flags.parts or ["parse", "stages", "burst", "ingest", "reads", "disk", "start"]
    if "parse" in parts:
        parse()
    if "stages" in parts:
        stages()
    if "burst" in parts:
        burst(10)
    if {"ingest", "reads", "disk"} & set(parts):
        store = Store()
        try:
            store.daemon.start()
            preload(store, 60_000 if flags.short else 1_000_000)
            if "disk" in parts:
                disk(store)
            if "reads" in parts:
                reads(store, 10)
            if "ingest" in parts:
                sustained(store, "adt", 30 if flags.short else 300)
                sustained(store, "oru", 30 if flags.short else 300)
        finally:
            store.close()
    if "start" in parts:
        start()


if __name__ == "__main__":
    main()
