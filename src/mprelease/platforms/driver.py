"""The contract of platform drivers, and the records that it uses."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mprelease.domain.apps import ProjectType
from mprelease.domain.codes import Lifetime
from mprelease.domain.errors import StageFailed
from mprelease.domain.platforms import Platform, SizeLimits
from mprelease.domain.problems import Message
from mprelease.domain.releases import Kind, LaunchOptions, Publication
from mprelease.domain.versions import VersionForm
from mprelease.platforms.presentation import Presentation
from mprelease.platforms.settings import KnownSettings
from mprelease.platforms.tools import Tool
from mprelease.process.command import Command
from mprelease.process.tree import Stop


@dataclass(frozen=True)
class Route:
    """How to connect to a platform: the URL of an egress proxy, and a PEM file of extra CAs."""

    proxy: str | None = None
    extra_ca: Path | None = None


@dataclass(frozen=True)
class Account:
    """An app on its platform, with the credential as `Driver.read_credential` returned it."""

    platform_app_id: str
    credential: str = field(repr=False)


@dataclass(frozen=True)
class ToolEnvironment:
    """What publishing processes need from the worker, independent of the order.

    `tools` is the folder of the vendors' tools, `node` the executable, `node_folder` its
    installation, and `extra_ca` a PEM file of additional CA certificates.
    """

    tools: Path
    node: str
    node_folder: Path
    extra_ca: Path | None


@dataclass(frozen=True)
class PublishOrder:
    """One upload or preview to be made.

    `built` is the folder to publish, a copy in `scratch`; the tool may write into it (npm packing).
    `scratch` is the private folder of the process: its working directory, HOME and TMPDIR.
    `compile_settings` is a subset of the driver's `settings`. The `kept_` files have what the tool
    made of the same files, of single ones, and of npm packages; it writes the `new_` ones.
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
    kept_result: Path | None = None
    new_result: Path | None = None
    kept_files: Path | None = None
    new_files: Path | None = None
    kept_packs: Path | None = None
    new_packs: Path | None = None


@dataclass(frozen=True)
class Loaded:
    """The vendor's tool is loaded; the process waits for the line of `order_line`."""


@dataclass(frozen=True)
class Progress:
    """A progress message of the vendor's tool, untranslated."""

    text: str


@dataclass(frozen=True)
class OwnProgress:
    """A progress message of the bridge, translatable."""

    message: Message


@dataclass(frozen=True)
class ToolDownload:
    """The tool has downloaded a part of itself for this release only: see `keep_download`."""


@dataclass(frozen=True)
class Ready:
    """Compilation is complete, nothing was sent; the process waits for the line of `go_line`."""


@dataclass(frozen=True)
class Result:
    """The platform has accepted the release; `hints` describe remaining manual steps."""

    publication: Publication
    hints: tuple[Message, ...] = ()


@dataclass(frozen=True)
class Failure:
    """The release was not accepted, as far as the process can determine.

    `may_have_arrived` is False if the platform refused or nothing was sent: a retry is safe. It is
    True if the connection was lost after sending had begun.
    """

    error: StageFailed
    may_have_arrived: bool = False


Event = Loaded | Progress | OwnProgress | ToolDownload | Ready | Result | Failure


@dataclass(frozen=True)
class BuildTargets:
    """A platform's names in cross-platform frameworks: `uni build -p`, `taro build --type`."""

    uni_app: str
    taro: str


class Driver(Protocol):
    """Adapt one platform's official tool.

    A driver is stateless: one object serves all releases, from any thread.
    """

    @property
    def platform(self) -> Platform:
        """Return the platform."""

    @property
    def tool(self) -> Tool:
        """Return the vendor's tool that must be installed to run `command`."""

    @property
    def presentation(self) -> Presentation:
        """Return how the platform is displayed, and the fields of its forms."""

    @property
    def project_types(self) -> tuple[ProjectType, ...]:
        """Return the project types that the platform supports; the first is the default."""

    @property
    def robots(self) -> range | None:
        """Return the numbers of the robots (channels), each of which has a version of its own.

        Releases of one app by different robots may run concurrently. None if the platform has no
        robots; `PublishOrder.robot` is ignored then.
        """

    @property
    def channel_setting(self) -> str | None:
        """Return the compile setting by which an upload names its channel, if there are no robots.

        Each channel has a version of its own, and so have the uploads that name none. None if the
        platform has no channels.
        """

    @property
    def trial_follows_channel(self) -> bool:
        """Return whether the next upload of the same robot or channel becomes the trial version.

        If not, the trial version is one version, and stays it.
        """

    @property
    def reports_trial(self) -> bool:
        """Return whether `trial_version` can request it; if not, a person marks it here."""

    @property
    def has_one_trial_code(self) -> bool:
        """Return whether all uploads of one app id share one QR code for the trial version.

        It is then shown with the newest upload only, and the version that it opens is chosen in the
        platform's console.
        """

    def code_lifetime(self, kind: Kind) -> Lifetime:
        """Return how long a QR code of this kind can be scanned.

        It applies if the platform's answer has no time (`Publication.lifetime`) and the setting
        `code_minutes` has none. The docstring of each driver names the source.
        """

    @property
    def standby_memory(self) -> int:
        """Return the MiB that a process takes while it waits with the tool loaded."""

    @property
    def compiles(self) -> bool:
        """Return whether the tool compiles, and can use the result for the same files again."""

    @property
    def packs_only_declared(self) -> bool:
        """Return whether the tool packs only packages that a package.json needs, by its rules.

        These are its `dependencies` and theirs, found by the name in each package's package.json
        in the folders in which Node would look for them.
        """

    @property
    def missed_steps(self) -> frozenset[str]:
        """Return the ids of those hints of an accepted upload that `finish` can resolve."""

    @property
    def build_targets(self) -> BuildTargets | None:
        """Return the names in cross-platform frameworks; None if they do not support it."""

    @property
    def version_form(self) -> VersionForm:
        """Return the version format that the platform's tool accepts."""

    @property
    def wants_greater_versions(self) -> bool:
        """Return whether the platform refuses versions that are not greater than all earlier."""

    def read_credential(self, content: bytes) -> str:
        """Validate a credential file's content, and return it in the format that is stored.

        Raise Refused(KEY_SHAPE), or Refused(CREDENTIAL_OF_OTHER_PLATFORM).
        """

    def secrets_in(self, credential: str) -> tuple[str, ...]:
        """Return the parts of a stored credential to mask in logs; none for an empty text."""

    def check_app_id(self, app_id: str) -> str:
        """Return an app id that is valid for this platform.

        Raise Refused(APP_ID_SHAPE), or Refused(APP_ID_OF_OTHER_PLATFORM).
        """

    @property
    def settings(self) -> KnownSettings:
        """Return the settings that the vendor's tool supports, for an app or a release."""

    def check(self, account: Account, route: Route) -> None:
        """Check that the platform accepts the account and this host's IP address.

        Every wait for the network has a timeout of a few seconds. Raise StageFailed if it does not,
        with PLATFORM_UNREACHABLE if the check was not possible.
        """

    def last_version(self, account: Account, route: Route) -> str | None:
        """Request the newest version of an app from the platform.

        Return None if there is none, or if the platform's protocol has no such request. Raise
        StageFailed if the request fails.
        """

    def trial_version(self, account: Account, route: Route, versions: Sequence[str]) -> str | None:
        """Request which of these uploaded versions the testers see; None if it is none of them.

        Called only if `reports_trial`. Raise StageFailed if the request fails.
        """

    def finish(self, account: Account, route: Route, version: str) -> Result:
        """Complete an uploaded version: the step that failed in its release (`missed_steps`).

        May be repeated. Raise StageFailed if the platform refuses or takes too long, and
        Refused(NOTHING_TO_FINISH) if the platform has no such step.
        """

    def validate_output(self, folder: Path, project_type: ProjectType) -> None:
        """Raise StageFailed unless a folder can be published.

        CONFIG_NOT_JSON, OUTPUT_NOT_A_MINI_PROGRAM, OUTPUT_OF_OTHER_PLATFORM or TYPE_NOT_SERVED.
        """

    def roots(self, folder: Path) -> tuple[Path, ...]:
        """Return the subfolders of a built folder that are published.

        Its other files may be incomplete. Raise StageFailed with CONFIG_NOT_JSON or
        OUTPUT_NOT_A_MINI_PROGRAM if the configuration that names them is not valid.
        """

    def prepare(self, order: PublishOrder) -> None:
        """Adapt the folder `order.built` to the order and to the vendor's tool, in place.

        Called once, before `order_line`. Raise StageFailed if the order does not match the folder.
        """

    def command(self, tool_environment: ToolEnvironment, scratch: Path, seconds: float) -> Command:
        """Return the command of a process that publishes one order, given later.

        The process loads the tool, sends the event Loaded, and reads `order_line` on standard
        input, then compiles, sends Ready and reads `go_line`. Events are written to descriptor 3.
        `seconds` is its time limit, in which it may get no order at all.
        """

    def readable(self, tool_environment: ToolEnvironment) -> tuple[Path, ...]:
        """Return the files and folders that the process must be able to read, besides scratch.

        If one of them has changed, a waiting process is discarded.
        """

    def order_line(self, order: PublishOrder) -> str:
        """Return the order as a line for the process; it contains the credential and the proxy."""

    def go_line(self, not_after: int) -> str:
        """Return the line that allows the process to send, until a time in ms since the epoch."""

    def event(self, line: str, order: PublishOrder | None) -> Event:
        """Parse one line of descriptor 3; called in the order of the lines, while scratch exists.

        `order` is None until the order was sent. The process has read content of a repository, so
        the lines are untrusted: no path in them is opened, and values of the order take precedence.
        Raise StageFailed(PUBLISH_EVENT_UNREADABLE) for a line that is not a valid event, or not
        expected before the order.
        """

    def left_out(self, order: PublishOrder, packages: Collection[str]) -> tuple[Message, ...]:
        """Return warnings about parts of the project that were not published.

        `packages` are the npm packages that the app depends on. Called once, after the platform has
        accepted the order; `order.built` is in the state in which the tool left it.
        """

    def keep_download(self, tools: Path, account: Account, route: Route, stop: Stop) -> None:
        """Download what the tool has downloaded in one release (ToolDownload), for later releases.

        The source is the vendor; nothing that an untrusted process has sent or written is used. It
        ends on a request of `stop`, and raises nothing: the release has been accepted.
        """

    def size_limits(self) -> SizeLimits:
        """Return the platform's size limits of packages."""

    def console_url(self, app_id: str) -> str:
        """Return the URL of the app in the platform's console."""
