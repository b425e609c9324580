"""An issuer of tokens with any claims: RS256 by the openssl program, its public key as a JWKS file."""
import base64
import json
import subprocess
import time


def _part(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    def __init__(self, name, audience, path):
        self.name, self.audience, self.key = name, audience, path.with_suffix(".pem")
        subprocess.run(["openssl", "genrsa", "-out", self.key, "2048"], check=True, capture_output=True)
        modulus = subprocess.run(["openssl", "rsa", "-in", self.key, "-noout", "-modulus"], check=True,
                                 capture_output=True, text=True).stdout.strip().split("=")[1]
        path.with_suffix(".jwks").write_text(json.dumps({"keys": [{
            "kty": "RSA", "kid": "test", "alg": "RS256", "use": "sig", "e": "AQAB", "n": _part(bytes.fromhex(modulus))}]}))

    def token(self, **claims):
        claims = {"iss": self.name, "aud": self.audience, "exp": int(time.time()) + 3600, **claims}
        text = _part(json.dumps({"alg": "RS256", "kid": "test", "typ": "JWT"}).encode()) + "." + \
            _part(json.dumps(claims).encode())
        signed = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=text.encode(), check=True,
                                capture_output=True).stdout
        return text + "." + _part(signed)
