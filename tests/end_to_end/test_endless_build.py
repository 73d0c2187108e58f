"""A build that writes without end (issue 12, number 32)."""

from dataclasses import replace
from pathlib import Path

import pytest

from command_line import CommandLine
from mprelease.simulator.sample import make_sample

pytestmark = [pytest.mark.slow, pytest.mark.light_tool]
MEBI = 1 << 20


def test_an_endless_build_is_ended_and_its_log_keeps_beginning_and_end(
    cli: CommandLine, tmp_path: Path
) -> None:
    limited = replace(
        cli, extra={**cli.extra, "MPRELEASE_BUILD_LOG": "12", "MPRELEASE_LOG_SIZE": "1"}
    )
    repository = make_sample(tmp_path / "sample")
    limited.has_app(repository, "--build-command", "base64 /dev/urandom", "--output", ".")
    before = stored(cli)
    answer = limited.run("preview", "shop", "--json")
    assert answer.code == 1
    assert answer.json["error"]["problem"] == "log_limit"
    assert stored(cli) - before < 2 * MEBI
    lines = limited.log().splitlines()
    assert sum(map(len, lines)) < MEBI
    (cut,) = [number for number, line in enumerate(lines) if "MPRELEASE_LOG_SIZE" in line]
    assert 5000 < cut < len(lines) - 2000


def stored(cli: CommandLine) -> int:
    return sum(file.stat().st_size for file in cli.data.glob("mprelease.db"))
