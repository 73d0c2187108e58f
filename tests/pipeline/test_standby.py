"""The process that waits for an order: ready when it is wanted, gone when it is not."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from mprelease.domain.errors import ReleaseCanceled
from mprelease.domain.platforms import Platform
from mprelease.domain.sandbox import SandboxMode, SandboxPolicy, UidRange
from mprelease.pipeline.standby import Standby
from mprelease.pipeline.standby_limits import StandbyLimits
from mprelease.pipeline.standby_process import StandbyProcess
from mprelease.platforms.driver import Event, Loaded, Progress, PublishOrder, ToolEnvironment
from mprelease.process.build_users import BuildUsers
from mprelease.process.command import Command
from mprelease.process.sandbox import Sandbox, SandboxSetup, Unconfined, choose
from mprelease.process.tree import Running, Stop
from mprelease.workspace.layout import Layout, prepared
from needs import needs

USERS = BuildUsers(UidRange(59000, 59255)) if os.geteuid() == 0 else None
root = needs("root", "run the tests as root", there=os.geteuid() == 0)

# A tool that tells when it is loaded, repeats its order, and shows where it is and what it sees:
# what lies in its folder, and a secret beside it.
TOOL = """
echo loading
echo loaded >&3
read order || exit 9
echo "$order" >&3
echo "$PWD $(ls)"
cat {secret}
"""


@dataclass(frozen=True)
class ShellDriver:
    """A driver whose tool is a shell script beside a secret."""

    folder: Path
    platform: Platform = Platform.WECHAT
    script: str = TOOL
    standby_memory: int = 100

    def command(self, tool_environment: ToolEnvironment, scratch: Path, seconds: float) -> Command:
        script = self.script.format(secret=self.folder / "secret")
        arguments = ("/bin/sh", "-c", script, str(tool_environment.tools))
        return Command(arguments, scratch, {"PATH": os.defpath}, seconds)

    def readable(self, tool_environment: ToolEnvironment) -> tuple[Path, ...]:
        return (tool_environment.tools,)

    def event(self, line: str, order: PublishOrder | None) -> Event:
        return Loaded() if line == "loaded" else Progress(line)


@dataclass
class Listening:
    lines: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    stop: Stop = field(default_factory=Stop)

    def attach(self, waiting: StandbyProcess) -> Running:
        return waiting.attach(
            stop=self.stop, on_line=self.lines.append, on_event=self.events.append
        )


def wait_until(claim: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def living(tools: Path) -> list[int]:
    """The processes of the tool, whose command line names its folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0] == b"/bin/sh" and str(tools).encode() in words:
            found.append(int(entry.parent.name))
    return found


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return prepared(tmp_path / "data")


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    folder = tmp_path / "tools"
    folder.mkdir()
    return folder


@pytest.fixture
def driver(tmp_path: Path) -> ShellDriver:
    (tmp_path / "secret").write_text("the secret")
    return ShellDriver(tmp_path)


Made = Callable[..., Standby]


def environment(tools: Path) -> ToolEnvironment:
    return ToolEnvironment(tools, "/bin/sh", Path("/bin"), None)


@pytest.fixture
def make(layout: Layout, tools: Path) -> Iterator[Made]:
    made: list[Standby] = []

    def of(seconds: int = 60, sandbox: Sandbox | None = None) -> Standby:
        limits = StandbyLimits(seconds)
        made.append(Standby(layout, sandbox or Unconfined(""), environment(tools), limits))
        made[-1].enable()
        return made[-1]

    yield of
    for standby in made:
        standby.close()


def test_an_order_is_heard_with_all_that_was_said_before(make: Made, driver: ShellDriver) -> None:
    waiting = make().take(driver, 60)
    wait_until(lambda: waiting.is_loaded)
    listening = Listening()
    running = listening.attach(waiting)
    running.send("publish this")
    assert running.wait().code == 0
    assert listening.events == ["loaded", "publish this"]
    assert listening.lines == ["loading", f"{waiting.scratch} ", "the secret"]
    waiting.close()
    assert not waiting.scratch.exists()


def test_a_process_that_waits_is_taken_once(make: Made, driver: ShellDriver, tools: Path) -> None:
    standby = make()
    standby.refill(driver)
    wait_until(lambda: standby.is_ready(Platform.WECHAT))
    standby.refill(driver)
    assert len(living(tools)) == 1, "at most one waits"
    first = standby.take(driver, 60)
    assert first.is_loaded
    assert not standby.is_ready(Platform.WECHAT)
    second = standby.take(driver, 60)
    assert first.scratch != second.scratch
    for each in (first, second):
        each.close()
    assert living(tools) == []


def test_platforms_wait_beside_each_other(
    make: Made, driver: ShellDriver, tmp_path: Path, tools: Path
) -> None:
    standby = make()
    standby.refill(driver)
    standby.refill(ShellDriver(tmp_path, Platform.ALIPAY))
    wait_until(lambda: all(map(standby.is_ready, (Platform.WECHAT, Platform.ALIPAY))))
    assert len(living(tools)) == 2


def test_a_process_that_died_is_replaced_silently(
    make: Made, driver: ShellDriver, tools: Path
) -> None:
    standby = make()
    standby.refill(driver)
    wait_until(lambda: standby.is_ready(Platform.WECHAT))
    os.kill(living(tools)[0], signal.SIGKILL)
    wait_until(lambda: not standby.is_ready(Platform.WECHAT))
    waiting = standby.take(driver, 60)
    wait_until(lambda: waiting.is_loaded)
    assert waiting.is_usable
    waiting.close()


def test_a_tool_that_was_installed_anew_is_loaded_anew(
    make: Made, driver: ShellDriver, tools: Path
) -> None:
    standby = make()
    standby.refill(driver)
    wait_until(lambda: standby.is_ready(Platform.WECHAT))
    [stale] = living(tools)
    tools.rmdir()
    tools.mkdir()
    assert not standby.is_ready(Platform.WECHAT)
    standby.refill(driver)
    assert stale not in living(tools)
    wait_until(lambda: standby.is_ready(Platform.WECHAT))


def test_a_process_waits_no_longer_than_it_may(
    make: Made, driver: ShellDriver, tools: Path
) -> None:
    standby = make(seconds=1)
    standby.refill(driver)
    wait_until(lambda: living(tools) != [])
    wait_until(lambda: living(tools) == [])
    waiting = standby.take(driver, 60)
    assert waiting.is_usable
    waiting.close()


def test_an_order_has_its_own_time_limit(make: Made, driver: ShellDriver) -> None:
    waiting = make().take(driver, 60)
    running = Listening().attach(waiting)
    waiting.limit(0.5)
    assert running.wait().timed_out
    assert not waiting.is_usable
    waiting.close()


def test_a_worker_that_does_not_live_on_leaves_nobody_waiting(
    layout: Layout, driver: ShellDriver, tools: Path
) -> None:
    standby = Standby(layout, Unconfined(""), environment(tools), StandbyLimits(60))
    standby.refill(driver)
    assert living(tools) == []


def test_with_no_time_to_wait_none_waits(make: Made, driver: ShellDriver, tools: Path) -> None:
    standby = make(seconds=0)
    standby.refill(driver)
    assert living(tools) == []
    waiting = standby.take(driver, 60)
    assert waiting.is_usable
    waiting.close()


def test_when_a_worker_closes_nobody_is_left(
    make: Made, driver: ShellDriver, tools: Path, layout: Layout
) -> None:
    standby = make()
    standby.refill(driver)
    standby.close()
    standby.refill(driver)
    assert living(tools) == []
    assert list((layout.data / "scratch").iterdir()) == []


def test_a_canceled_release_ends_the_process_that_it_took(
    make: Made, driver: ShellDriver, tools: Path
) -> None:
    waiting = make().take(driver, 60)
    listening = Listening()
    running = listening.attach(waiting)
    listening.stop.ask(ReleaseCanceled())
    assert running.wait().stopped
    assert living(tools) == []
    waiting.close()


@needs("bwrap", "apt-get install -y bubblewrap")
def test_in_bubblewrap_it_sees_its_own_folder_alone(
    make: Made, driver: ShellDriver, layout: Layout
) -> None:
    sandbox = choose(SandboxPolicy.AUTO, SandboxSetup(USERS, masked_paths=(layout.data,)))
    if sandbox.mode is not SandboxMode.BWRAP:
        pytest.skip(sandbox.why_not_bwrap)
    waiting = make(sandbox=sandbox).take(driver, 60)
    listening = Listening()
    running = listening.attach(waiting)
    # What is put there later is seen: that is how it gets what it publishes.
    (waiting.scratch / "project").mkdir()
    running.send("publish this")
    assert running.wait().code == 1
    assert f"{waiting.scratch} project" in listening.lines
    assert not any("the secret" in line for line in listening.lines)
    waiting.close()


# A tool that tells who it is, and what of others it can do.
WHO = """
echo loaded >&3
read order
id -u
grep -h NoNewPrivs /proc/self/status
ulimit -c
touch {secret} 2>/dev/null && echo writes
ls {secret}/.. 2>/dev/null && echo lists
ls "$PWD/.." 2>/dev/null | grep -v "${{PWD##*/}}"
"""


def sandboxes(tmp_path: Path) -> dict[str, Sandbox]:
    """The two modes in which root gives user ids."""
    machine = SandboxSetup(USERS)
    return {
        "bwrap": choose(SandboxPolicy.REQUIRED, machine),
        "user": choose(SandboxPolicy.REQUIRED, replace(machine, path=str(tmp_path / "nothing"))),
    }


@root
@pytest.mark.parametrize("mode", ["bwrap", "user"])
def test_started_as_root_each_process_has_a_user_id_of_its_own_and_nothing_else(
    mode: str, driver: ShellDriver, tools: Path, tmp_path: Path
) -> None:
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        sandbox = sandboxes(tmp_path)[mode]
        layout = prepared(Path(folder, "data"))
        layout = layout.walkable() if mode == "user" else layout
        standby = Standby(layout, sandbox, environment(tools), StandbyLimits(60))
        who = replace(driver, script=WHO)
        both = [standby.take(who, 60) for _ in range(2)]
        outputs = []
        for waiting in both:
            listening = Listening()
            running = listening.attach(waiting)
            assert waiting.scratch.stat().st_mode & 0o777 == 0o700
            running.send("go")
            running.wait()
            outputs.append(listening.lines)
            assert waiting.scratch.stat().st_uid == int(listening.lines[0])
        first, second = outputs
        assert first[0] != second[0]
        assert {int(lines[0]) for lines in outputs} <= {*range(59000, 59256)}
        assert [lines[1:3] for lines in outputs] == [["NoNewPrivs:\t1", "0"]] * 2
        assert first[3:] == second[3:] == []
        for waiting in both:
            waiting.close()
        assert list((layout.data / "scratch").iterdir()) == []


def test_a_process_waits_again_for_each_platform_whose_process_was_taken(
    make: Made, driver: ShellDriver, tools: Path
) -> None:
    standby = make()
    standby.refill_used({})
    assert living(tools) == []
    standby.take(driver, 60).close()
    standby.refill_used({})
    wait_until(lambda: standby.is_ready(Platform.WECHAT))
    standby.close()
