"""What the simulated WeChat has accepted."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from mprelease.domain.apps import ProjectType
from mprelease.domain.releases import Kind, LaunchOptions, Sizes
from mprelease.simulator.arrivals import Arrival
from mprelease.simulator.wechat.calls import UploadCall

_PLUGINS = (ProjectType.MINI_PROGRAM_PLUGIN, ProjectType.MINI_GAME_PLUGIN)


@dataclass(frozen=True)
class Received(Arrival):
    """One accepted upload or preview; `files` are without the signature.

    The tool always names the version of a preview 0.0.1. `preview_url` is what the QR code of a
    preview says, `plugin_id` that by which mini programs name an uploaded plugin.
    """

    project_type: ProjectType
    version: str
    robot: int
    description: str
    launch: LaunchOptions
    sizes: Sizes
    preview_url: str | None
    plugin_id: str | None

    @property
    def shelf(self) -> str:
        """Name the place of the version: one for each kind and robot."""
        return f"{self.kind}-robot-{self.robot}"


def received_from(
    kind: Kind, call: UploadCall, files: Mapping[str, bytes], sizes: Sizes, at: int
) -> Received:
    """Describe a call that is being accepted; each preview gets an address of its own."""
    page, _, query = call.path.partition("?")
    return Received(
        kind=kind,
        app_id=call.appid,
        project_type=call.type,
        version=call.version,
        robot=call.robot,
        description=call.desc,
        launch=LaunchOptions(page or None, query or None, call.debug.scene),
        files=files,
        sizes=sizes,
        preview_url=_new_address(call.appid) if kind is Kind.PREVIEW else None,
        plugin_id=secrets.token_hex(16) if kind is Kind.UPLOAD and call.type in _PLUGINS else None,
        at=at,
    )


def _new_address(app_id: str) -> str:
    # Made up: nobody has read a real one. It leads nowhere.
    ticket = secrets.token_hex(8)
    return f"https://open.weixin.qq.com/sns/preview?appid={app_id}&ticket={ticket}#wechat-redirect"
