"""The base class of drivers for tools with a JavaScript API, which run a bridge in Node."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from mprelease.domain.apps import ProjectType
from mprelease.domain.versions import VersionForm
from mprelease.platforms.driver import Account, Route, ToolEnvironment
from mprelease.platforms.tools import BRIDGES, Tool
from mprelease.process.command import Command
from mprelease.process.tree import Stop

_GUARD = str(BRIDGES / "guard.cjs")


class Bridged:
    """Run the bridge next to the folder of a tool's lock files: `wechat.cjs` next to `wechat`."""

    tool: ClassVar[Tool]
    # Defaults that apply to most platforms.
    project_types: ClassVar[tuple[ProjectType, ...]] = (ProjectType.MINI_PROGRAM,)
    robots: ClassVar[range | None] = None
    channel_setting: ClassVar[str | None] = None
    trial_follows_channel: ClassVar = True
    reports_trial: ClassVar = False
    has_one_trial_code: ClassVar = False
    compiles: ClassVar = False
    packs_only_declared: ClassVar = False
    standby_memory: ClassVar = 150
    missed_steps: ClassVar[frozenset[str]] = frozenset()
    version_form: ClassVar = VersionForm.THREE_NUMBERS

    def command(self, tool_environment: ToolEnvironment, scratch: Path, seconds: float) -> Command:
        """Return the command of the bridge's process."""
        folder = str(self.tool.folder(tool_environment.tools))
        environment = {
            "PATH": os.defpath,
            "HOME": str(scratch),
            "TMPDIR": str(scratch),
            "LANG": "C.UTF-8",
            "MPRELEASE_TOOL": folder,
            **self.variables(scratch),
        }
        if tool_environment.extra_ca:
            environment["NODE_EXTRA_CA_CERTS"] = str(tool_environment.extra_ca)
        script = str(self.tool.lock_folder.with_suffix(".cjs"))
        arguments = (tool_environment.node, "--require", _GUARD, script, folder)
        return Command(arguments, scratch, environment, seconds)

    def variables(self, scratch: Path) -> Mapping[str, str]:  # noqa: ARG002
        """Return further environment variables of this tool; never a credential."""
        return {}

    def readable(self, tool_environment: ToolEnvironment) -> tuple[Path, ...]:
        """Return the folders of Node, tool and bridge, and the extra CA file."""
        extra_ca = (tool_environment.extra_ca,) if tool_environment.extra_ca else ()
        return (
            tool_environment.node_folder,
            self.tool.folder(tool_environment.tools),
            BRIDGES,
            *extra_ca,
        )

    def go_line(self, not_after: int) -> str:
        """Return the line that allows the bridge to send, until a time in ms since the epoch."""
        return f"go {not_after}"

    def trial_version(  # the protocols of most platforms have no such request
        self,
        account: Account,  # noqa: ARG002
        route: Route,  # noqa: ARG002
        versions: Sequence[str],  # noqa: ARG002
    ) -> str | None:
        """Return None: only some platforms have such a request (`reports_trial`)."""
        return None

    def keep_download(self, tools: Path, account: Account, route: Route, stop: Stop) -> None:
        """Do nothing: only some tools download parts of themselves at run time."""
