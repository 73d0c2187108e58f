"""Create the application's objects from the settings; only this module selects implementations."""

import logging
import os
import socket
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mprelease import installation
from mprelease.domain.errors import Refused
from mprelease.domain.logs import LogLimits
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Stage
from mprelease.domain.sandbox import SandboxMode, SandboxPolicy
from mprelease.engine.build_network import BuildNetwork
from mprelease.engine.cleanup import WorkerCleanup, worker_cleanup
from mprelease.engine.recorder import Broadcast, LogListener
from mprelease.engine.slot import WorkerDependencies
from mprelease.engine.tool_supply import ToolLocks, ToolSupply, acquired, tool_locks
from mprelease.engine.upkeep import Upkeep
from mprelease.engine.worker import Worker, WorkerConfig
from mprelease.engine.worker_queries import QueryEnvironment, QueryHandler
from mprelease.i18n import Translator, language_of
from mprelease.installation import Installation
from mprelease.pipeline.run import Limits, Machine, Node
from mprelease.pipeline.standby import Standby
from mprelease.pipeline.standby_limits import StandbyLimits
from mprelease.platforms import tools
from mprelease.platforms.driver import Route, ToolEnvironment
from mprelease.platforms.registry import driver_of
from mprelease.platforms.tools import BRIDGES, Tool
from mprelease.process import memory, programs, sandbox
from mprelease.process.build_users import BuildUsers
from mprelease.process.limits import ResourceLimits
from mprelease.process.sandbox import Sandbox, SandboxSetup
from mprelease.process.tree import LineCallback, Stop
from mprelease.services.context import ServiceContext
from mprelease.settings.environment import (
    config_file,
    exports_traces,
    machine_environment,
    requested_language,
    variables,
)
from mprelease.settings.settings import Settings
from mprelease.storage.engines import timeouts_for
from mprelease.workspace.layout import Layout
from mprelease.workspace.owner_lock import folder_id

if TYPE_CHECKING:
    from mprelease.engine.release_traces import ReleaseTraces

_log = logging.getLogger(__name__)
_BUILDS_NICENESS = 10
# Waiting processes may take together: MiB, or a share of the machine's memory if that is more.
_STANDBY_MEMORY = 640
_STANDBY_SHARE = 16


@dataclass(frozen=True)
class Application(Installation):
    """The objects of one running mprelease process, created on first use."""

    installing: ToolLocks = field(default_factory=tool_locks, kw_only=True)

    @cached_property
    def environment(self) -> Mapping[str, str]:
        """Return the environment variables that child processes may inherit."""
        return machine_environment()

    @cached_property
    def node(self) -> Node:
        """Return the machine's Node and npm; raise Refused if they are missing or too old."""
        node = programs.find(programs.NODE, self.environment)
        npm = programs.find(programs.NPM, self.environment)
        # Links are resolved, because in the sandbox only the installation itself is visible.
        return Node(
            str(Path(node.path).resolve()), npm.path, node.folder, node.version, npm.version
        )

    @cached_property
    def route(self) -> Route:
        """Return the default route to the platforms."""
        return Route(self.settings.vendor_proxy, self.settings.extra_ca_certs)

    def close(self) -> None:
        """Remove the firewall rules for builds, send what is pending, and close the databases."""
        if "network" in vars(self):
            self.network.open()
        super().close()
        if traces := vars(self).get("traces"):
            traces.close()
        if "leased_services" in vars(self):
            self.leased_services.database.close()

    def master_key_text(self) -> str:
        """Return the master key in use, in base64."""
        given = self.settings.master_key
        return given.get_secret_value() if given else self.layout.master_key.read_text("ascii")

    @cached_property
    def worker_name(self) -> str:
        """Return the name of this data folder's worker, which stays the same after restarts."""
        name = self.settings.worker_name or socket.gethostname()
        return f"{name}-{folder_id(self.layout)}"

    @property
    def is_single_node(self) -> bool:
        """Return whether the database is a file in the data folder, without other nodes."""
        return self.services.database.is_sqlite

    def require_programs(self) -> None:
        """Raise Refused if this machine lacks a program or a permission that releases need."""
        programs.find(programs.GIT, self.environment)
        _ = self.machine

    def worker(
        self, labels: tuple[str, ...], slots: int, live: LogListener | None = None
    ) -> Worker:
        """Return a worker; its log lines go to `live` too. Raise Refused as `require_programs`."""
        self.require_programs()
        self.network.refuse_stores()
        # The first reading queries the database, which must not happen while a lease is held.
        self.services.now()
        settings = self.settings
        dependencies = WorkerDependencies(
            self.leased_services,
            self.machine,
            settings.release_limit,
            tools=ToolSupply(self.install_missing, self.has_tool),
            live=self.log_listener(live),
            log_limits=LogLimits(settings.log_size << 20, settings.log_lines),
            words=Translator(language_of(requested_language())),
        )
        config = WorkerConfig(
            self.worker_name,
            labels,
            slots,
            settings.release_memory,
            settings.lease_seconds * 1000,
            self.layout.worker_tick,
        )
        upkeep = Upkeep(self.cleanup)
        return Worker(dependencies, config, self.query_handler, self.loops, upkeep)

    @cached_property
    def cleanup(self) -> WorkerCleanup:
        """Return the cleanup of the data folder and the database."""
        return worker_cleanup(self.services, self.layout, self.settings, self.worker_name)

    @cached_property
    def leased_services(self) -> ServiceContext:
        """Return services whose database timeouts are shorter than a lease, for its holders."""
        timeouts = timeouts_for(self.settings.lease_seconds)
        return replace(self.services, database=self.services.database.with_timeouts(timeouts))

    @cached_property
    def network(self) -> BuildNetwork:
        """Return the rules that block builds from mprelease's own ports, until `close`."""
        settings = self.settings
        return BuildNetwork(
            self.services.database, settings, self.environment, folder_id(self.layout)
        )

    def log_listener(self, live: LogListener | None) -> LogListener:
        """Return the listener of a worker's log: `live`, if given, and other nodes over Redis."""
        listeners = live, self.messaging.publisher, self.traces
        return Broadcast(*filter(None, listeners), loops=self.loops)

    @cached_property
    def traces(self) -> "ReleaseTraces | None":
        """Return the exporter of traces; None if OpenTelemetry's variables name no receiver."""
        if not exports_traces():
            return None
        try:
            from mprelease.engine.release_traces import ReleaseTraces  # noqa: PLC0415
        except ImportError as error:
            _log.warning("traces are not exported, install mprelease[otel]: %s", error)
            return None
        return ReleaseTraces(self.services.database, self.worker_name, self.loops)

    @cached_property
    def query_handler(self) -> QueryHandler:
        """Return the handler of worker queries on this machine; raise Refused without git."""
        programs.find(programs.GIT, self.environment)
        place = self.layout.mirrors, self.environment, self.route, self.settings.address_url
        limits = _limits(self.settings).resources
        environment = QueryEnvironment(*place, limits, self.settings.code_minutes)
        return QueryHandler(self.services, environment)

    @cached_property
    def sandbox(self) -> Sandbox:
        """Return the strongest sandbox of this machine; raise Refused if it is not allowed."""
        settings = self.settings
        machine = SandboxSetup(
            self._build_users(),
            masked_paths=(settings.data_dir, settings.tools, config_file()),
            path=self.environment.get("PATH", os.defpath),
            passable=(settings.data_dir, settings.tools, self.node.folder, BRIDGES / "any"),
        )
        return sandbox.choose(settings.sandbox, machine)

    def _build_users(self) -> BuildUsers | None:
        """Return the user ids for builds; None without root, or with the sandbox off.

        Raise Refused(BUILD_UIDS_UNUSABLE) if root cannot use those of the settings.
        """
        settings = self.settings
        if os.geteuid() != 0 or settings.sandbox is SandboxPolicy.OFF:
            return None
        users = BuildUsers(settings.uid_range)
        if why := users.why_unusable():
            uids = settings.build_uids
            raise Refused(Problem.BUILD_UIDS_UNUSABLE, uids=uids, detail=why)
        return users

    def tool(self, platform: Platform) -> Tool:
        """Return the pinned tool of a platform."""
        return driver_of(platform).tool

    def has_tool(self, platform: Platform) -> bool:
        """Return whether the pinned tool of a platform is installed."""
        return tools.is_installed(driver_of(platform).tool, self.settings.tools)

    def install_missing(
        self, platform: Platform, /, *, stop: Stop, on_line: LineCallback = _log.info
    ) -> None:
        """Install the pinned tool of a platform unless it is installed; thread-safe.

        Concurrent calls for the same tool wait for each other; each can be ended by its own `stop`.
        Raise StageFailed, or the reason of the stop.
        """
        with acquired(self.installing[platform], stop):
            if not self.has_tool(platform):
                self.install_tool(platform, stop=stop, on_line=on_line)
            tools.let_others_run(driver_of(platform).tool, self.settings.tools)

    def install_tool(
        self, platform: Platform, *, stop: Stop | None = None, on_line: LineCallback = _log.info
    ) -> None:
        """Install the pinned tool of a platform; raise StageFailed, or the reason of the stop."""
        tools.install(
            driver_of(platform).tool,
            self.settings.tools,
            npm=self.node.npm,
            environment=self.environment,
            registry=self.settings.npm_registry,
            on_line=on_line,
            stop=stop or Stop(),
        )

    @cached_property
    def machine(self) -> Machine:
        """Return the parts of this machine that releases use; raise Refused if one is missing."""
        settings, layout = self.settings, self._open_layout()
        return Machine(
            layout=layout,
            sandbox=self.sandbox,
            standby=self._standby(layout),
            node=self.node,
            environment=self.environment,
            build_variables=variables(settings.build_env),
            npm_registry=settings.npm_registry,
            route=self.route,
            limits=_limits(settings),
            words=Translator(language_of(requested_language())),
            keeps_compile_results=settings.reuse_compile_results,
            keeps_compiled_files=settings.reuse_compiled_files,
            code_lifetimes=settings.code_minutes,
        )

    def _open_layout(self) -> Layout:
        """Return the layout; other user ids can traverse it only if the sandbox has no mounts."""
        if self.sandbox.mode is not SandboxMode.USER:
            return self.layout.private()
        tools_folder = self.settings.tools
        tools_folder.mkdir(parents=True, exist_ok=True)
        mode = stat.S_IMODE(tools_folder.stat().st_mode)
        # In an image with the tools inside, the folder may be read-only.
        if mode | 0o011 != mode:
            tools_folder.chmod(mode | 0o011)
        return self.layout.walkable()

    def _standby(self, layout: Layout) -> Standby:
        settings, node = self.settings, self.node
        tool_environment = ToolEnvironment(
            settings.tools, node.node, node.folder, settings.extra_ca_certs
        )
        spare = settings.standby_memory
        if spare is None:
            spare = max(_STANDBY_MEMORY, memory.total() // _STANDBY_SHARE)
        limits = StandbyLimits(settings.standby_seconds, spare, settings.release_memory)
        return Standby(layout, self.sandbox, tool_environment, limits)


def opened(settings: Settings) -> Application:
    """Open the data folder, migrate its database, and return the application."""
    made = installation.opened(settings)
    return Application(made.settings, made.layout, made.services, made.messaging, made.loops)


def _limits(settings: Settings) -> Limits:
    return Limits(
        seconds={
            Stage.CHECKOUT: settings.checkout_limit,
            Stage.INSTALL: settings.install_limit,
            Stage.BUILD: settings.build_limit,
            Stage.PUBLISH: settings.publish_limit,
        },
        node_memory=settings.node_memory,
        unlocked_hours=settings.unlocked_hours,
        resources=ResourceLimits(
            processes=settings.build_processes or None,
            memory=settings.build_memory or None,
            disk=settings.build_disk or None,
            log=settings.build_log or None,
            niceness=_BUILDS_NICENESS,
        ),
    )
