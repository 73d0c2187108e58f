"""How many processes wait: one more than are used together, within slots and memory."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mprelease.domain.platforms import Platform
from mprelease.pipeline.standby import Standby
from mprelease.pipeline.standby_limits import StandbyLimits, StandbyUse
from mprelease.platforms.driver import ToolEnvironment
from mprelease.process.sandbox import Unconfined
from mprelease.workspace.layout import prepared
from test_standby import ShellDriver, living, wait_until

Made = Callable[..., Standby]


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    folder = tmp_path / "tools"
    folder.mkdir()
    return folder


@pytest.fixture
def driver(tmp_path: Path) -> ShellDriver:
    (tmp_path / "secret").write_text("the secret")
    return ShellDriver(tmp_path)


@pytest.fixture
def make(tmp_path: Path, tools: Path) -> Iterator[Made]:
    made: list[Standby] = []
    layout = prepared(tmp_path / "data")

    def of(slots: int, memory: int = 1000, reserve: int = 0, available: int = 10_000) -> Standby:
        limits = StandbyLimits(60, memory, reserve, lambda: available)
        tool_environment = ToolEnvironment(tools, "/bin/sh", Path("/bin"), None)
        made.append(Standby(layout, Unconfined(""), tool_environment, limits))
        made[-1].enable(slots)
        return made[-1]

    yield of
    for standby in made:
        standby.close()


def release(standby: Standby, driver: ShellDriver, at_once: int = 1) -> None:
    """Take processes at once, and let the slots refill as after the releases' end."""
    taken = [standby.take(driver, 60) for _ in range(at_once)]
    for each in taken:
        each.close()
    standby.refill_used({})


def test_the_second_of_two_at_once_finds_a_loaded_process_too(
    make: Made, driver: ShellDriver, tools: Path
) -> None:
    standby = make(slots=2)
    standby.refill(driver)
    wait_until(lambda: standby.is_ready(Platform.WECHAT, 2))
    standby.refill(driver)
    assert len(living(tools)) == 2
    both = [standby.take(driver, 60) for _ in range(2)]
    assert [each.is_loaded for each in both] == [True, True]
    for each in both:
        each.close()


def test_as_many_wait_as_are_used_together_but_two_for_a_slot(
    make: Made, driver: ShellDriver, tools: Path
) -> None:
    standby = make(slots=1)
    release(standby, driver)
    assert len(living(tools)) == 2
    for _ in range(3):
        release(standby, driver)
    assert len(living(tools)) == 2
    standby.close()
    standby = make(slots=3)
    for _ in range(4):
        release(standby, driver)
    assert len(living(tools)) == 5


def test_queued_releases_find_processes_that_load_while_others_build(
    make: Made, driver: ShellDriver, tmp_path: Path, tools: Path
) -> None:
    standby = make(slots=2, memory=250)
    release(standby, driver)
    for queued, waiting in ((3, 3), (9, 4), (1, 2), (0, 2)):
        standby.refill_used({Platform.WECHAT: queued})
        assert len(living(tools)) == waiting


def test_processes_for_queued_releases_leave_the_memory_of_a_release(
    make: Made, driver: ShellDriver, tools: Path
) -> None:
    standby = make(slots=2, reserve=1200, available=1250)
    standby.refill(driver)
    standby.refill_used({Platform.WECHAT: 4})
    wait_until(lambda: standby.is_ready(Platform.WECHAT))
    assert len(living(tools)) == 1


def test_all_together_stay_within_the_memory(
    make: Made, driver: ShellDriver, tmp_path: Path, tools: Path
) -> None:
    standby = make(slots=4, memory=250)
    release(standby, driver, at_once=3)
    wait_until(lambda: standby.is_ready(Platform.WECHAT, 2))
    assert len(living(tools)) == 2
    # The first one of another platform takes the place of a second one.
    release(standby, ShellDriver(tmp_path, Platform.ALIPAY))
    wait_until(lambda: standby.is_ready(Platform.ALIPAY))
    assert standby.is_ready(Platform.WECHAT)
    assert len(living(tools)) == 2
    # But there is none left to take the place of.
    release(standby, ShellDriver(tmp_path, Platform.DOUYIN))
    assert len(living(tools)) == 2


def test_a_second_one_leaves_the_memory_of_a_release(
    make: Made, driver: ShellDriver, tools: Path
) -> None:
    standby = make(slots=2, reserve=1200, available=1250)
    release(standby, driver)
    wait_until(lambda: standby.is_ready(Platform.WECHAT))
    assert len(living(tools)) == 1
    roomy = make(slots=2, reserve=1200, available=1300)
    release(roomy, driver)
    wait_until(lambda: roomy.is_ready(Platform.WECHAT, 2))


def test_without_memory_for_one_none_waits(make: Made, driver: ShellDriver, tools: Path) -> None:
    standby = make(slots=2, memory=50)
    release(standby, driver)
    assert living(tools) == []


def test_a_loaded_one_is_taken_before_one_that_still_loads(
    make: Made, driver: ShellDriver, tmp_path: Path
) -> None:
    standby = make(slots=2)
    slow = ShellDriver(tmp_path, script="sleep 60; cat {secret}")
    for slots, one in enumerate((slow, driver), start=1):
        standby.enable(slots)
        standby.refill(one)
    wait_until(lambda: standby.is_ready(Platform.WECHAT))
    first, second = (standby.take(driver, 60) for _ in range(2))
    assert [first.is_loaded, second.is_loaded] == [True, False]
    first.close()
    second.close()


@dataclass
class Process:
    has_ended: bool = False


def test_use_counts_what_runs_together_and_forgets_after_an_hour() -> None:
    now = [0.0]
    use = StandbyUse(lambda: now[0])
    assert use.most_together(Platform.WECHAT) == 0
    first, second = Process(), Process()
    use.add(Platform.WECHAT, first)
    now[0] = 100.0
    use.add(Platform.WECHAT, second)
    assert use.most_together(Platform.WECHAT) == 2
    assert use.most_together(Platform.ALIPAY) == 0
    first.has_ended = second.has_ended = True
    now[0] = 3000.0
    use.add(Platform.WECHAT, Process())
    assert use.most_together(Platform.WECHAT) == 2
    now[0] = 3750.0
    assert use.most_together(Platform.WECHAT) == 1


def test_releases_one_after_another_within_seconds_are_together() -> None:
    now = [0.0]
    use = StandbyUse(lambda: now[0])
    for at in (0.0, 4.0, 9.0, 12.0):
        now[0] = at
        use.add(Platform.WECHAT, Process(has_ended=True))
    assert use.most_together(Platform.WECHAT) == 3


def test_one_process_loads_at_a_time(make: Made, driver: ShellDriver, tmp_path: Path) -> None:
    """Loading takes a core for seconds, which builds need."""
    slow = ShellDriver(tmp_path, script="sleep 0.5; " + driver.script)
    standby = make(slots=2)
    began = time.monotonic()
    release(standby, slow)
    assert standby.is_ready(Platform.WECHAT, 2)
    assert time.monotonic() - began >= 1.0
