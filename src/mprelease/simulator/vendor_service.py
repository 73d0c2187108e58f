"""The base of the three simulated services.

Each service stores accepted packages, can be inspected while a vendor's tool uses it, and simulates
the fault that a test has set for an app.
"""

import json
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum, auto
from http import HTTPStatus
from pathlib import Path
from threading import Condition, Lock
from typing import ClassVar, Generic, TypeVar

from pydantic import ValidationError

from mprelease.domain.releases import Kind
from mprelease.simulator.http import InvalidRequest, Rejected, Reply, Request


class Fault(StrEnum):
    """How a service misbehaves towards one app; each service supports some of them."""

    BAD_IP = auto()
    """The caller's address is not on the allow-list."""
    BAD_KEY = auto()
    """The signature is wrong."""
    TOKEN_EXPIRED = auto()
    """The token, or the session, is not valid any more."""
    UNKNOWN_APP = auto()
    """There is no such app, or the caller has no rights to it."""
    NOT_CONFIGURED = auto()
    """The app's development settings on the platform (开发配置) are not filled in."""
    VERSION_NOT_GREATER = auto()
    """The version is not greater than the platform's last one."""
    TOO_LARGE = auto()
    """The package is over the limit."""
    BUILD_ERROR = auto()
    """The upload is accepted, and the platform's build fails."""
    BUILD_NEVER_ENDS = auto()
    """The upload is accepted, and its build never ends."""
    TRIAL_REFUSED = auto()
    """The upload is accepted, and may not become the trial version (体验版)."""
    TRIAL_NEVER_READY = auto()
    """The upload is accepted, and never becomes the trial version (体验版)."""
    NO_QR_CODE = auto()
    """Everything is accepted, but there is no QR code."""
    SERVER_ERROR = auto()
    """The upload or preview is answered with the error page of a gateway, status 502."""
    SLOW = auto()
    """The upload or preview is accepted; the reply comes late."""
    CONNECTION_CUT = auto()
    """The upload or preview is accepted; the connection ends in the middle of the reply."""


@dataclass(frozen=True)
class Delays:
    """Delays of a service.

    `slow_seconds` is the delay of a reply under `Fault.SLOW`. `build_polls` is the number of polls
    of a build's state until it is ready; the services count it differently.
    """

    slow_seconds: float = 30
    build_polls: int = 1


class Faults:
    """The fault of each app, if any; a change takes effect with the next call."""

    def __init__(self) -> None:
        self._faults: dict[str, Fault] = {}
        self._lock = Lock()

    def set(self, app_id: str, fault: Fault | None) -> None:
        """Set the fault of an app, or remove it with None."""
        with self._lock:
            self._faults.pop(app_id, None)
            if fault:
                self._faults[app_id] = fault

    def get(self, app_id: str) -> Fault | None:
        """Return the fault of an app."""
        return self._faults.get(app_id)


@dataclass(frozen=True)
class ReceivedPackage:
    """One accepted package.

    `files` holds what was packed, by path without a leading slash. `at` is in milliseconds since
    the epoch.
    """

    kind: Kind
    app_id: str
    files: Mapping[str, bytes]
    at: int

    @property
    def slot(self) -> str:
        """Return the name under which the app's newest package of this sort is kept on disk."""
        return str(self.kind)


P = TypeVar("P", bound=ReceivedPackage)


class PackageStore(Generic[P]):
    """All accepted packages in memory, and the newest of each slot on disk; thread-safe.

    While `changed` is held nothing changes; it is notified when a package arrives.
    """

    def __init__(self, folder: Path) -> None:
        """Start empty; the folder is made when the first package arrives."""
        self._folder = folder
        self._received: list[P] = []
        self._unknown_calls: list[str] = []
        self.changed = Condition()

    @property
    def received(self) -> list[P]:
        """Return a copy of the list of packages, oldest first."""
        with self.changed:
            return list(self._received)

    @property
    def unknown_calls(self) -> list[str]:
        """Return a copy of the list of unknown calls."""
        with self.changed:
            return list(self._unknown_calls)

    def add(self, package: P) -> None:
        """Store a package."""
        with self.changed:
            self._write(package)
            self._received.append(package)
            self.changed.notify_all()

    def add_unknown_call(self, call: str) -> None:
        """Store the name of an unknown call."""
        with self.changed:
            self._unknown_calls.append(call)

    def newest(self, condition: Callable[[P], bool]) -> P | None:
        """Return the newest package that meets a condition."""
        return next((each for each in reversed(self.received) if condition(each)), None)

    def wait_for(self, count: int, seconds: float) -> list[P]:
        """Return all packages as soon as there are `count`; raise TimeoutError after `seconds`."""
        with self.changed:
            if not self.changed.wait_for(lambda: len(self._received) >= count, seconds):
                message = f"Only {len(self._received)} of {count} arrived within {seconds} s."
                raise TimeoutError(message)
            return list(self._received)

    def _write(self, package: P) -> None:
        """Write `APP_ID/SLOT.zip` with the files, and `APP_ID/SLOT.json` with all other fields."""
        folder = self._folder / package.app_id
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{package.slot}.zip"
        partial = target.with_suffix(".partial")
        with zipfile.ZipFile(partial, "w") as archive:
            for path, content in sorted(package.files.items()):
                archive.writestr(path, content)
        partial.replace(target)
        fields = {key: value for key, value in asdict(package).items() if key != "files"}
        text = json.dumps(fields, ensure_ascii=False, indent=2)
        target.with_suffix(".json").write_text(text, encoding="utf-8")


class Inspectable(Generic[P]):
    """A service whose received packages can be read, and whose faults be set, from any thread."""

    supported_faults: ClassVar[frozenset[Fault]]
    _store: PackageStore[P]
    _faults: Faults

    def set_fault(self, app_id: str, fault: Fault | None) -> None:
        """Set the fault of an app from the next call on, or remove it with None.

        Raise ValueError for a fault that the service does not support.
        """
        if fault is not None and fault not in self.supported_faults:
            raise ValueError(f"{type(self).__name__} does not support the fault {fault}.")
        self._faults.set(app_id, fault)

    @property
    def received(self) -> list[P]:
        """Return what was accepted so far, oldest first, whether it could be built or not."""
        return self._store.received

    @property
    def unknown_calls(self) -> list[str]:
        """Return the calls that the simulator does not implement, telemetry included."""
        return self._store.unknown_calls

    def wait_for(self, count: int, seconds: float = 30) -> list[P]:
        """Return `received` once it has `count` entries; raise TimeoutError after `seconds`."""
        return self._store.wait_for(count, seconds)


class VendorService(Inspectable[P], ABC):
    """A simulated service of one vendor: dispatch, errors and faults."""

    def __init__(self, store: PackageStore[P], delays: Delays) -> None:
        self._store = store
        self._faults = Faults()
        self._delays = delays

    def answer(self, request: Request) -> Reply:
        """Answer one call of the tool; an unknown one is answered with 404, and recorded."""
        try:
            return self._route(request)
        except Rejected as rejected:
            return rejected.reply
        except (ValidationError, InvalidRequest) as error:
            return self._invalid(str(error))

    @abstractmethod
    def _route(self, request: Request) -> Reply:
        """Answer one call; raise Rejected, InvalidRequest or pydantic's ValidationError."""

    @abstractmethod
    def _invalid(self, detail: str) -> Reply:
        """Return the vendor's reply to a call that violates its protocol."""

    def _unknown(self, call: str) -> Reply:
        self._store.add_unknown_call(call)
        return replace(self._invalid("no such call"), status=HTTPStatus.NOT_FOUND)

    def _delivered(self, reply: Reply, fault: Fault | None) -> Reply:
        """Return the reply to an accepted package, delayed or cut according to the fault."""
        delay = self._delays.slow_seconds if fault is Fault.SLOW else 0
        return replace(reply, delay=delay, is_cut=fault is Fault.CONNECTION_CUT)
