"""The contract that every platform's driver keeps, and the records that pass through it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mprelease.domain.apps import ProjectType
from mprelease.domain.errors import StageFailed
from mprelease.domain.platforms import Platform, SizeLimits
from mprelease.domain.problems import Message
from mprelease.domain.releases import Kind, LaunchOptions, Publication
from mprelease.domain.versions import VersionForm
from mprelease.platforms.presentation import Presentation
from mprelease.platforms.settings import KnownSettings
from mprelease.platforms.tools import Tool
from mprelease.process.command import Command


@dataclass(frozen=True)
class Route:
    """How a platform is reached: an egress proxy's address, and a PEM file to trust in addition."""

    proxy: str | None = None
    extra_ca: Path | None = None


@dataclass(frozen=True)
class Account:
    """For whom something is published; WeChat's credential is the text of the upload key (PEM)."""

    platform_app_id: str
    credential: str = field(repr=False)


@dataclass(frozen=True)
class ToolEnvironment:
    """What every process that publishes works with, known before there is an order.

    `tools` is the folder of the vendors' tools, `node` the program, `node_folder` its installation,
    and `extra_ca` a PEM file to trust in addition.
    """

    tools: Path
    node: str
    node_folder: Path
    extra_ca: Path | None


@dataclass(frozen=True)
class PublishOrder:
    """One thing to be published.

    `built` is the folder that the platform gets, a copy in `scratch`; the vendor's tool may write
    into it (npm packing). `scratch` is the private folder of the process: its working directory,
    HOME and TMPDIR. `compile_settings` are some of the driver's `settings`.
    """

    kind: Kind
    account: Account
    route: Route
    built: Path
    project_type: ProjectType
    version: str
    description: str
    robot: int
    launch: LaunchOptions
    compile_settings: Mapping[str, bool | int]
    pack_npm: bool
    scratch: Path


@dataclass(frozen=True)
class Loaded:
    """The vendor's tool is loaded: the process waits for the line of `order_line`."""


@dataclass(frozen=True)
class Progress:
    """The vendor's tool says what it is doing, in its own words."""

    text: str


@dataclass(frozen=True)
class OwnProgress:
    """Our own program around the tool says what it is doing, by an id of the catalogs."""

    message: Message


@dataclass(frozen=True)
class ToolDownload:
    """The tool has fetched a part of itself, for this release alone: see `keep_download`."""


@dataclass(frozen=True)
class Ready:
    """Everything is compiled and nothing is sent: the process waits for the line of `go_line`."""


@dataclass(frozen=True)
class Result:
    """The platform has accepted the release; `hints` say what is left for a person to do."""

    publication: Publication
    hints: tuple[Message, ...] = ()


@dataclass(frozen=True)
class Failure:
    """The release was not accepted, as far as the process can tell.

    `may_have_arrived` is False when the platform said no or was never told, which makes it harmless
    to try again; True when the connection broke after sending had begun.
    """

    error: StageFailed
    may_have_arrived: bool = False


Event = Loaded | Progress | OwnProgress | ToolDownload | Ready | Result | Failure


@dataclass(frozen=True)
class BuildTargets:
    """What cross-platform frameworks call a platform: `uni build -p`, `taro build --type`."""

    uni_app: str
    taro: str


class Driver(Protocol):
    """Adapt one platform's official tool.

    A driver holds no state: one serves all releases, from any thread.
    """

    @property
    def platform(self) -> Platform:
        """Name the platform."""

    @property
    def tool(self) -> Tool:
        """Name the vendor's tool that `command` needs installed."""

    @property
    def presentation(self) -> Presentation:
        """Say how the platform is shown, and what people are asked for on it."""

    @property
    def project_types(self) -> tuple[ProjectType, ...]:
        """Name what can be published on the platform; the first is what a new app is."""

    @property
    def robots(self) -> range | None:
        """Return the numbers of the robots (channels) that each keep a version of their own.

        Releases of one app by different robots may run at once. None where there are none: then
        `PublishOrder.robot` means nothing.
        """

    @property
    def has_one_trial_code(self) -> bool:
        """Tell whether all uploads under one app id share the QR code of the trial version.

        Then it belongs to the newest of them, and what it opens is chosen in the console.
        """

    @property
    def missed_steps(self) -> frozenset[str]:
        """Name the hints (ids) of an accepted upload that `finish` can still make good."""

    @property
    def build_targets(self) -> BuildTargets | None:
        """Say what cross-platform frameworks call the platform; None where they do not know it."""

    @property
    def version_form(self) -> VersionForm:
        """Name the form of versions that the platform's tool takes."""

    @property
    def wants_greater_versions(self) -> bool:
        """Tell whether the platform refuses a version that is not greater than all before."""

    def read_credential(self, content: bytes) -> str:
        """Return the credential in what a person gave.

        Raise Refused(KEY_SHAPE), or Refused(CREDENTIAL_OF_OTHER_PLATFORM).
        """

    def secrets_in(self, credential: str) -> tuple[str, ...]:
        """Return what nobody may read of a credential; nothing of one that is none."""

    def check_app_id(self, app_id: str) -> str:
        """Return an app id of this platform's shape.

        Raise Refused(APP_ID_SHAPE), or Refused(APP_ID_OF_OTHER_PLATFORM).
        """

    @property
    def settings(self) -> KnownSettings:
        """Name the settings that the vendor's tool reads: an app or a release may set each."""

    def check(self, account: Account, route: Route) -> None:
        """Ask the platform, for a few seconds at most, whether it accepts account and address.

        Raise StageFailed when it does not, or (PLATFORM_UNREACHABLE) cannot be asked.
        """

    def last_version(self, account: Account, route: Route) -> str | None:
        """Ask the platform for the newest version that it has of an app.

        Return None where its protocol does not tell. Raise StageFailed when it cannot be asked.
        """

    def finish(self, account: Account, route: Route, version: str) -> Result:
        """Make an uploaded version what testers get: the step that its release has missed.

        May be repeated. Raise StageFailed when the platform refuses or takes too long, and
        Refused(NOTHING_TO_FINISH) where it has no such step.
        """

    def validate_output(self, folder: Path, project_type: ProjectType) -> None:
        """Raise StageFailed unless a folder can be published.

        OUTPUT_NOT_A_MINI_PROGRAM, OUTPUT_OF_OTHER_PLATFORM or TYPE_NOT_SERVED.
        """

    def roots(self, folder: Path) -> tuple[Path, ...]:
        """Return the parts of a built folder that hold what is published.

        What lies elsewhere in it need not be whole. Raise StageFailed(OUTPUT_NOT_A_MINI_PROGRAM)
        where that cannot be read.
        """

    def prepare(self, order: PublishOrder) -> None:
        """Make the folder that is published fit the order: add what the vendor's tool misses.

        Called once, before `order_line`. Raise StageFailed where the order does not fit.
        """

    def command(self, tool_environment: ToolEnvironment, scratch: Path, seconds: float) -> Command:
        """Describe the process that publishes one order, which nobody has given yet.

        It loads what it can, tells so (Loaded), and waits for `order_line` on standard input, and
        after Ready for `go_line`. Events go to descriptor 3. It may wait for `seconds`, its time
        limit, and never get an order.
        """

    def readable(self, tool_environment: ToolEnvironment) -> tuple[Path, ...]:
        """Return what the process must be able to read besides its scratch folder.

        When one of these has changed, a process that waits is not used any more.
        """

    def order_line(self, order: PublishOrder) -> str:
        """Return the line, credential and proxy included, that tells what to publish."""

    def go_line(self, not_after: int) -> str:
        """Return the line that lets the process send, until a time in ms since the epoch."""

    def event(self, line: str, order: PublishOrder | None) -> Event:
        """Read one line of descriptor 3; called in the order of the lines, while scratch exists.

        `order` is None while there is none. Who writes these lines has read content of a
        repository: no path in them is opened, and nothing in them is believed over the order.
        Raise StageFailed(PUBLISH_EVENT_UNREADABLE) for a line that is no event, or not yet one.
        """

    def left_out(self, order: PublishOrder, packages: Collection[str]) -> tuple[Message, ...]:
        """Say what belongs to what was published and has not arrived with it.

        `packages` are the npm packages that the app depends on. Called once, when the platform has
        accepted the order; its folder is as the tool has left it.
        """

    def keep_download(self, tools: Path, account: Account, route: Route) -> None:
        """Fetch what the tool has fetched for one release (ToolDownload) for the next ones.

        Nothing that a process has told or left behind is used: it comes from the vendor.
        """

    def size_limits(self) -> SizeLimits:
        """Return how large the platform lets packages be."""

    def console_url(self, app_id: str) -> str:
        """Return where a person manages the app on the platform's site."""
