"""Alipay's credential, and requests without its tool: versions, and the tool's compiler.

Requests and signature are those of minidev 2.2.5.
"""

import binascii
import json
import os
import platform
import re
import shutil
import tarfile
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, TYPE_CHECKING, Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)

from mprelease.domain.errors import Refused, StageFailed
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.platforms import http
from mprelease.platforms.alipay.events import HOST, problem_of, refusal_in
from mprelease.platforms.detection import credential_text
from mprelease.platforms.driver import Account, Route
from mprelease.platforms.images import Image, image_of
from mprelease.platforms.stored_keys import stored_key
from mprelease.process.tree import Stop

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True)
class ToolKey:
    """A tool's id and its private key as PKCS#8 in PEM, the only format that minidev reads."""

    tool_id: str
    private_key: str = field(repr=False)


def read_credential(content: bytes) -> str:
    """Parse a credential's JSON file; return the tool's id and, from the next line on, the key.

    The key may be PKCS#1 or PKCS#8, with or without PEM's first and last line; the vendor's tools
    create all of these. Raise Refused(KEY_SHAPE), or Refused(CREDENTIAL_OF_OTHER_PLATFORM).
    """
    tool_id, key = _given(credential_text(content, Platform.ALIPAY))
    return f"{tool_id}\n{_as_pkcs8(_key_in(key))}"


def opened(credential: str) -> ToolKey:
    """Parse the text that `read_credential` returned."""
    tool_id, _, key = credential.partition("\n")
    return ToolKey(tool_id, key)


def _given(text: str) -> tuple[str, str]:
    try:
        match json.loads(text):
            case {"toolId": str(tool_id), "privateKey": str(key)} if tool_id.isalnum():
                return tool_id, key
    except (ValueError, RecursionError):
        pass
    raise Refused(Problem.KEY_SHAPE)


def _key_in(text: str) -> RSAPrivateKey:
    try:
        key = _loaded(text)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Refused(Problem.KEY_SHAPE) from None
    if not isinstance(key, RSAPrivateKey):
        raise Refused(Problem.KEY_SHAPE)
    return key


def _loaded(text: str) -> object:
    if "-----BEGIN" in text:
        lines = (line.strip() for line in text.strip().splitlines())
        return load_pem_private_key("\n".join(lines).encode(), password=None)
    try:
        der = b64decode("".join(text.split()), validate=True)
    except binascii.Error as error:
        raise ValueError from error
    return load_der_private_key(der, password=None)


def _as_pkcs8(key: RSAPrivateKey) -> str:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode("ascii").strip()


# Requests: check a key, get the last version, set the trial version.

_BASE = f"https://{HOST}"
_POLL_SECONDS = 2.0
_WALLET = "com.alipay.alipaywallet"
_NO_VERSION = "0.0.0"
_NUMBERS = re.compile(r"[0-9]+(\.[0-9]+){2}")


def last_version(account: Account, route: Route) -> str | None:
    """Return the newest version on the platform; None before the first.

    Raise StageFailed if the platform refuses the key or this host's address, or if the request
    fails. Every wait for the network times out after 5 s.
    """
    fields = {"appId": account.platform_app_id, "clientType": "alipay", "clientId": _WALLET}
    data = _Client(account, route).request("GET", "appUploadDetail", fields)
    version = str(data.get("lastVersion") or "")
    return version if _NUMBERS.fullmatch(version) and version != _NO_VERSION else None


def trial_version(account: Account, route: Route, versions: Sequence[str]) -> str | None:
    """Return the first of these versions that is the trial version; None if none of them is.

    Raise StageFailed if the platform refuses, or if a request fails.
    """
    client = _Client(account, route)
    app = {"appId": account.platform_app_id, "clientType": "alipay", "clientId": _WALLET}
    for version in versions:
        data = client.request("GET", "setExpQuery", {**app, "version": version})
        if data.get("packageStatus") == "success":
            return version
    return None


def show_to_testers(
    account: Account, route: Route, version: str, *, seconds: float
) -> Image | None:
    """Make an uploaded version the trial version, and return the image of its QR code.

    Return None if the image is not available. Raise StageFailed if the platform refuses, and
    StageFailed(PLATFORM_BUILD_UNFINISHED) if it is not ready after `seconds`.
    """
    client = _Client(account, route)
    app = {"appId": account.platform_app_id, "clientType": "alipay", "clientId": _WALLET}
    fields = {**app, "version": version}
    client.request("POST", "setExp", fields)
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        data = client.request("GET", "setExpQuery", fields)
        if data.get("packageStatus") == "success":
            return client.image(str(data.get("qrCodeUrl")))
        time.sleep(_POLL_SECONDS)
    raise StageFailed(Problem.PLATFORM_BUILD_UNFINISHED)


class _Client:
    """A client that signs requests with the key of one account."""

    def __init__(self, account: Account, route: Route) -> None:
        self._app_id = account.platform_app_id
        self._key = opened(account.credential)
        self._route = route

    def request(self, method: str, call: str, fields: Mapping[str, str]) -> dict[str, Any]:
        """Return the data of a successful response; raise StageFailed for any other."""
        sent = {**fields, "toolId": self._key.tool_id, "toolType": "CLI"}
        headers = {"sign": signature(self._key, fields), "signType": "SHA256WithRSA"}
        url = f"/cli/miniapp/{call}.json"
        with _client(self._route) as client:
            # The tool sends a multipart form.
            body = {name: (None, value) for name, value in sent.items()}
            answer = (
                client.get(url, params=sent, headers=headers)
                if method == "GET"
                else client.post(url, files=body, headers=headers)
            )
        return self._data(answer, fields)

    def image(self, address: str) -> Image | None:
        """Download an image; None if that fails, or if it is not a valid image."""
        try:
            with _client(self._route) as client:
                answer = client.get(address, follow_redirects=True).raise_for_status()
        except StageFailed:
            return None
        return image_of(answer.content)

    def _data(self, answer: "httpx.Response", fields: Mapping[str, str]) -> dict[str, Any]:
        if refusal := refusal_in(answer.text):
            raise problem_of(refusal, self._app_id, fields.get("version", ""))
        try:
            data = answer.json().get("data")
        except (ValueError, AttributeError):
            raise http.unreachable(HOST, f"HTTP {answer.status_code}") from None
        return data if isinstance(data, dict) else {}


def signature(key: ToolKey, fields: Mapping[str, str]) -> str:
    """Return the tool's signature of fields, which are sorted by name."""
    text = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
    signed = stored_key(key.private_key).sign(text.encode(), PKCS1v15(), SHA256())
    return b64encode(signed).decode("ascii")


def _client(route: Route) -> AbstractContextManager["httpx.Client"]:
    return http.client(route, _BASE, {"Referer": _BASE, "Origin": _BASE})


# Download of the compiler for later releases; otherwise minidev downloads it each time, into the
# scratch folder of a release, after it has read a project. A kept compiler is run by later previews
# of all projects, so neither files nor events of that process are trusted: version and archive are
# requested from Alipay directly.

_COMPILER_CONFIG = "https://hpmweb.alipay.com/api/tinyapp/buildconfig"
_COMPILER_ARCHIVE = "https://mdn.alipayobjects.com/mini_assets/uri/file/as/builder-v{}-linux-{}.tgz"
_MACHINES = {"x86_64": "x64", "aarch64": "arm64"}
# As in minidev 2.2.5: a default version if the platform names none. It stores versions before
# 0.100.7 elsewhere; these are not kept.
_DEFAULT_COMPILER = "0.100.12"
_OLDEST_COMPILER = (0, 100, 7)
_COMPILER_VERSION = re.compile(r"([0-9]{1,5})\.([0-9]{1,5})\.([0-9]{1,5})(-[0-9A-Za-z.-]{1,40})?")

_KEEP_SECONDS = 300.0
_LARGEST_ARCHIVE = 200 * 2**20  # bytes
_LARGEST_CONTENT = 800 * 2**20
_MOST_FILES = 5_000
_PROGRAM = 0o755
_UNUSABLE = (OSError, ValueError, LookupError, StageFailed, tarfile.TarError)


def keep_compiler(app_id: str, route: Route, folder: Path, version: str, stop: Stop) -> bool:
    """Download the compiler that the platform requires for an app into `folder`.

    Return whether it is there. `version` is minidev's. An existing version is never replaced,
    because releases may be running it. The download ends on a request of `stop`, and after 5 min.
    """
    try:
        with http.client(
            route,
            "",
            {"x-tinyapp-cli-version": version},
            seconds=_KEEP_SECONDS,
            most_bytes=_LARGEST_ARCHIVE,
            stop=stop,
        ) as client:
            wanted = _wanted_compiler(client, app_id)
            place = folder / f"cubebuild@{wanted}"
            if not place.is_dir():
                with TemporaryFile(dir=folder.parent) as archive:
                    _download_compiler(client, wanted, archive)
                    unpack_compiler(archive, place)
    except _UNUSABLE:
        # Disk full, no network, or another process was faster: the next release downloads its own.
        return False
    return place.is_dir()


def _wanted_compiler(client: "httpx.Client", app_id: str) -> str:
    answer = client.get(_COMPILER_CONFIG, params={"appId": app_id}).raise_for_status().json()
    try:
        named = str(answer["data"]["schedule"]["builder"]["cube-build"])
    except (LookupError, TypeError):
        named = _DEFAULT_COMPILER
    found = _COMPILER_VERSION.fullmatch(named)
    if not found or tuple(int(found[each]) for each in (1, 2, 3)) < _OLDEST_COMPILER:
        raise ValueError(named)
    return named


def _download_compiler(client: "httpx.Client", version: str, archive: IO[bytes]) -> None:
    address = _COMPILER_ARCHIVE.format(version, _MACHINES[platform.machine()])
    plain = {"Accept-Encoding": "identity"}
    with client.stream("GET", address, headers=plain) as answer:
        for chunk in answer.raise_for_status().iter_raw():
            archive.write(chunk)
    archive.seek(0)


def unpack_compiler(archive: IO[bytes], place: Path) -> None:
    """Extract an archive to `place`, executable for all users.

    Raise ValueError for an archive with other entries than plain files and folders.
    """
    # Processes under other user ids run it, but must not be able to change it.
    place.parent.mkdir(exist_ok=True)
    place.parent.chmod(_PROGRAM)
    with TemporaryDirectory(prefix=".partial-", dir=place.parent) as partial:
        programs = Path(partial, place.name)
        with tarfile.open(fileobj=archive, mode="r:gz") as tar:
            for name, content in _files(tar):
                _write(programs / "linux" / name, content)
        _open(programs)
        programs.rename(place)


def _files(tar: tarfile.TarFile) -> Iterator[tuple[PurePosixPath, IO[bytes]]]:
    """Yield an archive's files; raise ValueError for links, unsafe paths and exceeded limits."""
    left = _LARGEST_CONTENT
    for number, entry in enumerate(tar):
        name = PurePosixPath(entry.name)
        left -= entry.size
        is_outside = name.is_absolute() or ".." in name.parts
        if is_outside or left < 0 or number >= _MOST_FILES or not (entry.isfile() or entry.isdir()):
            raise ValueError(entry.name)
        if content := tar.extractfile(entry):
            yield name, content


def _write(file: Path, content: IO[bytes]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as stream:
        shutil.copyfileobj(content, stream)
    file.chmod(_PROGRAM)


def _open(folder: Path) -> None:
    for place, _folders, _names in os.walk(folder):
        Path(place).chmod(_PROGRAM)
