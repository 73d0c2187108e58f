"""The accepted packages of the simulated Alipay, their builds, and each app's versions."""

import json
import secrets
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mprelease.domain.releases import LaunchOptions
from mprelease.domain.versions import is_greater
from mprelease.simulator.alipay import protocol
from mprelease.simulator.http import InvalidRequest
from mprelease.simulator.packages import json_errors
from mprelease.simulator.vendor_service import PackageStore, ReceivedPackage

MAX_VERSIONS = 20
"""How many development versions an app may have."""

PAGE_SIZE = 10
"""How many versions one page of the list has; an assumption."""


@dataclass(frozen=True)
class Received(ReceivedPackage):
    """One accepted package: the source tree of an upload, the compiled tree of a preview.

    `packages` are the sizes of a preview's parts in bytes, by their path. A preview has no version
    and no description. `qr_code_url` is the address of the image of its QR code.
    """

    version: str | None
    description: str | None
    launch: LaunchOptions
    packages: Mapping[str, int]
    qr_code_url: str | None


@dataclass
class Build:
    """One build of the platform, and the number of polls until it ends."""

    received: Received
    errors: Sequence[str]
    polls_left: int

    @property
    def log(self) -> Sequence[str]:
        """Return the log so far; its format is an assumption."""
        first = [f"building {self.received.app_id} {self.received.version}"]
        return first if self.polls_left else [*first, *(self.errors or ["done"])]


@dataclass(frozen=True)
class Version:
    """A development version; `at` is in milliseconds since the epoch."""

    number: str
    description: str
    at: int


class Versions:
    """The versions of one app: the newest number, the development versions, the trial version."""

    def __init__(self) -> None:
        self._kept: list[Version] = []
        self.last: str | None = None
        self.trial: str | None = None

    def require_acceptable(self, number: str, removed: str) -> None:
        """Raise Rejected or InvalidRequest unless a version may be added.

        `removed` is the number of the version that is removed for it, "" for none.
        """
        if self.last and not is_greater(number, self.last):
            raise protocol.not_greater(number, self.last)
        if removed and removed not in self.numbers:
            raise InvalidRequest(f"there is no version {removed}")
        if len(self._kept) - bool(removed) >= MAX_VERSIONS:
            raise protocol.too_many_versions(MAX_VERSIONS)

    def add(self, version: Version) -> None:
        """Add the newest version."""
        self._kept.append(version)
        self.last = version.number

    def remove(self, number: str) -> None:
        """Remove a version; raise InvalidRequest for the trial version and an unknown one."""
        if number == self.trial or number not in self.numbers:
            raise InvalidRequest(f"the version {number} cannot be removed")
        self._kept = [version for version in self._kept if version.number != number]

    @property
    def numbers(self) -> list[str]:
        """Return the numbers of the development versions, oldest first."""
        return [version.number for version in self._kept]

    def page(self, number: int) -> Sequence[dict[str, object]]:
        """Return a page of the list, counted from 1, as the tool gets it, newest first."""
        newest = list(reversed(self._kept))
        return [_row(version) for version in newest[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]]


class VersionStore(PackageStore[Received]):
    """The accepted packages, the builds of uploads, and the versions of all apps; thread-safe."""

    def __init__(self, folder: Path) -> None:
        """Start empty; the folder is created with the first package."""
        super().__init__(folder)
        self._builds: dict[str, Build] = {}
        self._versions: dict[str, Versions] = defaultdict(Versions)

    def versions(self, app_id: str) -> Versions:
        """Return an app's versions; to be used while `changed` is held."""
        return self._versions[app_id]

    def start_build(self, received: Received, polls: int) -> str:
        """Start the build of an upload and return its id; the last of `polls` polls ends it."""
        package_id = secrets.token_hex(4)
        with self.changed:
            self._builds[package_id] = Build(received, _build_errors(received.files), polls)
        return package_id

    def poll_build(self, app_id: str, package_id: str) -> Build:
        """Count one poll of a build and return it; raise InvalidRequest for an unknown one.

        A build that ends without an error creates its version.
        """
        with self.changed:
            build = self._builds.get(package_id)
            if build is None or build.received.app_id != app_id:
                raise InvalidRequest("there is no such build")
            build.polls_left -= build.polls_left > 0
            if not build.polls_left and not build.errors:
                self._create(build.received)
            return build

    def _create(self, received: Received) -> None:
        versions = self._versions[received.app_id]
        if received.version and received.version not in versions.numbers:
            versions.add(Version(received.version, received.description or "", received.at))


def _row(version: Version) -> dict[str, object]:
    time = datetime.fromtimestamp(version.at / 1000, UTC)
    return {
        "appVersion": version.number,
        "versionDescription": version.description,
        "versionStatus": "INIT",
        "createTime": f"{time:%Y-%m-%d %H:%M:%S}",
        "operateName": "simulator",
        "canRelease": True,
        "bundleId": "com.alipay.alipaywallet",
    }


def _build_errors(files: Mapping[str, bytes]) -> list[str]:
    """Return the errors of a build of a source tree, as `file:line: message`.

    The vendor's compiler is closed source. Here a build parses the JSON files and checks that the
    pages exist.
    """
    top = _root(files)
    content = {name.removeprefix(top): text for name, text in files.items() if name.startswith(top)}
    errors = [f"{each.file}:{each.line}: {each.message}" for each in json_errors(content)]
    return errors or list(_missing_files(content))


def _root(files: Mapping[str, bytes]) -> str:
    try:
        project = json.loads(files["mini.project.json"])
        root = str(project.get("miniprogramRoot", "")).removeprefix("./").strip("/")
    except (KeyError, ValueError, AttributeError):
        return ""
    return f"{root}/" if root not in {"", "."} else ""


def _missing_files(content: Mapping[str, bytes]) -> Iterator[str]:
    if "app.json" not in content:
        yield "app.json:1: the file is missing"
        return
    app = json.loads(content["app.json"].decode("utf-8-sig"))
    packages = [*app.get("subPackages", []), *app.get("subpackages", [])]
    inside = [f"{each['root'].strip('/')}/{page}" for each in packages for page in each["pages"]]
    for page in [*app.get("pages", []), *inside]:
        if f"{page}.axml" not in content:
            yield f"app.json:1: the page {page} has no {page}.axml"
