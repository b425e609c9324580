"""A real carestreamd for tests: own state folder, own ports, killed or stopped on demand."""
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

HOME = Path(__file__).resolve().parents[2]


def binary_folder():
    return Path(os.environ.get("CARESTREAM_BIN", HOME / "build" / "bin"))


def free_port():
    """Of loopback, below those that the system gives to whoever connects: one of these may be taken at any moment."""
    while True:
        port = random.SystemRandom().randrange(15_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Daemon:
    """`state` survives kill() and stop(); close() removes it."""

    def __init__(self, config=None, environment=None, state=None, tls=None, fhir_port=None):
        self.tls = tls  # an ssl.SSLContext of a client: the FHIR listener speaks TLS
        self.state = Path(state or tempfile.mkdtemp(prefix="carestream-test-"))
        os.chmod(self.state, 0o755)
        self.own_state = state is None
        self.config = config or HOME / "conf" / "carestream.yaml"
        self.fhir_port, self.admin_port, self.mllp_port = fhir_port or free_port(), free_port(), free_port()
        self.log_path = self.state.parent / (self.state.name + ".log")
        self.process = None
        self.environment = dict(
            os.environ,
            CARESTREAM_STATE=str(self.state),
            CARESTREAM_FHIR=f"127.0.0.1:{self.fhir_port}",
            CARESTREAM_ADMIN=f"127.0.0.1:{self.admin_port}",
            CARESTREAM_MLLP=f"127.0.0.1:{self.mllp_port}",
            **(environment or {}),
        )

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def fhir(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.fhir_port}/fhir/r4"

    def start(self, timeout_s=90, until="ready"):
        """Returns the seconds until /ready (or another page of the admin port) said yes."""
        began = time.monotonic()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [binary_folder() / "carestreamd", "--config", self.config],
                env=self.environment, stdout=log, stderr=log, cwd=HOME)
        while time.monotonic() - began < timeout_s:
            if self.process.poll() is not None:
                raise RuntimeError(f"carestreamd ended with {self.process.returncode}:\n{self.log_tail()}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}/{until}", timeout=2):
                    return time.monotonic() - began
            except (urllib.error.URLError, OSError):
                time.sleep(0.02)
        raise RuntimeError(f"carestreamd is not ready after {timeout_s} s:\n{self.log_tail()}")

    def log_tail(self, lines=40):
        try:
            return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, timeout_s=60):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def postmaster_pid(self):
        """The embedded server's process, or None."""
        for file in self.state.rglob("postmaster.pid"):
            return int(file.read_text().splitlines()[0])
        return None

    def close(self):
        try:
            self.stop()
        finally:
            pid = self.postmaster_pid()
            if pid and self.own_state:
                try:
                    os.kill(pid, signal.SIGQUIT)
                    time.sleep(0.5)
                except ProcessLookupError:
                    pass
            if self.own_state:
                shutil.rmtree(self.state, ignore_errors=True)
                self.log_path.unlink(missing_ok=True)

    def cli(self, *arguments, check=True, **options):
        return subprocess.run([binary_folder() / "carestream", *map(str, arguments)], env=self.environment,
                              check=check, capture_output=True, text=True, timeout=120, cwd=HOME, **options)

    def request(self, method, path, body=None, headers=None):
        """(status, headers, JSON or text) of a FHIR request; `path` is relative to the base."""
        data = None if body is None else (body if isinstance(body, bytes) else json.dumps(body).encode())
        url = path if path.startswith("http") else f"{self.fhir}/{path}"
        request = urllib.request.Request(url, data=data, method=method, headers={
            "Content-Type": "application/fhir+json", **(headers or {})})
        try:
            with urllib.request.urlopen(request, timeout=30, context=self.tls) as response:
                status, fields, content = response.status, response.headers, response.read()
        except urllib.error.HTTPError as error:
            status, fields, content = error.code, error.headers, error.read()
        try:
            return status, fields, json.loads(content) if content else None
        except ValueError:
            return status, fields, content.decode(errors="replace")

    def get(self, path, **parameters):
        query = urllib.parse.urlencode(parameters, doseq=True)
        return self.request("GET", f"{path}?{query}" if query else path)

    def wait_for(self, path, timeout_s=20, count=1, **parameters):
        """The search Bundle once it has `count` matches."""
        deadline = time.monotonic() + timeout_s
        while True:
            status, _, bundle = self.get(path, **parameters)
            matches = [e for e in (bundle or {}).get("entry", []) if
                       e.get("search", {}).get("mode", "match") == "match"] if status == 200 else []
            if len(matches) >= count:
                return bundle
            if time.monotonic() > deadline:
                raise AssertionError(f"{path} {parameters}: {status}, {len(matches)} of {count} matches")
            time.sleep(0.05)


class MllpLink:
    """One connection; send() returns the ACK's text or raises OSError."""

    def __init__(self, port, timeout_s=40, tls=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="127.0.0.1")
        self.buffer = b""

    def send(self, message):
        payload = message if isinstance(message, bytes) else message.encode()
        self.socket.sendall(b"\x0b" + payload + b"\x1c\r")
        return self.receive()

    def receive(self):
        while b"\x1c" not in self.buffer:
            received = self.socket.recv(65536)
            if not received:
                raise ConnectionError("link closed before the ACK")
            self.buffer += received
        frame, self.buffer = self.buffer.split(b"\x1c", 1)
        return frame.lstrip(b"\r\n\x0b").decode()

    def close(self):
        self.socket.close()


def ack_code(ack):
    for segment in ack.split("\r"):
        if segment.startswith("MSA"):
            return segment.split("|")[1]
    return ""
