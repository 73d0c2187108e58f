"""An installation for benchmarks: a data folder with one app, and a simulated platform."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks import python
from mprelease.application import Application, opened
from mprelease.domain.apps import Environment
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Kind, Release
from mprelease.domain.users import Actor
from mprelease.domain.workers import DEFAULT_LABEL
from mprelease.platforms.driver import Account
from mprelease.platforms.registry import driver_of
from mprelease.schemas.apps import AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import apps, projects, releases
from mprelease.settings.settings import load
from mprelease.simulator.alipay import Alipay
from mprelease.simulator.douyin import Douyin
from mprelease.simulator.keys import make_key
from mprelease.simulator.proxy import Simulator
from mprelease.simulator.wechat import WeChat

APP = "shop"
_APP_IDS = {
    Platform.WECHAT: "wx0123456789abcdef",
    Platform.ALIPAY: "2021000000000001",
    Platform.DOUYIN: "tt0123456789abcdef",
}
APP_ID = _APP_IDS[Platform.WECHAT]
_TOOL_ID, _TOKEN = "0f3b5c7e9a1d4c2b", "a-token-of-benchmarks"
_TOOLS = Path(__file__).parent.parent / ".cache" / "tools"
_ACTOR = Actor("benchmark")
_LABELS = (DEFAULT_LABEL,)
_POLL_SECONDS = 0.005


Service = WeChat | Alipay | Douyin


@dataclass(frozen=True)
class Installation:
    """An opened application with one project, and its apps' accounts at simulated platforms."""

    folder: Path
    application: Application
    accounts: Sequence[Account]
    services: Sequence[Service]

    @property
    def account(self) -> Account:
        """Return the account of the first app."""
        return self.accounts[0]

    @property
    def service(self) -> Service:
        """Return the simulated platform of the first app."""
        return self.services[0]

    def request(
        self,
        robot: int | None = None,
        *,
        kind: Kind = Kind.PREVIEW,
        ref: str = "main",
        environment: Environment = Environment.PRODUCTION,
    ) -> int:
        """Queue a release, by default a preview of `main`, and return its id."""
        wanted = ReleaseRequest(app=APP, kind=kind, ref=ref, robot=robot, environment=environment)
        return releases.request(self.application.services, _ACTOR, wanted)

    def request_all(self) -> list[int]:
        """Queue a preview of the branch `main` for each app, and return the releases' ids."""
        wanted = ReleaseRequest(kind=Kind.PREVIEW, ref="main")
        return list(releases.request_all(self.application.services, _ACTOR, APP, wanted))

    @contextmanager
    def working(self, slots: int = 1) -> Iterator[None]:
        """Run a worker in this process during the block, like `mprelease worker`."""
        application = self.application
        worker = application.worker(_LABELS, slots)
        worker.start()
        application.messaging.dispatch.listen(_LABELS, worker.on_wakeup)
        try:
            yield
        finally:
            worker.close(requeue=True)
            worker.join()

    def ended(self, release_id: int) -> Release:
        """Wait for the end of a release, and return it."""
        while not (release := self.release(release_id)).state.is_final:
            time.sleep(_POLL_SECONDS)
        return release

    def release(self, release_id: int) -> Release:
        """Return the stored release."""
        with self.application.services.database.reading() as db:
            return releases.get(db, release_id)

    def command(self, *arguments: str) -> str:
        """Run the command line, and return its output; raise InvalidMeasurement if it fails."""
        settings = self.application.settings
        return python.run(
            self.folder,
            *("-m", "mprelease", *arguments),
            MPRELEASE_DATA_DIR=str(settings.data_dir),
            MPRELEASE_TOOLS_DIR=str(settings.tools),
            MPRELEASE_VENDOR_PROXY=str(settings.vendor_proxy),
            MPRELEASE_EXTRA_CA_CERTS=str(settings.extra_ca_certs),
            MPRELEASE_SANDBOX=settings.sandbox,
        ).stdout


@contextmanager
def installed(
    folder: Path, repository: Path, app: AppChange, platform: Platform = Platform.WECHAT
) -> Iterator[Installation]:
    """Create and open a data folder with one app of a repository, during the block."""
    with installed_with(folder, repository, [(platform, app)]) as installation:
        yield installation


@contextmanager
def installed_with(
    folder: Path, repository: Path, wanted: Sequence[tuple[Platform, AppChange]]
) -> Iterator[Installation]:
    """Create and open a data folder with apps of a repository, during the block.

    Apps of one platform have different ids there.
    """
    made = {each: _service(folder / f"received-{each}", each) for each, _ in wanted}
    simulated = [each.service for each in made.values()]
    with Simulator(folder / "simulator", simulated) as simulator:
        application = _opened(folder / "data", simulator)
        projects.add(
            application.services,
            _ACTOR,
            ProjectChange(name=APP, repository=str(repository), default_branch="main"),
        )
        accounts = [
            _added(application, made[platform], platform, app, number)
            for number, (platform, app) in enumerate(wanted)
        ]
        services = [made[platform].service for platform, _ in wanted]
        yield Installation(folder, application, accounts, services)
        application.close()


class _Simulated(NamedTuple):
    """A simulated platform, and the credential of its apps."""

    service: Service
    credential: str


def _added(
    application: Application, made: _Simulated, platform: Platform, app: AppChange, number: int
) -> Account:
    app_id = f"{_APP_IDS[platform][:-1]}{number:x}"
    _register(made.service, app_id, made.credential)
    credential = made.credential.encode()
    app = app.with_(platform_app_id=app_id, credential=credential)
    apps.add(application.services, _ACTOR, APP, platform, app)
    return Account(app_id, driver_of(platform).read_credential(credential))


def _service(folder: Path, platform: Platform) -> _Simulated:
    if platform is Platform.DOUYIN:
        return _Simulated(Douyin(folder), json.dumps({"token": _TOKEN}))
    key = make_key()
    if platform is Platform.ALIPAY:
        credential = json.dumps({"toolId": _TOOL_ID, "privateKey": key})
        return _Simulated(Alipay(folder), credential)
    return _Simulated(WeChat(folder), key)


def _register(service: Service, app_id: str, credential: str) -> None:
    match service:
        case Douyin():
            service.register(app_id, _TOKEN)
        case Alipay():
            service.register(app_id, _TOOL_ID, json.loads(credential)["privateKey"])
        case WeChat():
            service.register(app_id, credential)


def native(build_command: str | None = None) -> AppChange:
    """Return a native app; without a command its sources are published unchanged."""
    output = "." if build_command else None
    return AppChange(name=APP, platform_app_id=APP_ID, build_command=build_command, output=output)


def _opened(data: Path, simulator: Simulator) -> Application:
    settings = load()
    changes = {
        "data_dir": data,
        "database_url": None,
        "tools_dir": settings.tools_dir or _TOOLS,
        "vendor_proxy": simulator.proxy_url,
        "extra_ca_certs": simulator.ca_file,
    }
    return opened(settings.model_copy(update=changes))
