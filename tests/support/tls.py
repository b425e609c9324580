"""Certificates of a test's own authority, for this machine's loopback address."""
import ssl
import subprocess
import tempfile
from pathlib import Path


class Authority:
    """`ca`, `certificate` and `key` are PEM files; they are gone at the end."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="carestream-tls-")
        folder = Path(self.folder.name)
        self.ca, self.certificate, self.key = (folder / name for name in ("ca.pem", "server.pem", "server.key"))
        run = lambda *arguments: subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)  # noqa: E731
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        run("req", "-x509", *curve, "-keyout", folder / "ca.key", "-out", self.ca, "-days", "2", "-subj", "/CN=Test authority",
            "-addext", "keyUsage=critical,keyCertSign")
        run("req", *curve, "-keyout", self.key, "-out", folder / "server.csr", "-subj", "/CN=localhost")
        (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        run("x509", "-req", "-in", folder / "server.csr", "-CA", self.ca, "-CAkey", folder / "ca.key", "-CAcreateserial",
            "-out", self.certificate, "-days", "2", "-extfile", folder / "names")
        self.client = ssl.create_default_context(cafile=self.ca)
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(self.certificate, self.key)

    def close(self):
        self.folder.cleanup()
