"""One case per platform: its simulator with two apps, what is published, how it is refused."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from alipay_samples import ALIPAY_DRIVER, ALIPAY_PROJECT
from douyin_samples import DOUYIN_PROJECT
from mprelease.domain.problems import Problem
from mprelease.domain.releases import LaunchOptions
from mprelease.platforms.douyin.driver import DouyinDriver
from mprelease.platforms.driver import Account, Driver
from mprelease.platforms.images import draw_qr_code
from mprelease.platforms.wechat.driver import WeChatDriver
from mprelease.simulator import alipay as alipay_simulator
from mprelease.simulator import douyin as douyin_simulator
from mprelease.simulator import wechat as wechat_simulator
from mprelease.simulator.alipay.protocol import qr_code_png
from mprelease.simulator.vendor_service import Fault, ReceivedPackage
from mprelease.simulator.wechat.protocol import qr_code_jpeg
from publishing import PROJECT

SLOW_SECONDS = 60.0  # longer than any test waits


@dataclass(frozen=True)
class SourceError:
    """A file that does not compile, and the line that says why."""

    file: str
    text: str
    line: int


class PlatformCase(ABC):
    """A platform whose simulator has two apps, each with a credential of its own."""

    driver: ClassVar[Driver]
    app_ids: ClassVar[Sequence[str]]
    files: ClassVar[Mapping[str, str]]
    source_error: ClassVar[SourceError]
    credential_refused: ClassVar[Problem]
    settings: ClassVar[Mapping[str, bool | int | str]] = {}

    service: "wechat_simulator.WeChat | alipay_simulator.Alipay | douyin_simulator.Douyin"

    @property
    def received(self) -> Sequence[ReceivedPackage]:
        return self.service.received

    def account(self, app_id: str) -> Account:
        return Account(app_id, self.credential(app_id))

    @abstractmethod
    def credential(self, app_id: str) -> str:
        """Return the credential of an app."""

    @abstractmethod
    def secrets(self, credential: str) -> Sequence[str]:
        """Return the parts of a credential that must not appear anywhere."""

    def set_fault(self, app_id: str, fault: Fault) -> None:
        self.service.set_fault(app_id, fault)

    @abstractmethod
    def shown(self) -> tuple[LaunchOptions, bytes]:
        """Return what the newest preview opens, and its QR code."""


class WeChatCase(PlatformCase):
    driver = WeChatDriver()
    app_ids = ("wx0123456789abcdef", "wx1123456789abcdef")
    files = PROJECT
    source_error = SourceError("pages/a.js", "Page({\n  data: (\n})\n", 3)
    credential_refused = Problem.KEY_REFUSED

    def __init__(self, folder: Path, keys: Sequence[str]) -> None:
        self.service = self.wechat = wechat_simulator.WeChat(folder, SLOW_SECONDS)
        self._keys = dict(zip(self.app_ids, keys, strict=True))
        for app_id, key in self._keys.items():
            self.wechat.register(app_id, key)

    def credential(self, app_id: str) -> str:
        return self._keys[app_id]

    def secrets(self, credential: str) -> Sequence[str]:
        return inside(credential)

    def shown(self) -> tuple[LaunchOptions, bytes]:
        newest = self.wechat.received[-1]
        return newest.launch, qr_code_jpeg(newest.preview_url or "")


class AlipayCase(PlatformCase):
    driver = ALIPAY_DRIVER
    app_ids = ("2021000000000001", "2021000000000002")
    files = ALIPAY_PROJECT
    source_error = SourceError("pages/a.js", "Page({\n  a: 1\n  b: 2\n})", 3)
    credential_refused = Problem.KEY_REFUSED
    # The experience version takes half of the time, and is no part of the contract.
    settings: ClassVar = {"experience": False}

    def __init__(self, folder: Path, keys: Sequence[str]) -> None:
        self.service = self.alipay = alipay_simulator.Alipay(folder, SLOW_SECONDS)
        self._keys = dict(zip(self.app_ids, keys, strict=True))
        for app_id, key in self._keys.items():
            self.alipay.register(app_id, f"tool{app_id}", key)

    def credential(self, app_id: str) -> str:
        return f"tool{app_id}\n{self._keys[app_id]}"

    def secrets(self, credential: str) -> Sequence[str]:
        return inside(credential)

    def shown(self) -> tuple[LaunchOptions, bytes]:
        newest = self.alipay.received[-1]
        return newest.launch, qr_code_png((newest.qr_code_url or "").partition(".com")[2])


class DouyinCase(PlatformCase):
    driver = DouyinDriver()
    app_ids = ("tt0123456789abcdef", "tt1123456789abcdef")
    files = DOUYIN_PROJECT
    source_error = SourceError("pages/a.json", '{\n  "a": 1,\n}', 3)
    credential_refused = Problem.TOKEN_REFUSED

    def __init__(self, folder: Path, keys: Sequence[str]) -> None:
        self.service = self.douyin = douyin_simulator.Douyin(folder, SLOW_SECONDS)
        for app_id in self.app_ids:
            self.douyin.register(app_id, f"only {app_id} knows")

    def credential(self, app_id: str) -> str:
        return f"token\nonly {app_id} knows"

    def secrets(self, credential: str) -> Sequence[str]:
        return credential.split("\n")[1:]

    def shown(self) -> tuple[LaunchOptions, bytes]:
        newest = self.douyin.qr_codes[-1]
        return newest.launch, draw_qr_code(newest.short_url)


PLATFORM_CASES: Sequence[type[WeChatCase | AlipayCase | DouyinCase]] = (
    WeChatCase,
    AlipayCase,
    DouyinCase,
)


def inside(pem: str) -> Sequence[str]:
    """Return the lines of a key, without the first and the last one of its PEM."""
    lines = pem.strip().splitlines()
    begin = next(n for n, line in enumerate(lines) if line.startswith("-----BEGIN"))
    return lines[begin + 1 : -1]
