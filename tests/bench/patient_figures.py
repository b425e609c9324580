#!/usr/bin/env python3
"""Prints the figures of the way to the patient: a Release daemon, its PostgreSQL and the load on one machine.

  tests/bench/patient_figures.py [message] [receivers]

message:    MLLP message in -> its patient's websocket, at 200 messages a second of 1,000 patients, 200 of whom watch
receivers:  what an MLLP sender waits for its ACK while rest-hook receivers answer, are gone, or never answer
Build first: cmake --preset release && cmake --build build.
"""
import argparse
import json
import socket
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from daemon import HOME, Daemon, MllpLink, ack_code, free_port  # noqa: E402
from websocket import WebSocket  # noqa: E402

CONFIG = """
state: "${{env:CARESTREAM_STATE}}"
fhir: {{listen: "${{env:CARESTREAM_FHIR}}"}}
admin: {{listen: "${{env:CARESTREAM_ADMIN}}"}}
channels: {folder}/channels
mappings: {home}/mappings
auth: {{mode: tokens, local_tokens: true, rate_limit: {{requests_per_second: 0}}}}
subscriptions: {{plain_hosts: ["127.0.0.1"], private_networks: ["127.0.0.0/8"]}}
"""
FEED = """channel: feed
system: ehr
source: {{mllp: {{listen: "127.0.0.1:{port}"}}}}
time_zone: America/New_York
assigning_authority: MAIN
authority_for: [Patient, Encounter]
mapping: {{messages: [ADT, ORU]}}
"""
BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"


def say(name, values, unit="ms"):
    values = sorted(values)
    at = lambda part: values[min(len(values) - 1, int(part * len(values)))] * 1000  # noqa: E731
    print(f"{name:<44} {len(values)} times: p50 {at(.5):.1f}, p90 {at(.9):.1f}, p99 {at(.99):.1f}, max {at(1):.1f} {unit}",
          flush=True)


def stamp():
    return time.strftime("%Y%m%d%H%M%S+0000", time.gmtime())


def result(number, patient, run):
    return "\r".join([
        f"MSH|^~\\&|LAB|MAIN|CS|MAIN|{stamp()}||ORU^R01^ORU_R01|{run}{number}|P|2.5.1",
        f"PID|1||{patient}^^^MAIN^MR||Bench^Nobody||19700101|F",
        f"OBR|1||{run}{number}^LAB|718-7^Hemoglobin^LN|||{stamp()}||||||||||||||||||F",
        "OBX|1|NM|718-7^Hemoglobin^LN||13.5|g/dL|12.0-15.5||||F"]) + "\r"


class Site:
    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="carestream-figures-")
        (Path(self.folder.name) / "channels").mkdir()
        config = Path(self.folder.name) / "site.yaml"
        config.write_text(CONFIG.format(folder=self.folder.name, home=HOME))
        self.port = free_port()
        (Path(self.folder.name) / "channels/feed.yaml").write_text(FEED.format(port=self.port))
        self.daemon = Daemon(config)
        self.daemon.start()
        self.staff = self.token("--scope", "system/*.cruds")
        return self

    def __exit__(self, *_):
        self.daemon.close()
        self.folder.cleanup()

    def token(self, *arguments):
        return self.daemon.cli("token", "--state", self.daemon.state, *arguments).stdout.strip()

    def ask(self, method, path, body=None, token=None):
        return self.daemon.request(method, path, body, {"Authorization": f"Bearer {token or self.staff}"})

    def register(self, count):
        """Their ids, by number."""
        link = MllpLink(self.port)
        for n in range(count):
            message = "\r".join([f"MSH|^~\\&|EHR|MAIN|CS|MAIN|{stamp()}||ADT^A28^ADT_A05|REG{n}|P|2.5.1", f"EVN|A28|{stamp()}",
                                 f"PID|1||{n}^^^MAIN^MR||Bench^Nobody||19700101|F"])
            assert ack_code(link.send(message + "\r")) == "AA"
        link.close()
        while True:
            last = self.ask("GET", f"Patient?identifier={count - 1}")[2]
            if last.get("entry"):
                break
            time.sleep(0.2)

    def patient(self, number):
        return self.ask("GET", f"Patient?identifier={number}")[2]["entry"][0]["resource"]["id"]

    def subscribe(self, channel, token=None, payload="full-resource"):
        status, _, made = self.ask("POST", "Subscription", {
            "resourceType": "Subscription", "status": "requested", "reason": "figures",
            "criteria": "urn:carestream:topic:result", "meta": {"profile": [BACKPORT + "backport-subscription"]},
            "channel": {"payload": "application/fhir+json", "_payload": {"extension": [{
                "url": BACKPORT + "backport-payload-content", "valueCode": payload}]}, **channel}}, token)
        assert status == 201, made
        return made["id"]


class Watcher(threading.Thread):
    """One patient's websocket; notes when which order's report came."""

    def __init__(self, site, number, came):
        super().__init__(daemon=True)
        token = site.token("--scope", "patient/*.cruds", "--patient", site.patient(number))
        one = site.subscribe({"type": "websocket"}, token)
        while True:
            status, _, answer = site.ask("GET", f"Subscription/{one}/$get-ws-binding-token", token=token)
            if status == 200:
                break
            time.sleep(0.02)
        told = {p["name"]: next(v for k, v in p.items() if k.startswith("value")) for p in answer["parameter"]}
        self.socket = WebSocket("127.0.0.1", site.daemon.fhir_port, "/fhir/r4/websocket", timeout=120,
                                headers=[f"Authorization: Bearer {token}"])
        self.socket.send("bind-with-token " + told["token"])
        self.socket.receive()
        self.came = came

    def run(self):
        try:
            while True:
                text = self.socket.receive()
                at = time.perf_counter()
                for entry in json.loads(text)["entry"][1:]:
                    for identifier in entry.get("resource", {}).get("identifier", []):
                        self.came.setdefault(identifier["value"], at)
        except (OSError, TypeError):
            pass


def message(seconds=30, rate=200, patients=1_000, watched=200):
    with Site() as site:
        site.register(patients)
        came, sent = {}, {}
        with ThreadPoolExecutor(4) as pool:
            watchers = list(pool.map(lambda n: Watcher(site, n * patients // watched, came), range(watched)))
        for watcher in watchers:
            watcher.start()
        links = [MllpLink(site.port) for _ in range(4)]
        count = seconds * rate
        began = time.perf_counter() + 0.5

        def send(which):
            for number in range(which, count, len(links)):
                time.sleep(max(0, began + number / rate - time.perf_counter()))
                sent[f"R{number}"] = time.perf_counter()
                assert ack_code(links[which].send(result(number, number % patients, "R"))) == "AA"

        threads = [threading.Thread(target=send, args=(i,)) for i in range(len(links))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expected = {f"R{n}" for n in range(count) if n % patients % (patients // watched) == 0}
        deadline = time.monotonic() + 20
        while not expected <= came.keys() and time.monotonic() < deadline:
            time.sleep(0.1)
        print(f"sent {count} at {count / (max(sent.values()) - min(sent.values())):.0f}/s, "
              f"{len(expected & came.keys())} of {len(expected)} told")
        say("message in -> patient's websocket", [came[n] - sent[n] for n in expected & came.keys()])


class Receivers:
    """Rest-hook receivers on one port: `mode` is answers, silent (accepts and says nothing) or gone."""

    def __init__(self):
        self.mode, self.listener, self.port, self.links = "answers", None, 0, []
        self.up()

    def up(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=256)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def down(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for link in self.links:
            link.close()
        self.links = []

    def _accept(self, listener):
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            self.links.append(link)
            threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link):
        data = b""
        try:
            while True:
                while b"\r\n\r\n" not in data:
                    more = link.recv(65536)
                    if not more:
                        return
                    data += more
                head, data = data.split(b"\r\n\r\n", 1)
                size = next((int(line.split(b":")[1]) for line in head.split(b"\r\n")
                             if line.lower().startswith(b"content-length:")), 0)
                while len(data) < size:
                    data += link.recv(65536)
                data = data[size:]
                if self.mode == "answers":
                    link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        except OSError:
            pass


def receivers(seconds=15, rate=50, hooks=100):
    with Site() as site:
        site.register(hooks)
        there = Receivers()
        for _ in range(hooks):
            site.subscribe({"type": "rest-hook", "endpoint": f"http://127.0.0.1:{there.port}/hook"}, payload="id-only")
        link, number = MllpLink(site.port), 0
        for mode in ("answers", "gone", "silent", "answers"):
            if mode == "gone":
                there.down()
            elif there.mode == "gone":
                there.up()
            there.mode = mode
            waited, began = [], time.perf_counter() + 0.2
            for n in range(seconds * rate):
                time.sleep(max(0, began + n / rate - time.perf_counter()))
                at = time.perf_counter()
                assert ack_code(link.send(result(number, number % hooks, "A"))) == "AA"
                waited.append(time.perf_counter() - at)
                number += 1
            say(f"ACK at {rate}/s, {hooks} receivers: {mode}", waited)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help="message receivers; none = all")
    chosen = parser.parse_args().parts or ["message", "receivers"]
    for part in chosen:
        {"message": message, "receivers": receivers}[part]()
