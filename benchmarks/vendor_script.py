"""Publish a folder by a plain script that calls a vendor's JavaScript API."""

import shutil
import subprocess
from pathlib import Path

from benchmarks.installation import Installation
from benchmarks.measuring import InvalidMeasurement
from mprelease.domain.apps import ProjectType
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Kind, LaunchOptions
from mprelease.platforms.douyin.content import name_app
from mprelease.platforms.driver import Account, PublishOrder
from mprelease.platforms.registry import driver_of
from mprelease.settings.environment import machine_environment

_SCRIPT = Path(__file__).with_name("vendor_script.cjs")


def publish(
    installation: Installation,
    platform: Platform,
    built: Path,
    *,
    account: Account | None = None,
    pack_npm: bool = False,
) -> None:
    """Make a preview of a folder, as a developer's script does it; raise InvalidMeasurement."""
    scratch = installation.folder / "scratch"
    scratch.mkdir()
    account = account or installation.account
    if platform is Platform.DOUYIN:
        name_app(built, account.platform_app_id)
    order = _order(installation, account, built, scratch, pack_npm=pack_npm)
    application = installation.application
    tool = application.tool(platform).folder(application.settings.tools)
    done = subprocess.run(
        (application.node.node, str(_SCRIPT), platform, str(tool / "node_modules")),
        input=driver_of(platform).order_line(order),
        env={
            **machine_environment(),
            "HOME": str(scratch),
            "TMPDIR": str(scratch),
            # Alipay's tool keeps its compiler here between runs, as on a developer's machine.
            "MINIDEV_COMPILEDIR": str(installation.folder / "compiler"),
            "NODE_EXTRA_CA_CERTS": str(order.route.extra_ca),
        },
        cwd=scratch,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise InvalidMeasurement(f"the script failed: {done.stderr}")
    shutil.rmtree(scratch)


def _order(
    installation: Installation, account: Account, built: Path, scratch: Path, *, pack_npm: bool
) -> PublishOrder:
    return PublishOrder(
        kind=Kind.PREVIEW,
        account=account,
        route=installation.application.route,
        built=built,
        project_type=ProjectType.MINI_PROGRAM,
        version="",
        description="by hand",
        robot=2,
        launch=LaunchOptions(),
        compile_settings={},
        pack_npm=pack_npm,
        scratch=scratch,
    )
