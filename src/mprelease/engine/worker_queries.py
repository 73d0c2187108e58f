"""Answer worker queries: requests that need this machine's network or disk."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from mprelease.domain.errors import Refused, StageFailed
from mprelease.domain.problems import Problem
from mprelease.domain.projects import Project, ProjectSecret
from mprelease.domain.users import Actor
from mprelease.domain.worker_queries import QueryAnswer, WorkerQuery, WorkerQueryKind
from mprelease.engine.host_health import HostHealth
from mprelease.engine.masking import masked_problem
from mprelease.pipeline.runner import problem_detail_of
from mprelease.platforms import http
from mprelease.platforms.driver import Account, Route
from mprelease.platforms.registry import driver_of
from mprelease.process.limits import NO_LIMITS, ResourceLimits
from mprelease.process.mask import Mask
from mprelease.process.tree import Stop
from mprelease.schemas.apps import App
from mprelease.services import apps, finishing, projects
from mprelease.services.apps import CREDENTIAL
from mprelease.services.context import ServiceContext, open_secrets, owner_of
from mprelease.services.worker_queries import host_asked
from mprelease.source import refs
from mprelease.source.access import Access
from mprelease.source.git import Git
from mprelease.source.repository import Repository, check_ref, host_of
from mprelease.storage import releases, worker_queries
from mprelease.storage.outage import OUTAGE
from mprelease.storage.worker_queries import ClaimedRow

_log = logging.getLogger(__name__)
# Longer than any query takes; afterwards another worker may claim it.
_LEASE_MS = 90_000
_FETCH_SECONDS = 60.0
# A host that has not listed its refs by then counts as silent; pages wait for 25 s.
_HOST_SECONDS = 10.0
# Below this rate (bytes per second) for so long (seconds) git ends a transfer.
_SHORT_TIMEOUTS = {"GIT_HTTP_LOW_SPEED_LIMIT": "100", "GIT_HTTP_LOW_SPEED_TIME": "15"}
_ADDRESS_SECONDS = 5
_LONGEST_ADDRESS = 64
_LONGEST_ADDRESS_PAGE = 64 * 1024  # bytes


@dataclass(frozen=True)
class QueryEnvironment:
    """Where queries run: folder of mirrors, environment of git, route to the platforms.

    `address_url` is a page that returns the client's IP address; `limits` apply to git.
    """

    mirrors: Path
    environment: Mapping[str, str]
    route: Route
    address_url: str | None
    limits: ResourceLimits = NO_LIMITS


class WorkerEnds(Exception):
    """The worker shuts down: another one answers the query."""


@dataclass(frozen=True, eq=False)
class Claimed:
    """A query claimed by this worker, and the host that its answer depends on; "" for none."""

    taken: ClaimedRow
    host: str


@dataclass(frozen=True)
class _Context:
    """Context of one answer: its stop request, and the secrets that were read for it."""

    stop: Stop
    known: list[str] = field(default_factory=list)


class QueryHandler:
    """Answer the queries of one machine; thread-safe."""

    def __init__(self, services: ServiceContext, environment: QueryEnvironment) -> None:
        """Take the services and the environment of this machine."""
        self._services = services
        self._environment = environment
        self._hosts = HostHealth(_HOST_SECONDS)

    def claim(self, labels: Sequence[str], has_room: Callable[[str], bool]) -> Claimed | None:
        """Claim the oldest query of these labels whose host `has_room` accepts."""
        hosts: dict[int, str] = {}

        def may(number: int, query: WorkerQuery) -> bool:
            with self._services.database.reading() as db:
                hosts[number] = host_asked(db, query)
            return has_room(hosts[number])

        taken = worker_queries.claim(self._services.database, labels, _LEASE_MS, may)
        return Claimed(taken, hosts[taken.id]) if taken else None

    def complete(self, claimed: Claimed, stop: Stop) -> None:
        """Answer a claimed query and store the answer; requeue the query if it was stopped."""
        answer = self.answer(claimed.taken.query, stop)
        if answer.problem_detail and stop.reason:
            self.requeue(claimed)
        else:
            self._store(claimed.taken, answer)

    def requeue(self, claimed: Claimed) -> None:
        """Release a claimed query for another worker."""
        try:
            with self._services.database.writing() as db:
                worker_queries.requeue(db, claimed.taken)
        except OUTAGE as outage:
            _log.warning(
                "query %s can be claimed only after its lease: %s", claimed.taken.id, outage
            )

    def _store(self, taken: ClaimedRow, answer: QueryAnswer) -> None:
        try:
            with self._services.database.writing() as db:
                worker_queries.answer(db, taken, answer)
        except OUTAGE:
            raise
        except Exception as error:  # an answer that cannot be stored
            with self._services.database.writing() as db:
                worker_queries.answer(db, taken, QueryAnswer(None, problem_detail_of(error)))
            raise

    def answer(self, query: WorkerQuery, stop: Stop | None = None) -> QueryAnswer:
        """Answer a query in this thread; a failure becomes the answer's problem.

        A stop, with the reason WorkerEnds, ends the commands that are running.
        """
        context = _Context(stop or Stop())
        try:
            return QueryAnswer(self._facts(query, context))
        except (Refused, StageFailed) as failure:
            problem_detail = failure.problem_detail
        except WorkerEnds as end:
            problem_detail = problem_detail_of(end)
        except Exception as error:  # noqa: BLE001 a query must not end the worker
            _log.exception("query %s", query.kind)
            problem_detail = problem_detail_of(error)
        return QueryAnswer(None, masked_problem(problem_detail, Mask(context.known)))

    def _facts(  # noqa: PLR0911 one for each kind
        self, query: WorkerQuery, context: _Context
    ) -> Mapping[str, Any]:
        """Return the facts; secrets that are read meanwhile are added to `context.known`."""
        known = context.known
        match query.kind:
            case WorkerQueryKind.REFS:
                return asdict(self._refs(self._repository(query.subject, known), context.stop))
            case WorkerQueryKind.COMMITS:
                return self._commits(query, context)
            case WorkerQueryKind.CHECK:
                return self._check(query.subject, known)
            case WorkerQueryKind.LAST_VERSION:
                return self._last_version(query.subject, known)
            case WorkerQueryKind.TRIAL_VERSION:
                return self._trial_version(query.subject, known)
            case WorkerQueryKind.FINISH:
                actor = Actor(str(query.arguments["who"]), _actor_id(query))
                return self._finish(int(query.subject), actor, known)
            case WorkerQueryKind.ADDRESS:
                return {"address": self._address()}

    def _refs(self, repository: Repository, stop: Stop) -> refs.Refs:
        """List a repository's refs; raise StageFailed, GIT_HOST_SILENT if the host is silent."""
        host = host_of(repository.url)
        self._hosts.refuse_silent(host)
        try:
            listed = refs.refs(self._git(self._hosts.limit, stop), repository)
        except StageFailed as failure:
            if host and failure.problem_detail.problem is Problem.TIME_LIMIT:
                raise self._hosts.record_silence(host) from None
            raise
        self._hosts.record_answer(host)
        return listed

    def _commits(self, query: WorkerQuery, context: _Context) -> Mapping[str, Any]:
        ref = check_ref(str(query.arguments["ref"]))
        repository = self._repository(query.subject, context.known)
        # The first fetch of a large repository may take long, so the host is probed before it.
        if not self._hosts.has_answered(host_of(repository.url)):
            self._refs(repository, context.stop)
        count = int(query.arguments["count"])
        git = self._git(_FETCH_SECONDS, context.stop)
        newest = refs.commits(git, repository, ref, count)
        return {"commits": [asdict(commit) for commit in newest]}

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

    def _trial_version(self, app_name: str, known: list[str]) -> Mapping[str, Any]:
        with self._services.database.reading() as db:
            app = apps.get(db, app_name)
            (versions,) = releases.used_versions(db, app).values()
        driver = driver_of(app.platform)
        return {"version": driver.trial_version(*self._account(app, known), versions[::-1])}

    def _finish(self, release_id: int, actor: Actor, known: list[str]) -> Mapping[str, Any]:
        with self._services.database.reading() as db:
            release, app = finishing.upload(db, release_id)
        version = str(release.version)
        result = driver_of(app.platform).finish(*self._account(app, known), version)
        finishing.finish(self._services, actor, release_id, result.publication)
        return {"version": version}

    def _account(self, app: App, known: list[str]) -> tuple[Account, Route]:
        with self._services.database.reading() as db:
            secrets = open_secrets(db, self._services, owner_of(app))
        route = self._environment.route
        account = Account(app.platform_app_id, secrets.get(CREDENTIAL, ""))
        known.extend(driver_of(app.platform).secrets_in(account.credential))
        return account, replace(route, proxy=app.proxy or route.proxy)

    def _address(self) -> str:
        url = self._environment.address_url
        if url is None:
            raise Refused(Problem.ADDRESS_PAGE_MISSING)
        try:
            # Through the proxy of the vendors' tools: the platforms check that address.
            with http.client(
                self._environment.route,
                url,
                seconds=_ADDRESS_SECONDS,
                most_bytes=_LONGEST_ADDRESS_PAGE,
            ) as client:
                answer = client.get(url).raise_for_status()
        except StageFailed as failure:
            detail = failure.problem_detail.parameters["detail"]
            raise StageFailed(Problem.ADDRESS_UNKNOWN, url=url, detail=detail) from None
        return answer.text.strip()[:_LONGEST_ADDRESS]


def _actor_id(query: WorkerQuery) -> int | None:
    # Older nodes and the command line send none.
    value = query.arguments.get("who_id")
    return value if isinstance(value, int) else None
