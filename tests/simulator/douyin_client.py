"""A small tt-ide-cli in Python: it packs and calls, and checks nothing."""

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

APP_ID = "tt0123456789abcdef"
TOKEN = "tok-5e2f7c81d09a"
OTHER = "ttffffffffffffffff"  # an app of another user
EMAIL, PASSWORD = "lin@example.com", "correct horse"
DEVELOPER = "https://developer.toutiao.com"
MICROAPP = "https://microapp.bytedance.com"
SMALL_APP: Mapping[str, bytes] = {
    "project.config.json": json.dumps({"appid": APP_ID}).encode(),
    "app.json": b'{"pages":["a/a"]}',
    "a/a.js": b"Page({})",
}
UPLOAD: Mapping[str, str] = {
    "version": "26.1122.0",
    "intro": "描述 & more",
    "need_check": "false",
    "extra_check_info_json": "{}",
    "need_upload_sourcemap": "true",
    "local_compile_version": "4.0.0-cli",
}
PREVIEW: Mapping[str, str] = {"local_compile_version": "4.0.0-cli"}


def token_headers(app_id: str = APP_ID, token: str = TOKEN) -> dict[str, str]:
    return {"x-cli-token": token, "x-cli-appid": app_id}


def session_headers(session: str) -> dict[str, str]:
    names = ("sessionid_microapp", "sessionid", "sessionid_dy_open")
    return {"Cookie": "; ".join(f"{name}={session}" for name in names)}


@dataclass
class Client:
    """Call the service with the headers of a token or a session."""

    http: httpx.Client
    headers: Mapping[str, str] = field(default_factory=token_headers)
    app_id: str = APP_ID

    def get(self, url: str) -> httpx.Response:
        """Send a GET request."""
        return self.http.get(url, headers=self.headers)

    def upload(self, files: Mapping[str, bytes] = SMALL_APP, **fields: str) -> Any:
        """Upload and return the reply."""
        return self.send("testing", packed(files), {**UPLOAD, **fields}).json()

    def preview(self, files: Mapping[str, bytes] = SMALL_APP, **fields: str) -> Any:
        """Preview and return the reply."""
        return self.send("preview", packed(files), {**PREVIEW, **fields}).json()

    def send(self, stage: str, archive: bytes, fields: Mapping[str, str]) -> httpx.Response:
        """Put a package as it is."""
        url = f"{DEVELOPER}/api/v2/app/{self.app_id}/{stage}"
        source = {"source": ("source.zip", archive, "application/zip")}
        return self.http.put(url, data=fields, files=source, headers=self.headers)

    def progress(self) -> Any:
        """Get the state of the build."""
        return self.get(f"{MICROAPP}/api/v1/app/{self.app_id}/compile_progress").json()

    def wait_until_built(self) -> None:
        """Poll until the build is ready."""
        while self.progress()["status"] != 2:
            pass

    def schema(self, stage: str, **parameters: object) -> Any:
        """Get the address of a QR code."""
        body = {
            "app_id": self.app_id,
            "shelled_tech_type": 2,
            "stage": stage,
            "schema_params": {
                "start_page": "",
                "query": "",
                "scene": "990001",
                "bdp_log": "{}",
                "penetrate_map_json": "{}",
                **parameters,
            },
        }
        url = f"{DEVELOPER}/api/developer/ide/v1/microapp/make_schema"
        return self.http.post(url, json=body, headers=self.headers).json()

    def version(self) -> str:
        """Get the version that the next one must exceed."""
        url = f"{DEVELOPER}/api/developer/ide/v1/microapp/versions?app_id={self.app_id}"
        return str(self.get(url).json()["data"]["audit_version"])

    def log_in(self, email: str = EMAIL, password: str = PASSWORD) -> httpx.Response:
        """Log in as a person."""
        form = {"aid": "1365", "mix_mode": "1"}
        secrets = {"email": obfuscated(email), "password": obfuscated(password)}
        return self.http.post(f"{DEVELOPER}/passport/web/email/login/", data={**form, **secrets})


def obfuscated(text: str) -> str:
    return "".join(f"{ord(character) ^ 5:x}" for character in text)


def packed(files: Mapping[str, bytes]) -> bytes:
    """Zip files as the tool does."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()
