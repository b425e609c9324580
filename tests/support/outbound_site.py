"""A real carestreamd with a feed and outbound channels of its own."""
import json
import tempfile
import time
from pathlib import Path

from daemon import HOME, Daemon, MllpLink, ack_code, free_port

FEED = """channel: {name}
system: {system}
source: {{mllp: {{listen: "127.0.0.1:{port}"}}}}
time_zone: America/New_York
assigning_authority: MAIN
authority_for: [Patient, Encounter]
mapping: {{messages: [ADT, SIU, ORU]}}
"""
FORWARD = """channel: {name}
source: {{channel: feed}}
destination: {{mllp: {{connect_to: "127.0.0.1:{port}", ack_timeout: 1s}}}}
retry: {{first: 100ms, max: 200ms}}
{more}
"""
BOOKING = """channel: {name}
system: ehr
source: {{topic: [appointment]}}
destination: {{mllp: {{connect_to: "127.0.0.1:{port}", ack_timeout: 2s}}}}
retry: {{first: 100ms, max: 200ms}}
render:
  event: SIU^S12
  events:
    - {{when: "status=cancelled", event: SIU^S15}}
    - {{when: "status=proposed"}}
  receiving_application: EHR
"""


def adt(control_id, mrn="100", event="A08", more=""):
    return "\r".join([
        f"MSH|^~\\&|EHR|MAIN|CS|MAIN|20260305082000+0000||ADT^{event}^ADT_A01|{control_id}|P|2.5.1",
        f"EVN|{event}|20260305082000+0000", f"PID|1||{mrn}^^^MAIN^MR||Roe^Jane||19700101|F",
        "PV1|1|I"]) + "\r" + more


class Site:
    """A configuration with channels of its own, and a daemon that reads them."""

    def __init__(self, **channels):
        self.folder = tempfile.TemporaryDirectory(prefix="carestream-site-")
        folder = Path(self.folder.name)
        (folder / "conf").mkdir()
        (folder / "channels").mkdir()
        text = (HOME / "conf/carestream.yaml").read_text()
        (folder / "conf/carestream.yaml").write_text(f"{text}\nmappings: {HOME}/mappings\n")
        self.channels = folder / "channels"
        self.feed_port = free_port()
        self.write("feed", FEED.format(name="feed", system="ehr", port=self.feed_port))
        for name, text in channels.items():
            self.write(name, text)
        self.daemon = Daemon(config=folder / "conf/carestream.yaml")

    def __enter__(self):
        self.daemon.start()
        return self

    def __exit__(self, kind, *_):
        log = self.daemon.log_path.read_text(errors="replace")
        self.daemon.close()
        self.folder.cleanup()
        for value in ("Roe", "Jane", "MSA|"):
            assert kind or value not in log, f"the log says {value}"

    def write(self, name, text):
        (self.channels / f"{name}.yaml").write_text(text)

    def send(self, *messages):
        link = MllpLink(self.feed_port)
        try:
            for message in messages:
                code = ack_code(link.send(message))
                assert code == "AA", code
        finally:
            link.close()

    def outbound(self, state=""):
        arguments = ["outbound", "list", "--json"] + (["--status", state] if state else [])
        return json.loads(self.daemon.cli(*arguments).stdout)["messages"]

    def wait(self, count, state="", timeout_s=20):
        """The list, once it has so many messages."""
        deadline = time.monotonic() + timeout_s
        while True:
            messages = self.outbound(state)
            if len(messages) == count:
                return messages
            if time.monotonic() > deadline:
                raise AssertionError(f"{len(messages)} messages, not {count}: {messages}\n{self.daemon.log_tail()}")
            time.sleep(0.1)
