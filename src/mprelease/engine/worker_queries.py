"""Answer queries: questions that need this machine's network or disk."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from mprelease.domain.apps import App
from mprelease.domain.errors import Refused, StageFailed
from mprelease.domain.problems import Problem
from mprelease.domain.projects import Project, ProjectSecret
from mprelease.domain.users import Actor
from mprelease.domain.worker_queries import QueryAnswer, WorkerQuery, WorkerQueryKind
from mprelease.engine.host_health import HostHealth
from mprelease.engine.masking import masked_problem
from mprelease.pipeline.runner import problem_detail_of
from mprelease.platforms.driver import Account, Route
from mprelease.platforms.registry import driver_of
from mprelease.process.limits import NO_LIMITS, ResourceLimits
from mprelease.process.mask import Mask
from mprelease.process.tree import Stop
from mprelease.services import apps, finishing, projects
from mprelease.services.apps import CREDENTIAL
from mprelease.services.context import ServiceContext, open_secrets, owner_of
from mprelease.source import refs
from mprelease.source.access import Access
from mprelease.source.git import Git
from mprelease.source.repository import Repository, check_ref, host_of
from mprelease.storage import worker_queries
from mprelease.storage.outage import OUTAGE
from mprelease.storage.worker_queries import ClaimedRow

_log = logging.getLogger(__name__)
# Everything in a query takes less; after that another worker may try.
_LEASE_MS = 90_000
_FETCH_SECONDS = 60.0
# A host that has not told its refs by then is silent; pages wait for 25 s.
_HOST_SECONDS = 10.0
# A transfer that has stopped, in bytes per second and seconds.
_SHORT_TIMEOUTS = {"GIT_HTTP_LOW_SPEED_LIMIT": "100", "GIT_HTTP_LOW_SPEED_TIME": "15"}
_ADDRESS_SECONDS = 5
_LONGEST_ADDRESS = 64


@dataclass(frozen=True)
class QueryEnvironment:
    """What this machine has of the world: mirrors, what git inherits, the way to the platforms.

    `address_url` is a page that answers with its caller's address, `limits` bound git.
    """

    mirrors: Path
    environment: Mapping[str, str]
    route: Route
    address_url: str | None
    limits: ResourceLimits = NO_LIMITS


class WorkerEnds(Exception):
    """The worker is told to end: another one answers."""


@dataclass(frozen=True, eq=False)
class Claimed:
    """A query that is ours to answer, and the host that has to be asked; "" for none."""

    taken: ClaimedRow
    host: str


@dataclass(frozen=True)
class _Course:
    """How a query is answered: what ends it early, and the secrets that it has met."""

    stop: Stop
    known: list[str] = field(default_factory=list)


class QueryHandler:
    """Answer for one machine; from any thread."""

    def __init__(self, services: ServiceContext, outside: QueryEnvironment) -> None:
        """Take the services, and what this machine offers."""
        self._services = services
        self._environment = outside
        self._hosts = HostHealth(_HOST_SECONDS)

    def claim(self, labels: Sequence[str], has_room: Callable[[str], bool]) -> Claimed | None:
        """Take the oldest query of these labels about whose host `has_room` says yes."""
        hosts: dict[int, str] = {}

        def may(number: int, query: WorkerQuery) -> bool:
            hosts[number] = self._host_of(query)
            return has_room(hosts[number])

        taken = worker_queries.claim(self._services.database, labels, _LEASE_MS, may)
        return Claimed(taken, hosts[taken.id]) if taken else None

    def complete(self, claimed: Claimed, stop: Stop) -> None:
        """Answer a query that was claimed, and store the answer; hand it back if stopped."""
        given = self.answer(claimed.taken.query, stop)
        if given.problem_detail and stop.reason:
            self.requeue(claimed)
        else:
            self._store(claimed.taken, given)

    def requeue(self, claimed: Claimed) -> None:
        """Leave a claimed query to another worker."""
        try:
            with self._services.database.writing() as db:
                worker_queries.requeue(db, claimed.taken)
        except OUTAGE as outage:
            _log.warning("query %s is taken when its lease ends: %s", claimed.taken.id, outage)

    def _store(self, taken: ClaimedRow, given: QueryAnswer) -> None:
        try:
            with self._services.database.writing() as db:
                worker_queries.answer(db, taken, given)
        except OUTAGE:
            raise
        except Exception as error:  # an answer that the database does not take
            with self._services.database.writing() as db:
                worker_queries.answer(db, taken, QueryAnswer(None, problem_detail_of(error)))
            raise

    def answer(self, query: WorkerQuery, stop: Stop | None = None) -> QueryAnswer:
        """Answer here and now; whatever fails is the answer's problem.

        A stop, for the reason WorkerEnds, ends what can be ended.
        """
        course = _Course(stop or Stop())
        try:
            return QueryAnswer(self._facts(query, course))
        except (Refused, StageFailed) as failure:
            problem_detail = failure.problem_detail
        except WorkerEnds as end:
            problem_detail = problem_detail_of(end)
        except Exception as error:  # noqa: BLE001 a worker outlives whatever it is asked
            _log.exception("query %s", query.kind)
            problem_detail = problem_detail_of(error)
        return QueryAnswer(None, masked_problem(problem_detail, Mask(course.known)))

    def _facts(self, query: WorkerQuery, course: _Course) -> Mapping[str, Any]:
        """Find out what is asked, and add the secrets that this takes to those that are known."""
        known = course.known
        match query.kind:
            case WorkerQueryKind.REFS:
                return asdict(self._refs(self._repository(query.subject, known), course.stop))
            case WorkerQueryKind.COMMITS:
                return self._commits(query, course)
            case WorkerQueryKind.CHECK:
                return self._check(query.subject, known)
            case WorkerQueryKind.LAST_VERSION:
                return self._last_version(query.subject, known)
            case WorkerQueryKind.FINISH:
                who = Actor(str(query.arguments["who"]), _who_id(query))
                return self._finish(int(query.subject), who, known)
            case WorkerQueryKind.ADDRESS:
                return {"address": self._address()}

    def _host_of(self, query: WorkerQuery) -> str:
        """Return which host a query depends on, or the platform: a silent one holds up others."""
        try:
            with self._services.database.reading() as db:
                if query.kind in {WorkerQueryKind.REFS, WorkerQueryKind.COMMITS}:
                    return host_of(projects.get(db, query.subject).repository)
                if query.kind in {WorkerQueryKind.CHECK, WorkerQueryKind.LAST_VERSION}:
                    return apps.get(db, query.subject).platform
        except Refused:
            return ""  # The answer will say so, and needs no host.
        return query.kind

    def _refs(self, repository: Repository, stop: Stop) -> refs.Refs:
        """Ask a repository's host for its refs; raise StageFailed, GIT_HOST_SILENT if it is."""
        host = host_of(repository.url)
        self._hosts.refuse_silent(host)
        try:
            found = refs.refs(self._git(self._hosts.limit, stop), repository)
        except StageFailed as failure:
            if host and failure.problem_detail.problem is Problem.TIME_LIMIT:
                raise self._hosts.was_silent(host) from None
            raise
        self._hosts.answered(host)
        return found

    def _commits(self, query: WorkerQuery, course: _Course) -> Mapping[str, Any]:
        ref = check_ref(str(query.arguments["ref"]))
        repository = self._repository(query.subject, course.known)
        # The first fetch of a large repository takes its time: only a host that answers gets it.
        if not self._hosts.answers(host_of(repository.url)):
            self._refs(repository, course.stop)
        count = int(query.arguments["count"])
        git = self._git(_FETCH_SECONDS, course.stop)
        found = refs.commits(git, repository, ref, count)
        return {"commits": [asdict(commit) for commit in found]}

    def _repository(self, project_name: str, known: list[str]) -> Repository:
        with self._services.database.reading() as db:
            project: Project = projects.get(db, project_name)
            secrets = projects.opened_secrets(db, self._services, project)
        access = Access(secrets.get(ProjectSecret.GIT_TOKEN), secrets.get(ProjectSecret.SSH_KEY))
        known.extend(access.secrets)
        return Repository(project.repository, access)

    def _git(self, seconds: float, stop: Stop) -> Git:
        return Git(
            self._environment.mirrors,
            {**self._environment.environment, **_SHORT_TIMEOUTS},
            stop=stop,
            on_line=lambda _: None,
            time_limit=seconds,
            disk_limit=self._environment.limits.disk,
            memory_limit=self._environment.limits.memory,
        )

    def _check(self, app_name: str, known: list[str]) -> Mapping[str, Any]:
        with self._services.database.reading() as db:
            app = apps.get(db, app_name)
        driver_of(app.platform).check(*self._account(app, known))
        return {"app_id": app.platform_app_id}

    def _last_version(self, app_name: str, known: list[str]) -> Mapping[str, Any]:
        with self._services.database.reading() as db:
            app = apps.get(db, app_name)
        return {"version": driver_of(app.platform).last_version(*self._account(app, known))}

    def _finish(self, release_id: int, who: Actor, known: list[str]) -> Mapping[str, Any]:
        with self._services.database.reading() as db:
            release, app = finishing.upload(db, release_id)
        version = str(release.version)
        result = driver_of(app.platform).finish(*self._account(app, known), version)
        finishing.finish(self._services, who, release_id, result.publication)
        return {"version": version}

    def _account(self, app: App, known: list[str]) -> tuple[Account, Route]:
        with self._services.database.reading() as db:
            secrets = open_secrets(db, self._services, owner_of(app))
        route = self._environment.route
        account = Account(app.platform_app_id, secrets.get(CREDENTIAL, ""))
        known.extend(driver_of(app.platform).secrets_in(account.credential))
        return account, replace(route, proxy=app.proxy or route.proxy)

    def _address(self) -> str:
        # It takes a fifth of a second to load, which no start should wait for.
        import httpx  # noqa: PLC0415

        if self._environment.address_url is None:
            raise Refused(Problem.ADDRESS_PAGE_MISSING)
        try:
            # The way that the vendors' tools take: it is their platforms that keep lists.
            with httpx.Client(proxy=self._environment.route.proxy, trust_env=False) as client:
                answer = client.get(self._environment.address_url, timeout=_ADDRESS_SECONDS)
            answer.raise_for_status()
        except (httpx.HTTPError, OSError) as error:
            detail = str(error) or type(error).__name__
            raise StageFailed(
                Problem.ADDRESS_UNKNOWN, url=self._environment.address_url, detail=detail
            ) from None
        return answer.text.strip()[:_LONGEST_ADDRESS]


def _who_id(query: WorkerQuery) -> int | None:
    # An older node, and whoever sits at a terminal, gives none.
    given = query.arguments.get("who_id")
    return given if isinstance(given, int) else None
