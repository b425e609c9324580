"""The OpenID Connect provider of tests/support/provider for tests, and the client's half of the flows.

    with Provider(audience, accounts=[{"login": "ann", "patient": "1"}]) as provider:
        code, verifier = provider.authorise("ann", scope="openid patient/*.rs")
        tokens = provider.redeem(code, verifier)         # access_token, refresh_token, id_token
        provider.rotate()                                # signs with a new key from now on
"""
import base64
import hashlib
import html
import http.cookiejar
import json
import re
import secrets
import signal
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "provider"
REDIRECT = "http://127.0.0.1:9/app/"


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class BackendKey:
    """A key pair (P-384) and the assertions that it signs; openssl does the arithmetic."""

    def __init__(self, kid="backend-1"):
        self.kid = kid
        self.folder = tempfile.TemporaryDirectory(prefix="carestream-key-")
        self.file = Path(self.folder.name) / "key.pem"
        subprocess.run(["openssl", "ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", self.file], check=True)
        point = subprocess.run(["openssl", "ec", "-in", self.file, "-pubout", "-outform", "DER"], check=True,
                               capture_output=True).stdout[-96:]
        self.jwks = {"keys": [{"kty": "EC", "crv": "P-384", "kid": kid, "alg": "ES384", "use": "sig",
                               "x": base64url(point[:48]), "y": base64url(point[48:])}]}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def assertion(self, client_id, audience, now_s, seconds=60):
        """RFC 7523: what the service shows instead of a secret."""
        claims = {"iss": client_id, "sub": client_id, "aud": audience, "jti": secrets.token_hex(16), "iat": now_s,
                  "exp": now_s + seconds}
        head = {"alg": "ES384", "kid": self.kid, "typ": "JWT"}
        text = ".".join(base64url(json.dumps(part).encode()) for part in (head, claims))
        signed = subprocess.run(["openssl", "dgst", "-sha384", "-sign", self.file], input=text.encode(), check=True,
                                capture_output=True).stdout
        return f"{text}.{base64url(self._plain(signed))}"

    @staticmethod
    def _plain(der):
        """r and s, 48 bytes each, of a DER signature (RFC 7518 3.4)."""
        at, numbers = 2 if der[1] < 128 else 3, b""
        for _ in range(2):
            size = der[at + 1]
            numbers += der[at + 2:at + 2 + size].lstrip(b"\0").rjust(48, b"\0")
            at += 2 + size
        return numbers


class Provider:
    def __init__(self, audience, accounts=(), redirect=REDIRECT, backends=(), client_tls=None, **more):
        self.client_tls = client_tls  # an ssl.SSLContext, when `tls` is among `more`
        self.folder = tempfile.TemporaryDirectory(prefix="carestream-provider-")
        self.config = Path(self.folder.name) / "provider.json"
        self.redirect = redirect
        self.settings = {"audience": audience, "accounts": list(accounts), "backend_clients": list(backends),
                         "public_clients": [{"client_id": "page", "redirect_uris": [redirect]}], **more}
        self.process, self.issuer = None, ""

    def __enter__(self):
        if not (FOLDER / "node_modules").is_dir():
            raise RuntimeError("tests/support/provider has no node_modules: run tools/setup --tests")
        self._write()
        with open(Path(self.folder.name) / "log", "wb") as log:
            self.process = subprocess.Popen(["node", FOLDER / "provider.mjs", "--config", self.config], text=True,
                                            stdout=subprocess.PIPE, stderr=log)
        self.issuer = self._heard("ready")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)
        self.process.stdout.close()
        self.folder.cleanup()

    def _write(self):
        self.config.write_text(json.dumps(self.settings))

    def _heard(self, word):
        line = self.process.stdout.readline().split()
        if line[:1] != [word]:
            log = (Path(self.folder.name) / "log").read_text()
            raise RuntimeError(f"the provider said {line}, not {word}\n{log[-2000:]}")
        return line[1]

    def add_account(self, **account):
        self.settings["accounts"].append(account)
        self._write()

    def rotate(self):
        """A new key signs from now on; its kid."""
        self.process.send_signal(signal.SIGHUP)
        return self._heard("key")

    def post(self, url, **form):
        """Status and JSON."""
        request = urllib.request.Request(url, urllib.parse.urlencode(form).encode())
        try:
            with urllib.request.urlopen(request, timeout=20, context=self.client_tls) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    @property
    def token_endpoint(self):
        return f"{self.issuer}/token"

    def authorise(self, login, scope, endpoint=None, **more):
        """What a browser does up to the redirect: the code, and the verifier that goes with it."""
        verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(12)
        query = urllib.parse.urlencode({
            "response_type": "code", "client_id": "page", "redirect_uri": self.redirect, "scope": scope, "state": state,
            "code_challenge": base64url(hashlib.sha256(verifier.encode()).digest()), "code_challenge_method": "S256",
            **more})
        with Browser(self.redirect, self.client_tls) as browser:
            page = browser.get(f"{endpoint or self.issuer + '/auth'}?{query}")
            action = html.unescape(re.search(r'<form method="post" action="([^"]+)"', page).group(1))
            page = browser.get(urllib.parse.urljoin(self.issuer, action), login=login, password="any")
        answer = browser.arrived
        if not answer:
            raise AssertionError(f"the browser was not sent back: {page}")
        if answer.get("state") != state or answer.get("iss", self.issuer) != self.issuer:
            raise AssertionError(f"the answer is not to this request: {answer}")
        return answer["code"], verifier

    def redeem(self, code, verifier, endpoint=None, **more):
        status, tokens = self.post(endpoint or self.token_endpoint, grant_type="authorization_code", code=code,
                                   redirect_uri=self.redirect, client_id="page", code_verifier=verifier, **more)
        assert status == 200, tokens
        return tokens

    def refresh(self, refresh_token):
        return self.post(self.token_endpoint, grant_type="refresh_token", refresh_token=refresh_token, client_id="page")


class Browser(urllib.request.HTTPRedirectHandler):
    """Cookies and redirects, up to the one that leads back to the client: `arrived` has its parameters."""

    def __init__(self, until, tls=None):
        self.until, self.arrived = until, {}
        self.opener = urllib.request.build_opener(self, urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
                                                  urllib.request.HTTPSHandler(context=tls))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.opener.close()

    def redirect_request(self, request, stream, code, message, headers, url):
        if url.startswith(self.until):
            self.arrived = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
            return None
        return super().redirect_request(request, stream, code, message, headers, url)

    def get(self, url, **form):
        data = urllib.parse.urlencode(form).encode() if form else None
        try:
            with self.opener.open(url, data, timeout=20) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.read().decode()
