"""What is done again by itself: sending that has certainly reached nobody, and nothing else."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from light_pipeline import make_worker
from mprelease.domain.errors import StageFailed
from mprelease.domain.logs import LogLine
from mprelease.domain.problems import Message, Problem
from mprelease.domain.releases import Publication, Stage, State
from mprelease.engine.recorder import Broadcast, LogListener
from mprelease.engine.worker import WorkerConfig
from mprelease.i18n import Language, Translator
from mprelease.pipeline import publish as publishing
from mprelease.pipeline.run import Run
from mprelease.pipeline.runner import Outcome, run_stages
from mprelease.pipeline.staging import Staging
from mprelease.platforms.driver import Event, Failure, PublishOrder, Ready, Result, ToolEnvironment
from mprelease.platforms.wechat.driver import WeChatDriver
from mprelease.process.command import Command
from mprelease.storage import logs, queue
from mprelease.storage.database import Writer
from worker_pool import WorkerPool, wait_until

pytestmark = pytest.mark.lasting

# Each try leaves a mark; the one with the number `good` works, the others say `answer`.
SCRIPT = """
read -r order; echo x >> "$marks"; echo ready >&3; read -r go
if [ "$(wc -l < "$marks")" -ge "$good" ]; then echo yes >&3; else echo "$answer" >&3; fi
"""


@dataclass(frozen=True)
class ScriptedDriver(WeChatDriver):
    """A tool that reaches the platform only after some tries."""

    marks: Path
    answer: str
    good: int

    def prepare(self, order: PublishOrder) -> None:
        pass

    def command(self, _: ToolEnvironment, scratch: Path, seconds: float) -> Command:
        settings = {"marks": str(self.marks), "answer": self.answer, "good": str(self.good)}
        return Command(("sh", "-c", SCRIPT), scratch, {"PATH": os.defpath, **settings}, seconds)

    def readable(self, _: ToolEnvironment) -> tuple[Path, ...]:
        return ()

    def event(self, line: str, order: PublishOrder | None) -> Event:
        refused = StageFailed(Problem.PLATFORM_UNREACHABLE, host="example.com", detail="refused")
        cut = StageFailed(Problem.PUBLISH_CUT, host="example.com", detail="cut")
        events: dict[str, Event] = {
            "ready": Ready(),
            "yes": Result(Publication()),
            "refused": Failure(refused),
            "late": Failure(StageFailed(Problem.PUBLISH_TOO_LATE)),
            "cut": Failure(cut, may_have_arrived=True),
        }
        return events[line]

    @property
    def tries(self) -> int:
        return len(self.marks.read_text().splitlines())


@contextmanager
def beside(run: Run) -> Iterator[None]:
    run.is_checked.set()
    with publishing.standing_by(run):
        yield


def build(run: Run) -> bool:
    output = run.folder / "dist"
    output.mkdir(parents=True, exist_ok=True)
    run.staging = Staging(output, (output,), run.workspace.tree, run.workspace.tree, None, ())
    return False


def works(
    pool: WorkerPool,
    driver: WeChatDriver,
    language: Language = Language.ENGLISH,
    live: LogListener | None = None,
) -> None:
    """Put a worker to work that publishes with this driver."""
    stages = {Stage.BUILD: build, Stage.PUBLISH: publishing.publish}

    def pipeline(run: Run) -> Outcome:
        machine = replace(run.machine, words=Translator(language))
        return run_stages(replace(run, driver=driver, machine=machine), stages, beside)

    worker = make_worker(
        pool.services, pool.folder / "w", pipeline, WorkerConfig("w", ("default",), 1, 0), live=live
    )
    pool.workers.append(worker)
    worker.start()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "_PAUSES", (0.1, 0.1))


@pytest.mark.parametrize("answer", ["refused", "late"])
def test_an_upload_that_reached_nobody_is_sent_again_through_a_new_fence(
    pool: WorkerPool, answer: str
) -> None:
    driver = ScriptedDriver(pool.folder / "marks", answer, good=3)
    release_id = pool.request()
    works(pool, driver)
    pool.becomes(release_id, State.SUCCEEDED)
    assert driver.tries == 3
    with pool.services.database.reading() as db:
        texts = [line.text for line in logs.after(db, release_id)]
    assert len([text for text in texts if "Nothing has reached" in text]) == 2


def test_the_log_is_written_in_the_language_of_the_installation(pool: WorkerPool) -> None:
    """Issue 12, number 34: lines of ours were English in a Chinese installation."""
    release_id = pool.request()
    works(pool, ScriptedDriver(pool.folder / "marks", "refused", good=2), Language.CHINESE)
    pool.becomes(release_id, State.SUCCEEDED)
    with pool.services.database.reading() as db:
        texts = [line.text for line in logs.after(db, release_id)]
    assert "平台没有收到任何内容：refused。0.1 秒后重试。" in texts


def test_after_the_third_try_it_has_failed_and_says_why(pool: WorkerPool) -> None:
    driver = ScriptedDriver(pool.folder / "marks", "refused", good=9)
    release_id = pool.request()
    works(pool, driver)
    failed = pool.becomes(release_id, State.FAILED)
    assert driver.tries == 3
    assert failed.error
    assert failed.error.problem is Problem.PLATFORM_UNREACHABLE


@pytest.mark.parametrize("kind", ["sqlite"])
def test_the_fence_is_opened_again_although_the_database_was_away_for_a_moment(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = queue.reopen_fence, []

    def away_at_first(db: Writer, lease: queue.Lease) -> bool:
        calls.append(lease)
        if len(calls) == 1:
            raise OperationalError("UPDATE", {}, Exception("gone"))
        return real(db, lease)

    monkeypatch.setattr(queue, "reopen_fence", away_at_first)
    driver = ScriptedDriver(pool.folder / "marks", "refused", good=2)
    release_id = pool.request()
    works(pool, driver)
    pool.becomes(release_id, State.SUCCEEDED)
    assert len(calls) == 2


def test_an_upload_that_was_cut_off_is_not_sent_again(pool: WorkerPool) -> None:
    driver = ScriptedDriver(pool.folder / "marks", "cut", good=2)
    release_id = pool.request()
    works(pool, driver)
    failed = pool.becomes(release_id, State.FAILED)
    assert driver.tries == 1
    assert failed.error
    assert failed.error.problem is Problem.PUBLISH_CUT


RESULT = '{"event":"result","sizes":[],"plugins":[],"devPluginId":null}'
READY = '{"event":"ready"}'
GO = "wait for go"


@dataclass(frozen=True)
class Forging(WeChatDriver):
    """A process that content of the project has taken over: it writes what it likes."""

    printed: tuple[str, ...]
    before_the_order: str = ":"
    at_the_end: str = "read -r end"

    def prepare(self, order: PublishOrder) -> None:
        pass

    def command(self, _: ToolEnvironment, scratch: Path, seconds: float) -> Command:
        printed = (f"echo '{each}' >&3" if each != GO else "read -r go" for each in self.printed)
        script = "\n".join((self.before_the_order, "read -r order", *printed, self.at_the_end))
        return Command(("sh", "-c", script), scratch, {"PATH": os.defpath}, seconds)

    def readable(self, _: ToolEnvironment) -> tuple[Path, ...]:
        return ()


@pytest.mark.parametrize(
    "printed",
    [
        (RESULT,),
        (RESULT, READY, GO, RESULT),
        ("nonsense", READY, GO, RESULT),
        ('{"event":"progress","text":7}', READY, GO, RESULT),
    ],
)
def test_what_nobody_has_sent_has_not_been_accepted(
    pool: WorkerPool, printed: tuple[str, ...]
) -> None:
    release_id = pool.request()
    works(pool, Forging(printed))
    failed = pool.becomes(release_id, State.FAILED)
    assert failed.error
    assert failed.error.problem is Problem.PUBLISH_EVENT_UNREADABLE


@pytest.mark.parametrize("printed", [(READY, GO, "nonsense"), (READY, GO, READY, RESULT)])
def test_after_go_nobody_knows_what_nonsense_means(
    pool: WorkerPool, printed: tuple[str, ...]
) -> None:
    release_id = pool.request()
    works(pool, Forging(printed))
    failed = pool.becomes(release_id, State.FAILED)
    assert failed.error
    assert failed.error.problem is Problem.PUBLISH_CUT


@pytest.mark.parametrize("later", ["nonsense", RESULT, READY])
def test_nothing_that_comes_later_takes_a_success_back(pool: WorkerPool, later: str) -> None:
    release_id = pool.request()
    works(pool, Forging((READY, GO, RESULT, later)))
    pool.becomes(release_id, State.SUCCEEDED)


def test_a_process_that_is_ready_before_its_order_is_not_waited_for(pool: WorkerPool) -> None:
    release_id = pool.request()
    works(pool, Forging((GO, RESULT), before_the_order=f"echo '{READY}' >&3"))
    # It may have its order before it says so: then it is as any other.
    wait_until(lambda: pool.release(release_id).state.is_final)
    ended = pool.release(release_id)
    assert ended.error is None or ended.error.problem is Problem.PUBLISH_EVENT_UNREADABLE


class Listener(Broadcast):
    """Note what is said of a release."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[str] = []

    def line_written(self, _: int, line: LogLine) -> None:
        self.noted.append(line.text)

    def ended(self, _: int) -> None:
        self.noted.append("the end")


@dataclass(frozen=True)
class Kept:
    """A compile result that an earlier release of the same files has left."""

    messages: tuple[Message, ...] = ()

    def keep(self, messages: tuple[Message, ...]) -> None:
        pass


@pytest.mark.parametrize("has_compiled", [True, False])
def test_a_process_is_ended_after_its_result_and_says_no_more(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch, *, has_compiled: bool
) -> None:
    """The release waits for that only where the process's folder is read."""
    if not has_compiled:
        monkeypatch.setattr(publishing, "with_kept_compile", lambda _, order: (order, Kept()))
    own = pool.folder / "process"
    speak = f"trap '' TERM; echo $$ > {own}; while sleep 0.01; do echo later; done"
    listener = Listener()
    release_id = pool.request()
    works(pool, Forging((READY, GO, RESULT), at_the_end=speak), live=listener)
    pool.becomes(release_id, State.SUCCEEDED)
    process = Path("/proc", own.read_text().strip())
    assert process.exists() is not has_compiled
    wait_until(lambda: not process.exists())
    wait_until(lambda: listener.noted[-1] == "the end")
