#!/usr/bin/env python3
"""Breaks a running CareStream and checks what it promised.

  daemon-kill    kill -9 of carestreamd at random points under load
  postgres-kill  kill -9 of its PostgreSQL, the daemon keeps running
  disk-full      a state folder without space (needs root for a small tmpfs)
  plaintext      marked values must not be found in the database's files, WAL, dump, logs or metrics

The oracle is a ledger: a line is fsynced before a message is sent and after its ACK came. Each of
`--links` patients gets messages that write STEP n into the street; so at the end the Patient must say
the last step of the ledger, and have exactly one version a step: a lost message leaves a gap, an effect
that happened twice leaves a version too many. The journal must hold just these messages, each with one
outcome.
"""
import argparse
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from daemon import Daemon, MllpLink, ack_code  # noqa: E402


def adt(control_id, mrn, step):
    event = "A01" if step == 1 else "A08"
    return "\r".join([
        f"MSH|^~\\&|FAULT|TEST|CARESTREAM|TEST|20260302081530+0000||ADT^{event}^ADT_A01|{control_id}|P|2.5.1",
        f"EVN|{event}|20260302081530+0000",
        f"PID|1||{mrn}^^^TEST^MR||Faultline^Probe||19700101|F|||STEP {step}^^Testtown^NH^03801^USA^H",
        f"PV1|1|I|W^1^1^TEST|||||||||||||||V{mrn}^^^TEST^VN",
    ]) + "\r"


class Ledger:
    def __init__(self, path):
        self.file = open(path, "a")
        self.lock = threading.Lock()

    def write(self, *words):
        with self.lock:
            self.file.write(" ".join(map(str, words)) + "\n")
            self.file.flush()
            os.fsync(self.file.fileno())


class Sender(threading.Thread):
    """One patient, one link, strictly serial: repeats a message with its MSH-10 until an AA comes."""

    def __init__(self, daemon, ledger, number, run_id):
        super().__init__(daemon=True)
        self.target, self.ledger, self.number = daemon, ledger, number
        self.mrn = f"F{run_id}{number:04d}"
        self.step, self.refused, self.resent = 0, 0, 0
        self.finish = threading.Event()

    def run(self):
        link = None
        while not self.finish.is_set():
            step = self.step + 1
            control_id = f"{self.mrn}-{step}"
            self.ledger.write("send", control_id)
            while True:
                try:
                    link = link or MllpLink(self.target.mllp_port)
                    code = ack_code(link.send(adt(control_id, self.mrn, step)))
                    if code == "AA":
                        break
                    self.refused += 1
                    time.sleep(0.05)
                except OSError:
                    if link:
                        link.close()
                    link = None
                    self.resent += 1
                    if self.finish.is_set():
                        # In doubt: it may be in the journal or not; the check accepts both.
                        return
                    time.sleep(0.02)
            self.ledger.write("ack", control_id)
            self.step = step


def start_load(daemon, links):
    run_id = f"{random.randrange(1 << 24):06X}"
    ledger = Ledger(daemon.state.parent / f"{daemon.state.name}.ledger")
    senders = [Sender(daemon, ledger, n, run_id) for n in range(links)]
    for sender in senders:
        sender.start()
    return senders


def sql(daemon, text):
    url = (daemon.state / "postgres" / "connection").read_text().strip()
    return subprocess.run(["psql", "-XAtq", url, "-c", text], check=True, capture_output=True, text=True).stdout.strip()


def counts(daemon):
    """(accepted messages, processed messages)"""
    text = sql(daemon, "select (select count(*) from journal where answer = 'AA'), "
                       "(select count(*) from outcome where status = 1)")
    return tuple(map(int, text.split("|")))


def acknowledged(senders):
    """mrn -> last step whose ACK the ledger holds."""
    steps = {sender.mrn: 0 for sender in senders}
    for line in Path(senders[0].ledger.file.name).read_text().splitlines():
        word, control_id = line.split()
        mrn, step = control_id.rsplit("-", 1)
        if word == "ack":
            steps[mrn] = max(steps[mrn], int(step))
    return steps


def check(daemon, senders, timeout_s=120):
    """[violations] after everything that was accepted has been processed."""
    violations = []
    deadline = time.monotonic() + timeout_s
    journal, outcomes = counts(daemon)
    while journal != outcomes and time.monotonic() < deadline:
        time.sleep(0.1)
        journal, outcomes = counts(daemon)
    stored = 0
    for mrn, acked in acknowledged(senders).items():
        while True:
            status, _, bundle = daemon.get("Patient", identifier=mrn)
            entries = bundle.get("entry", []) if status == 200 else []
            patient = entries[0]["resource"] if entries else {}
            line = (patient.get("address") or [{}])[0].get("line", [""])[0]
            reached = int(line.split()[1]) if line.startswith("STEP") else 0
            if reached >= acked or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        version = int(patient.get("meta", {}).get("versionId", 0))
        if len(entries) != (1 if reached else 0):
            violations.append(f"{mrn}: {len(entries)} patients instead of one")
        if reached not in (acked, acked + 1):
            violations.append(f"{mrn}: {acked} acknowledged, STEP {reached} stored")
        if version != reached:
            violations.append(f"{mrn}: STEP {reached} has version {version}")
        stored += reached
    if not journal == outcomes == stored:
        violations.append(f"{stored} steps stored, {journal} messages in the journal, {outcomes} processed")
    return violations


def finish(daemon, senders, name):
    for sender in senders:
        sender.finish.set()
    for sender in senders:
        sender.join(60)
    violations = check(daemon, senders)
    status = daemon.cli("deadletters", "--json", check=False)
    dead = json.loads(status.stdout or "{}") if status.returncode == 0 else {}
    dead = dead.get("dead_letters", dead if isinstance(dead, list) else [])
    if dead:
        violations.append(f"{len(dead)} dead letters")
    total = sum(s.step for s in senders)
    print(f"{name}: {total} acknowledged, {sum(s.resent for s in senders)} resent after a broken link, "
          f"{sum(s.refused for s in senders)} refused, {len(violations)} violations")
    for violation in violations[:20]:
        print("  " + violation)
    if total == 0:
        print("  nothing was acknowledged: the run proves nothing")
        return False
    return not violations


def daemon_kill(arguments):
    with Daemon() as daemon:
        senders = start_load(daemon, arguments.links)
        ready = []
        for _ in range(arguments.cycles):
            time.sleep(random.uniform(0.05, 1.0))
            daemon.kill()
            ready.append(daemon.start())
        time.sleep(0.5)
        ok = finish(daemon, senders, f"daemon-kill, {arguments.cycles} cycles")
        print(f"  ready after kill -9: median {sorted(ready)[len(ready) // 2]:.2f} s, max {max(ready):.2f} s")
        return ok


def postgres_kill(arguments):
    with Daemon() as daemon:
        senders = start_load(daemon, arguments.links)
        for cycle in range(arguments.cycles):
            time.sleep(random.uniform(0.3, 1.0))
            before = sum(s.step for s in senders)
            pid = daemon.postmaster_pid()
            os.kill(pid, signal.SIGKILL)
            deadline = time.monotonic() + 60
            while sum(s.step for s in senders) <= before + len(senders):
                if time.monotonic() > deadline:
                    print(f"postgres-kill: no ACK a minute after kill {cycle + 1}\n{daemon.log_tail()}")
                    return False
                time.sleep(0.05)
            if daemon.process.poll() is not None:
                print("postgres-kill: the daemon ended\n" + daemon.log_tail())
                return False
        return finish(daemon, senders, f"postgres-kill, {arguments.cycles} cycles")


def disk_full(arguments):
    if os.geteuid() != 0:
        print("disk-full: skipped, needs root for a small tmpfs")
        return True
    state = Path(f"/tmp/carestream-full-{os.getpid()}")
    state.mkdir(mode=0o755)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600m,mode=0755", "tmpfs", state],
                             capture_output=True)
    if mounted.returncode != 0:
        state.rmdir()
        print("disk-full: skipped, tmpfs cannot be mounted here")
        return True
    daemon = Daemon(state=state, environment={"CARESTREAM_DISK_FREE_MIN": "50MiB"})
    try:
        daemon.start()
        senders = start_load(daemon, arguments.links)
        time.sleep(1.5)
        filler = state / "filler"
        for keep_mib in (40, 0):  # first below disk_free_min, then nothing left at all
            free = os.statvfs(state)
            size = max(0, free.f_bavail * free.f_frsize - keep_mib * (1 << 20))
            with open(filler, "ab") as file:
                try:
                    block = b"x" * (1 << 20)
                    for _ in range(size >> 20):
                        file.write(block)
                    file.flush()
                except OSError:
                    pass
            time.sleep(3)
        before = sum(s.step for s in senders)
        time.sleep(2)
        during = sum(s.step for s in senders) - before
        filler.unlink()
        deadline = time.monotonic() + 60
        while sum(s.step for s in senders) <= before + during + len(senders):
            if time.monotonic() > deadline:
                print("disk-full: no ACK a minute after space returned\n" + daemon.log_tail())
                return False
            time.sleep(0.1)
        ok = finish(daemon, senders, "disk-full")
        print(f"  {during} acknowledged while nothing was left")
        return ok
    finally:
        daemon.close()
        subprocess.run(["umount", "-l", state], check=False)
        state.rmdir()


def plaintext(arguments):
    """Marked values go in as every kind of text; the files of the store and the logs must not hold them."""
    mark = "Zyxqvortex"
    with Daemon() as daemon:
        link = MllpLink(daemon.mllp_port)
        message = adt(f"{mark}ID", f"{mark}MRN", 1).replace("Faultline^Probe", f"{mark}^{mark}given") \
            .replace("Testtown", f"{mark}city")
        assert ack_code(link.send(message)) == "AA"
        link.send(message.replace(f"{mark}MRN^^^TEST^MR", "").replace(f"{mark}ID", f"{mark}ID2"))
        daemon.wait_for("Patient", identifier=f"{mark}MRN")
        daemon.request("POST", "Patient", {"resourceType": "Patient", "name": [{"family": mark}],
                                           "birthDate": f"not-{mark}"})
        daemon.get("Patient", family=mark)
        url = (daemon.state / "postgres" / "connection").read_text().strip()
        dump = subprocess.run(["pg_dump", url], check=True, capture_output=True).stdout
        with urllib.request.urlopen(f"http://127.0.0.1:{daemon.admin_port}/metrics", timeout=10) as page:
            metrics = page.read()
        assert b"COPY public.version" in dump and b"carestream_" in metrics
        hits = [name for name, text in (("dump", dump), ("metrics", metrics)) if mark.encode() in text]
        daemon.stop()
        files = [p for p in daemon.state.rglob("*") if p.is_file()] + [daemon.log_path]
        hits += [str(p) for p in files if mark.encode() in p.read_bytes()]
    print(f"plaintext: {len(files)} files, a dump and the metrics searched, {len(hits)} hits")
    for hit in hits:
        print("  " + hit)
    return not hits and len(files) > 10


SCENARIOS = {"daemon-kill": daemon_kill, "postgres-kill": postgres_kill, "disk-full": disk_full,
             "plaintext": plaintext}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("--cycles", type=int, default=5, help="kills (long form: 50 daemon, 10 PostgreSQL)")
    parser.add_argument("--links", type=int, default=8)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.randrange(1 << 32)
    random.seed(seed)
    print(f"seed {seed}")
    sys.exit(0 if SCENARIOS[options.scenario](options) else 1)
