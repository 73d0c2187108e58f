"""A small minidev in Python: it signs, packs and calls, and checks nothing."""

import hashlib
import io
import json
import tarfile
import zipfile
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import httpx
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

APP_ID = "2021000000000001"
TOOL_ID = "0f3b5c7e9a1d4c2b"
HOST = "https://ideservice.alipay.com"
WALLET = "com.alipay.alipaywallet"
SMALL_APP: Mapping[str, bytes] = {
    "app.json": b'{"pages":["a/a"]}',
    "a/a.axml": b"<view/>",
    "a/a.js": b"Page({})",
}
PACKAGE: Mapping[str, str] = {
    "appType": "tinyApp",
    "clientType": WALLET,
    "extraInfo": "{}",
    "mainUrl": "/index.html#a/a",
    "subUrl": "",
    "pluginList": "[]",
}
UPLOAD: Mapping[str, str] = {
    **PACKAGE,
    "clientId": WALLET,
    "extendInfo": '{"launchParams":{"page":"a/a"}}',
    "oldVersion": "",
    "packageName": "dist.amr",
    "packageVersion": "26.1122.0",
    "remark": "描述 & more",
    "tarFilePath": "/nowhere/dist.amr",
    "trackerChannel": "",
}
PREVIEW: Mapping[str, str] = {
    **PACKAGE,
    "bundleId": WALLET,
    "chInfo": "1011",
    "debugType": "MINI",
    "extendInfo": '{"launchParams":{"page":"a/a?x=1&y=2"}}',
    "idePreviewType": "muti",
    "needSync": "false",
    "openDebugSwitch": "{}",
    "packageName": "dist.tar",
}


@dataclass
class Client:
    """Call the service as the owner of a tool's key."""

    http: httpx.Client
    key: str
    app_id: str = APP_ID
    tool_id: str = TOOL_ID
    sign_what: str | None = None

    def call(
        self,
        name: str,
        fields: Mapping[str, str],
        files: Mapping[str, bytes] | None = None,
        *,
        method: str = "POST",
    ) -> httpx.Response:
        """Sign and send fields and files."""
        signed = {"appId": self.app_id, **fields}
        text = "&".join(f"{name}={signed[name]}" for name in sorted(signed))
        headers = {"sign": sign(self.key, self.sign_what or text), "signType": "SHA256WithRSA"}
        sent = {**signed, "toolId": self.tool_id, "toolType": "CLI"}
        url = f"{HOST}/cli/miniapp/{name}.json"
        if method == "GET":
            return self.http.get(url, params=sent, headers=headers)
        parts: list[tuple[str, Any]] = [(each, (None, value)) for each, value in sent.items()]
        parts += [(each, ("dist", content)) for each, content in (files or {}).items()]
        return self.http.post(url, files=parts, headers=headers)

    def upload(
        self, files: Mapping[str, bytes] = SMALL_APP, body: bytes | None = None, **fields: str
    ) -> Any:
        """Upload and return the reply."""
        package = zipped(tarred(files)) if body is None else body
        given = {**UPLOAD, "packageMD5": md5(package), **fields}
        return self.call("uploadCode", given, {"packageFile": package}).json()

    def preview(self, files: Mapping[str, bytes] = SMALL_APP, **fields: str) -> Any:
        """Preview in one part and return the reply."""
        package = tarred(files)
        given = {**PREVIEW, "packageMD5": md5(package), **fields}
        return self.call("preview", given, {"packageFile": package}).json()

    def build(self, reply: Mapping[str, Any]) -> tuple[bool, str, str]:
        """Get the build of an upload: whether it made a version, its status, its log."""
        task = nebula(reply)
        fields = {"packageId": task["packageId"], "packageVersion": task["version"]}
        answer = self.call("pullingUploadCode", {**fields, **self._client()}).json()["data"]
        info = json.loads(unquote(answer["nebulaInfo"]))
        return answer["versionCreated"], info["status"], json.loads(info["detail"])["log"]

    def released(self, **fields: str) -> None:
        """Upload a version and wait until it is built."""
        reply = self.upload(**fields)
        while not self.build(reply)[0]:
            pass

    def last_version(self) -> Any:
        """Return the newest version."""
        reply = self.call("appUploadDetail", self._client(), method="GET").json()
        return reply["data"]["lastVersion"]

    def set_trial_version(self, version: str) -> Any:
        """Make a version the trial version, and return its state."""
        fields = {**self._client(), "version": version}
        reply = self.call("setExp", fields).json()
        if reply["stat"] != "ok":
            return reply
        return self.call("setExpQuery", fields, method="GET").json()["data"]

    def _client(self) -> Mapping[str, str]:
        return {"clientType": "alipay", "clientId": WALLET}


def nebula(reply: Mapping[str, Any]) -> dict[str, str]:
    """Return what a reply to an upload packs."""
    content: dict[str, str] = json.loads(unquote(reply["data"]["nebulaInfo"]))
    return content


def sign(key: str, text: str) -> str:
    """Sign a text with SHA-256 and RSA."""
    # Validating the key takes 0.1 s, which is for those who do not trust it.
    private = load_pem_private_key(key.encode(), None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(private, RSAPrivateKey)
    return b64encode(private.sign(text.encode(), PKCS1v15(), SHA256())).decode()


def md5(content: bytes) -> str:
    """Return the digest that the tool sends."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def tarred(files: Mapping[str, bytes]) -> bytes:
    """Pack files as the tool does."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def zipped(archive: bytes, name: str = "dist.tar") -> bytes:
    """Pack an archive into another one, as for an upload."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as outer:
        outer.writestr(name, archive)
    return packed.getvalue()
