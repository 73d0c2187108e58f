"""Download Alipay's compiler for later releases; otherwise minidev downloads it each time.

minidev downloads it into the scratch folder of a release, after it has read a project. A kept
compiler is run by later previews of all projects, so neither files nor events of that process are
trusted: version and archive are requested from Alipay directly.
"""

import io
import os
import platform
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import httpx

from mprelease.platforms import http
from mprelease.platforms.driver import Route

_CONFIG = "https://hpmweb.alipay.com/api/tinyapp/buildconfig"
_ARCHIVE = "https://mdn.alipayobjects.com/mini_assets/uri/file/as/builder-v{}-linux-{}.tgz"
_MACHINES = {"x86_64": "x64", "aarch64": "arm64"}
# As in minidev 2.2.5: a default version if the platform names none. It stores versions before
# 0.100.7 elsewhere; these are not kept.
_DEFAULT = "0.100.12"
_OLDEST = (0, 100, 7)
_VERSION = re.compile(r"([0-9]{1,5})\.([0-9]{1,5})\.([0-9]{1,5})(-[0-9A-Za-z.-]{1,40})?")

_LARGEST_ARCHIVE = 200 * 2**20  # bytes
_LARGEST_CONTENT = 800 * 2**20
_MOST_FILES = 5_000
_PROGRAM = 0o755
_UNUSABLE = (OSError, ValueError, LookupError, httpx.HTTPError, tarfile.TarError)


def keep(app_id: str, route: Route, folder: Path, version: str) -> bool:
    """Download the compiler that the platform requires for an app into `folder`.

    Return whether it is there. `version` is minidev's. An existing version is never replaced,
    because releases may be running it. The download has no total time limit.
    """
    try:
        with http.client(route, "", {"x-tinyapp-cli-version": version}) as client:
            wanted = _wanted(client, app_id)
            place = folder / f"cubebuild@{wanted}"
            if not place.is_dir():
                unpack(_archive(client, wanted), place)
    except _UNUSABLE:
        # Disk full, no network, or another process was faster: the next release downloads its own.
        return False
    return place.is_dir()


def _wanted(client: httpx.Client, app_id: str) -> str:
    answer = client.get(_CONFIG, params={"appId": app_id}).raise_for_status().json()
    try:
        named = str(answer["data"]["schedule"]["builder"]["cube-build"])
    except (LookupError, TypeError):
        named = _DEFAULT
    found = _VERSION.fullmatch(named)
    if not found or tuple(int(found[each]) for each in (1, 2, 3)) < _OLDEST:
        raise ValueError(named)
    return named


def _archive(client: httpx.Client, version: str) -> bytes:
    address = _ARCHIVE.format(version, _MACHINES[platform.machine()])
    content = bytearray()
    with client.stream("GET", address) as answer:
        for chunk in answer.raise_for_status().iter_raw():
            content += chunk
            if len(content) > _LARGEST_ARCHIVE:
                raise ValueError(address)
    return bytes(content)


def unpack(archive: bytes, place: Path) -> None:
    """Extract an archive to `place`, executable for all users.

    Raise ValueError for an archive with other entries than plain files and folders.
    """
    # Processes under other user ids run it, but must not be able to change it.
    place.parent.mkdir(exist_ok=True)
    place.parent.chmod(_PROGRAM)
    with TemporaryDirectory(prefix=".partial-", dir=place.parent) as partial:
        programs = Path(partial, place.name)
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            for name, content in _files(tar):
                _write(programs / "linux" / name, content)
        _open(programs)
        programs.rename(place)


def _files(tar: tarfile.TarFile) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Yield an archive's files; raise ValueError for links, unsafe paths and exceeded limits."""
    left = _LARGEST_CONTENT
    for number, entry in enumerate(tar):
        name = PurePosixPath(entry.name)
        left -= entry.size
        is_outside = name.is_absolute() or ".." in name.parts
        if is_outside or left < 0 or number >= _MOST_FILES or not (entry.isfile() or entry.isdir()):
            raise ValueError(entry.name)
        if content := tar.extractfile(entry):
            yield name, content.read()


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    file.chmod(_PROGRAM)


def _open(folder: Path) -> None:
    for place, _folders, _names in os.walk(folder):
        Path(place).chmod(_PROGRAM)
