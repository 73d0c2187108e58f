"""A small miniprogram-ci in Python: it signs, packs and calls, and compiles nothing."""

import base64
import gzip
import json
import ssl
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

APP_ID = "wx0123456789abcdef"
HOST = "https://servicewechat.com"
SMALL_APP: Mapping[str, bytes] = {"app.json": b'{"pages":["a/a"]}', "a/a.js": b"Page({})"}
QUERY: Mapping[str, str] = {
    "codeprotect": "0",
    "type": "miniProgram",
    "appid": APP_ID,
    "version": "1.0.1",
    "desc": "描述 & more",
    "robot": "1",
    "debugLaunchInfo": '{"scene":1011}',
}


@dataclass
class Client:
    """Call the service as the owner of a key."""

    http: httpx.Client
    key: str
    app_id: str = APP_ID
    signature: str | None = field(default=None, kw_only=True)

    def call(self, name: str, content: Mapping[str, object]) -> Any:
        """Post JSON and return JSON."""
        return self.http.post(f"{HOST}/wxa/ci/{name}", json=content).json()

    def sign(self) -> str:
        """Return the next signature: a fresh one, unless one was set."""
        if self.signature is not None:
            return self.signature
        reply = self.call("getrandstr", {"appid": self.app_id, "clientRand": 1})
        return sign(self.key, self.app_id, reply["data"]["randomString"])

    def signed(self, name: str, **content: object) -> Any:
        """Post JSON with a signature."""
        return self.call(name, {"appid": self.app_id, "signature": self.sign(), **content})

    def upload(self, files: Mapping[str, bytes] = SMALL_APP, **query: str) -> Any:
        """Upload and return the reply."""
        return self.post("upload", files, **query).json()

    def preview(self, files: Mapping[str, bytes] = SMALL_APP, **query: str) -> Any:
        """Preview and return the reply."""
        return self.post("testSourceURL", files, version="0.0.1", **query).json()

    def post(self, name: str, files: Mapping[str, bytes], **query: str) -> httpx.Response:
        """Pack and post files."""
        proof = json.dumps({"signature": self.sign(), "version": "2.1.42"}).encode()
        return self.post_body(name, packed({**files, "ci.signature": proof}), **query)

    def post_body(self, name: str, body: bytes, **query: str) -> httpx.Response:
        """Post a pack as it is."""
        parameters = {"_r": "0.5", **QUERY, "appid": self.app_id, **query}
        return self.http.post(f"{HOST}/wxa/ci/{name}", params=parameters, content=body)


def http_client(proxy_url: str, ca_file: Path) -> httpx.Client:
    """Return a client that uses only this proxy and trusts only this authority."""
    trust = ssl.create_default_context(cafile=ca_file)
    return httpx.Client(proxy=proxy_url, verify=trust, trust_env=False, timeout=20)


def sign(key: str, app_id: str, random_string: str) -> str:
    """Encrypt with the private key: PKCS #1 v1.5, type 1, no hash."""
    # Validating the key takes 0.1 s, which is for those who do not trust it.
    private = load_pem_private_key(key.encode(), None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(private, RSAPrivateKey)
    numbers = private.private_numbers()
    text = json.dumps({"appid": app_id, "rand_str": random_string}).encode()
    size = private.key_size // 8
    block = b"\x00\x01" + b"\xff" * (size - len(text) - 3) + b"\x00" + text
    power = pow(int.from_bytes(block), numbers.d, numbers.public_numbers.n)
    return base64.b64encode(power.to_bytes(size)).decode()


def packed(files: Mapping[str, bytes]) -> bytes:
    """Pack and gzip as miniprogram-ci does."""
    names = [f"/{name}".encode() for name in files]
    table_length = 4 + sum(12 + len(name) for name in names)
    position = 14 + table_length
    table = struct.pack(">I", len(names))
    for name, content in zip(names, files.values(), strict=True):
        table += struct.pack(">I", len(name)) + name + struct.pack(">II", position, len(content))
        position += len(content)
    data = b"".join(files.values())
    head = struct.pack(">BIIIB", 0xBE, 0, len(table), len(data), 0xED)
    return gzip.compress(head + table + data, 1)
