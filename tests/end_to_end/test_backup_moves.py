"""A backup of SQLite is restored on MariaDB, and releases go on."""

from dataclasses import replace
from pathlib import Path

import pytest

from command_line import CommandLine, interrupt
from databases import MARIADB, Servers, blank
from mprelease.simulator.sample import make_sample
from mprelease.simulator.wechat import WeChat

pytestmark = [pytest.mark.slow, pytest.mark.servers, pytest.mark.light_tool]


def test_what_was_restored_elsewhere_releases_again(
    cli: CommandLine, wechat: WeChat, servers: Servers, tmp_path: Path
) -> None:
    cli.has_app(make_sample(tmp_path / "sample"))
    first = cli.must("upload", "shop", "--json").json
    log = cli.log()
    file = str(tmp_path / "all.zip")
    cli.must("backup", file, "--with-master-key")
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    with blank(servers.address(MARIADB)) as url:
        there = replace(cli, folder=folder, extra={**cli.extra, "MPRELEASE_DATABASE_URL": url})
        there.must("restore", file)
        assert there.log() == log
        worker = there.fork("worker", "--slots", "1")
        second = there.must("upload", "shop", "--json").json
        interrupt(worker)
        worker.communicate(timeout=60)
        assert second["id"] > first["id"]
        assert [each.version for each in wechat.received] == [first["version"], second["version"]]
        assert first["version"] != second["version"]
