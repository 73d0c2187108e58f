from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.platforms.tools import (
    BRIDGES,
    Tool,
    install,
    is_installed,
    let_others_read_programs,
)
from mprelease.process.tree import Stop

TOOL = Tool("miniprogram-ci", "2.1.42", BRIDGES / "wechat")
PATH = "/usr/bin:/bin"


@pytest.fixture
def npm(tmp_path: Path) -> Path:
    """An npm that keeps its arguments and environment, and takes a moment."""
    program = tmp_path / "npm"
    program.write_text(
        "#!/bin/sh\n"
        "test -f package-lock.json || exit 3\n"
        'mkdir node_modules && echo "$*" > node_modules/arguments && env > node_modules/env\n'
    )
    program.chmod(0o755)
    return program


def put(npm: Path, tools: Path, registry: str | None = None) -> list[str]:
    lines: list[str] = []
    install(
        TOOL,
        tools,
        npm=str(npm),
        environment={"PATH": PATH, "HOME": "/nonexistent"},
        registry=registry,
        on_line=lines.append,
        stop=Stop(),
    )
    return lines


def test_a_tool_is_installed_from_its_lock_file_without_install_scripts(
    tmp_path: Path, npm: Path
) -> None:
    tools = tmp_path / "tools"
    assert not is_installed(TOOL, tools)
    put(npm, tools, registry="http://127.0.0.1:9/")
    assert is_installed(TOOL, tools)
    arguments = (TOOL.folder(tools) / "node_modules" / "arguments").read_text("utf-8")
    assert arguments.startswith("ci --ignore-scripts")
    assert "--registry http://127.0.0.1:9/" in arguments


def test_npm_knows_nothing_but_what_it_is_given(tmp_path: Path, npm: Path) -> None:
    put(npm, tmp_path / "tools")
    lines = (TOOL.folder(tmp_path / "tools") / "node_modules" / "env").read_text("utf-8")
    names = {line.partition("=")[0] for line in lines.splitlines()}
    assert names <= {"PATH", "HOME", "PWD", "OLDPWD", "SHLVL", "_"}


def test_a_tool_that_is_there_is_left_alone(tmp_path: Path, npm: Path) -> None:
    tools = tmp_path / "tools"
    put(npm, tools)
    npm.unlink()
    put(npm, tools)


def test_several_at_once_end_with_one_complete_tool(tmp_path: Path, npm: Path) -> None:
    tools = tmp_path / "tools"
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(put, npm, tools) for _ in range(4)]:
            done.result()
    assert [folder.name for folder in tools.iterdir()] == ["miniprogram-ci-2.1.42"]


def test_a_failed_install_says_why_and_leaves_nothing_behind(tmp_path: Path, npm: Path) -> None:
    npm.write_text("#!/bin/sh\necho 'npm error code E404'\necho 'npm error 404 no such'\nexit 1\n")
    with pytest.raises(StageFailed) as failed:
        put(npm, tmp_path / "tools")
    assert failed.value.problem_detail.problem is Problem.TOOL_INSTALL_FAILED
    assert failed.value.problem_detail.parameters == {
        "tool": "miniprogram-ci 2.1.42",
        "detail": "code E404\n404 no such",
    }
    assert list((tmp_path / "tools").iterdir()) == []


def test_a_stop_ends_the_install(tmp_path: Path, npm: Path) -> None:
    npm.write_text("#!/bin/sh\necho begun\nexec sleep 60\n")
    stop = Stop()
    reason = RuntimeError("enough")
    with pytest.raises(RuntimeError):
        install(
            TOOL,
            tmp_path / "tools",
            npm=str(npm),
            environment={"PATH": PATH},
            registry=None,
            on_line=lambda _: stop.ask(reason),
            stop=stop,
        )
    assert not is_installed(TOOL, tmp_path / "tools")


def test_our_programs_are_opened_where_a_strict_umask_has_closed_them(tmp_path: Path) -> None:
    folder = tmp_path / "bridge"
    folder.mkdir(mode=0o700)
    program = folder / "guard.cjs"
    program.write_text("")
    program.chmod(0o600)
    let_others_read_programs(folder)
    assert folder.stat().st_mode & 0o777 == 0o755
    assert program.stat().st_mode & 0o777 == 0o644
