"""The last stage: the vendor's tool compiles and packs, waits for "go", and sends.

Its process is started with the release, or before, and loads the tool during earlier stages.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Message, Problem
from mprelease.domain.releases import Kind, Publication, Stage
from mprelease.domain.sizes import overruns
from mprelease.i18n.quantities import size
from mprelease.pipeline.kept_compile import with_kept_compile
from mprelease.pipeline.run import Run
from mprelease.pipeline.staging import staged
from mprelease.pipeline.standby_process import StandbyProcess
from mprelease.platforms.driver import (
    Account,
    Failure,
    OwnProgress,
    Progress,
    PublishOrder,
    Ready,
    Result,
    Route,
    ToolDownload,
)
from mprelease.platforms.registry import code_lifetime
from mprelease.process.tree import Exit, Running


@contextmanager
def standing_by(run: Run) -> Iterator[None]:
    """Start the publishing process, which loads the tool during the block.

    It is closed after the block, or, if it has published, after the end of the release.
    """
    # If it cannot be started now, the last stage tries again, and reports a failure.
    with suppress(OSError):
        run.publisher = _taken(run)
    try:
        yield
    finally:
        if run.publisher and not run.is_published:
            run.publisher.close()
        elif run.publisher:
            run.publisher.detach()


def publish(run: Run) -> bool:
    """Publish the build's output with the vendor's tool, and record the result; return False.

    If certainly nothing has reached the platform, retry after 2 s and after 6 s. Raise StageFailed.
    """
    for seconds in _PAUSES:
        try:
            return _publish_once(run)
        except _Unreached as failure:
            problem_detail = failure.problem_detail
            detail = problem_detail.parameters.get("detail") or run.machine.words.of(
                problem_detail.message
            )
            run.note("log.unreached", detail=str(detail), seconds=seconds)
            _pause(run, seconds)
    return _publish_once(run)


def _publish_once(run: Run) -> bool:
    assert run.staging is not None
    publisher = _usable(run)
    parcel = staged(run.staging, publisher.scratch, run.stop)
    order = _order(run, parcel, publisher.scratch, pack_npm=bool(run.staging.packed))
    run.driver.prepare(order)
    order, compile_result = with_kept_compile(run, order)
    for path in (order.scratch / "project", order.kept_result, order.kept_files, order.kept_packs):
        if path:
            publisher.give(path)
    exchange = _Exchange(run, order)
    accepted = exchange.result(publisher)
    run.is_published = True
    run.resources.callback(publisher.close)
    run.recorder.published(_with_lifetime(run, accepted.publication))
    left_out = compile_result.messages if compile_result else None
    if left_out is None:
        # Its folder must not change while it is read.
        publisher.end()
        left_out = run.driver.left_out(order, run.packages)
    for hint in (*accepted.hints, *left_out, *_over_budget(run, accepted.publication)):
        run.recorder.warned(hint)
    if compile_result:
        run.resources.callback(compile_result.keep, left_out)
        # Called before: what is kept must not be written to any more.
        run.resources.callback(publisher.end)
    if exchange.has_downloaded:
        run.note("log.keeping_download")
        run.driver.keep_download(run.machine.standby.tools, order.account, order.route, run.stop)
    return False


def _with_lifetime(run: Run, given: Publication) -> Publication:
    """Return a publication with the lifetime of its QR code, if the platform named none."""
    if given.qr_code is None or given.lifetime is not None:
        return given
    kind, platform = run.job.release.kind, run.job.app.platform
    return replace(given, lifetime=code_lifetime(platform, kind, run.machine.code_lifetimes))


def _over_budget(run: Run, published: Publication) -> list[Message]:
    """Return warnings about packages that are larger than the app's budgets.

    Only the platform's answer has the sizes, so a budget cannot prevent a release.
    """
    found = overruns(run.job.app.size_budgets, published.sizes) if published.sizes else []
    return [
        Message(
            "warning.over_budget",
            {"package": one.package, "size": size(one.size), "budget": size(one.budget)},
        )
        for one in found
    ]


def route_of(run: Run) -> Route:
    """Return the route to the platform; the app's own proxy takes precedence."""
    route = run.machine.route
    return replace(route, proxy=run.job.app.proxy or route.proxy)


def account_of(run: Run) -> Account:
    """Return the release's account on its platform."""
    return Account(run.job.app.platform_app_id, run.job.credential)


_NOTHING_SENT = {Problem.PLATFORM_UNREACHABLE, Problem.PUBLISH_TOO_LATE}
# Seconds before the second and the third attempt.
_PAUSES = (2, 6)


class _Unreached(StageFailed):
    """Nothing has reached the platform, or only a preview, which is safe to repeat."""


def _pause(run: Run, seconds: float) -> None:
    stopped = threading.Event()
    forget = run.stop.on_ask(stopped.set)
    stopped.wait(seconds)
    forget()
    run.stop.raise_if_asked()


class _Exchange:
    """One order and its events; these are handled in a reader thread."""

    def __init__(self, run: Run, order: PublishOrder) -> None:
        self._run = run
        self._order = order
        self.has_downloaded = False
        self._answer: Result | Failure | None = None
        self._go_sent = False
        self._began = threading.Event()
        self._is_over = threading.Event()
        self._process: Running | None = None

    def result(self, publisher: StandbyProcess) -> Result:
        """Send the order and return the result; raise StageFailed unless the platform accepts.

        The process may not have ended yet when there is a result.
        """
        run = self._run
        publisher.limit(run.seconds(Stage.PUBLISH))
        self._process = publisher.attach(stop=run.stop, on_line=run.log, on_event=self._handle)
        self._process.send(run.driver.order_line(self._order))
        self._began.set()
        self._process.on_end(self._is_over.set)
        self._is_over.wait()
        # Only the platform's answer is a success, and no later error changes it.
        if isinstance(self._answer, Result):
            return self._answer
        try:
            ended = self._process.wait()
        except Exception as error:
            if self._answer is None and self._go_sent:
                raise self._cut(_detail_of(error)) from error
            if self._answer is None:
                raise
            ended = Exit(0, timed_out=False, stopped=False)
        run.stop.raise_if_asked()
        if self._answer is None:
            raise self._silent_end(ended)
        raise self._unreached(self._answer) or self._answer.error

    def _unreached(self, answer: Failure) -> "_Unreached | None":
        """Return the failure, after reopening the fence, if a retry is safe; otherwise None."""
        problem_detail = answer.error.problem_detail
        is_harmless = self._run.job.release.kind is Kind.PREVIEW or not answer.may_have_arrived
        if problem_detail.problem not in _NOTHING_SENT or not is_harmless:
            return None
        if self._go_sent:
            self._run.fence.reopen()
        return _Unreached(problem_detail.problem, **problem_detail.parameters)

    def _silent_end(self, ended: Exit) -> StageFailed:
        seconds = self._run.seconds(Stage.PUBLISH)
        detail = f"> {seconds} s" if ended.timed_out else f"exit code {ended.code}"
        if self._go_sent:
            return self._cut(detail)
        if ended.timed_out:
            return StageFailed(Problem.TIME_LIMIT, seconds=seconds)
        return StageFailed(Problem.PUBLISH_FAILED, detail=detail)

    def _cut(self, detail: str) -> StageFailed:
        # After "go" the platform may have the release, unless its answer says otherwise.
        return StageFailed(Problem.PUBLISH_CUT, host=self._run.job.app.platform, detail=detail)

    def _handle(self, line: str) -> None:
        match self._run.driver.event(line, self._order):
            case Progress(text):
                self._run.log(text)
            case OwnProgress(message):
                self._run.log(self._run.machine.words.of(message))
            case ToolDownload():
                self.has_downloaded = True
            # Without a process it has no order yet.
            case Ready() if self._process and not self._go_sent:
                self._send_go()
            # Events are untrusted: before "go" nothing can have been accepted.
            case Result() as accepted if self._go_sent and self._answer is None:
                self._answer = accepted
                self._is_over.set()
            case Failure() as refused if self._answer is None:
                self._answer = refused
            case Ready() | Result() | Failure() as early:
                detail = type(early).__name__
                raise StageFailed(Problem.PUBLISH_EVENT_UNREADABLE, detail=detail)

    def _send_go(self) -> None:
        self._began.wait()
        # After the fence, a result of the credential check must not stop the run.
        self._run.is_checked.wait()
        assert self._process is not None
        try:
            not_after = self._run.fence.cross()
        except Exception as reason:  # noqa: BLE001 raised again by `result`
            self._run.stop.ask(reason)
            return
        self._go_sent = True
        self._process.send(self._run.driver.go_line(not_after))


def _detail_of(error: Exception) -> str:
    detail = (
        error.problem_detail.parameters.get("detail") if isinstance(error, StageFailed) else None
    )
    return repr(error) if detail is None else str(detail)


def _usable(run: Run) -> StandbyProcess:
    """Return the standby process, or a new one if it is not usable."""
    if run.publisher and run.publisher.is_usable:
        return run.publisher
    if run.publisher:
        run.publisher.close()
    run.publisher = _taken(run)
    return run.publisher


def _taken(run: Run) -> StandbyProcess:
    seconds = sum(run.machine.limits.seconds.values())
    return run.machine.standby.take(run.driver, seconds)


def _order(run: Run, parcel: Path, scratch: Path, *, pack_npm: bool) -> PublishOrder:
    app, release = run.job.app, run.job.release
    return PublishOrder(
        kind=release.kind,
        account=account_of(run),
        route=route_of(run),
        built=parcel,
        project_type=app.project_type,
        version=run.version or release.version or "",
        description=release.description or _described(run),
        robot=release.robot,
        launch=release.launch,
        compile_settings=run.driver.settings.effective(
            {**app.build.compile_settings, **release.compile_settings}
        ),
        pack_npm=pack_npm,
        scratch=scratch,
    )


def _described(run: Run) -> str:
    """Return the default description of a release without one."""
    commit = run.commit
    return f"{commit.subject} ({commit.id[:8]})" if commit else run.job.release.ref
