"""Answer errands: questions that need this machine's network or disk."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from mprelease.domain.apps import App
from mprelease.domain.errands import Answer, Errand, ErrandKind
from mprelease.domain.errors import Refused, StageFailed
from mprelease.domain.people import Actor
from mprelease.domain.problems import Problem
from mprelease.domain.projects import Project, ProjectSecret
from mprelease.engine.host_health import HostHealth
from mprelease.engine.masking import masked_trouble
from mprelease.pipeline.runner import trouble_of
from mprelease.platforms.driver import Account, Link
from mprelease.platforms.registry import driver_of
from mprelease.process.limits import NO_LIMITS, ResourceLimits
from mprelease.process.mask import Mask
from mprelease.process.tree import Stop
from mprelease.services import apps, finishing, projects
from mprelease.services.apps import CREDENTIAL
from mprelease.services.house import House, open_secrets, owner_of
from mprelease.source import refs
from mprelease.source.access import Access
from mprelease.source.git import Git
from mprelease.source.repository import Repository, check_ref, host_of
from mprelease.storage import errands
from mprelease.storage.errands import Taken
from mprelease.storage.outage import OUTAGE

_log = logging.getLogger(__name__)
# Everything in an errand takes less; after that another worker may try.
_LEASE_MS = 90_000
_FETCH_SECONDS = 60.0
# A host that has not told its refs by then is silent; pages wait for 25 s.
_HOST_SECONDS = 10.0
# A transfer that has stopped, in bytes per second and seconds.
_IMPATIENT = {"GIT_HTTP_LOW_SPEED_LIMIT": "100", "GIT_HTTP_LOW_SPEED_TIME": "15"}
_ADDRESS_SECONDS = 5
_LONGEST_ADDRESS = 64


@dataclass(frozen=True)
class Outside:
    """What this machine has of the world: mirrors, what git inherits, the way to the platforms.

    `address_url` is a page that answers with its caller's address, `limits` bound git.
    """

    mirrors: Path
    environment: Mapping[str, str]
    link: Link
    address_url: str | None
    limits: ResourceLimits = NO_LIMITS


@dataclass(frozen=True)
class Claimed:
    """An errand that is ours to answer, and the host that has to be asked; "" for none."""

    taken: Taken
    host: str


class Errands:
    """Answer for one machine; from any thread."""

    def __init__(self, house: House, outside: Outside) -> None:
        """Take the house and this machine's view of the world."""
        self._house = house
        self._outside = outside
        self._hosts = HostHealth(_HOST_SECONDS)

    def claim(self, labels: Sequence[str], has_room: Callable[[str], bool]) -> Claimed | None:
        """Take the oldest errand of these labels about whose host `has_room` says yes."""
        hosts: dict[int, str] = {}

        def may(number: int, errand: Errand) -> bool:
            hosts[number] = self._host_of(errand)
            return has_room(hosts[number])

        taken = errands.claim(self._house.database, labels, _LEASE_MS, may)
        return Claimed(taken, hosts[taken.id]) if taken else None

    def complete(self, claimed: Claimed) -> None:
        """Answer an errand that was claimed, and store the answer."""
        self._store(claimed.taken, self.answer(claimed.taken.errand))

    def _store(self, taken: Taken, given: Answer) -> None:
        try:
            with self._house.database.writing() as db:
                errands.answer(db, taken, given)
        except OUTAGE:
            raise
        except Exception as error:  # an answer that the database does not take
            with self._house.database.writing() as db:
                errands.answer(db, taken, Answer(None, trouble_of(error)))
            raise

    def answer(self, errand: Errand) -> Answer:
        """Answer here and now; whatever stands in the way is the answer's trouble."""
        known: list[str] = []
        try:
            return Answer(self._facts(errand, known))
        except (Refused, StageFailed) as failure:
            trouble = failure.trouble
        except Exception as error:  # noqa: BLE001 a worker outlives whatever it is asked
            _log.exception("errand %s", errand.kind)
            trouble = trouble_of(error)
        return Answer(None, masked_trouble(trouble, Mask(known)))

    def _facts(self, errand: Errand, known: list[str]) -> Mapping[str, Any]:
        """Find out what is asked, and add the secrets that this takes to `known`."""
        match errand.kind:
            case ErrandKind.REFS:
                return asdict(self._refs(self._repository(errand.subject, known)))
            case ErrandKind.COMMITS:
                return self._commits(errand, known)
            case ErrandKind.CHECK:
                return self._check(errand.subject, known)
            case ErrandKind.LAST_VERSION:
                return self._last_version(errand.subject, known)
            case ErrandKind.FINISH:
                who = Actor(str(errand.arguments["who"]), _who_id(errand))
                return self._finish(int(errand.subject), who, known)
            case ErrandKind.ADDRESS:
                return {"address": self._address()}

    def _host_of(self, errand: Errand) -> str:
        """Return which host an errand depends on, or the platform: a silent one holds up others."""
        try:
            with self._house.database.reading() as db:
                if errand.kind in {ErrandKind.REFS, ErrandKind.COMMITS}:
                    return host_of(projects.found(db, errand.subject).repository)
                if errand.kind in {ErrandKind.CHECK, ErrandKind.LAST_VERSION}:
                    return apps.found(db, errand.subject).platform
        except Refused:
            return ""  # The answer will say so, and needs no host.
        return errand.kind

    def _refs(self, repository: Repository) -> refs.Refs:
        """Ask a repository's host for its refs; raise StageFailed, GIT_HOST_SILENT if it is."""
        host = host_of(repository.url)
        self._hosts.refuse_silent(host)
        try:
            found = refs.refs(self._git(self._hosts.limit), repository)
        except StageFailed as failure:
            if host and failure.trouble.problem is Problem.TIME_LIMIT:
                raise self._hosts.was_silent(host) from None
            raise
        self._hosts.answered(host)
        return found

    def _commits(self, errand: Errand, known: list[str]) -> Mapping[str, Any]:
        ref = check_ref(str(errand.arguments["ref"]))
        repository = self._repository(errand.subject, known)
        # The first fetch of a large repository takes its time: only a host that answers gets it.
        if not self._hosts.answers(host_of(repository.url)):
            self._refs(repository)
        count = int(errand.arguments["count"])
        found = refs.commits(self._git(_FETCH_SECONDS), repository, ref, count)
        return {"commits": [asdict(commit) for commit in found]}

    def _repository(self, project_name: str, known: list[str]) -> Repository:
        with self._house.database.reading() as db:
            project: Project = projects.found(db, project_name)
            secrets = projects.opened_secrets(db, self._house, project)
        access = Access(secrets.get(ProjectSecret.GIT_TOKEN), secrets.get(ProjectSecret.SSH_KEY))
        known.extend(access.secrets)
        return Repository(project.repository, access)

    def _git(self, seconds: float) -> Git:
        return Git(
            self._outside.mirrors,
            {**self._outside.environment, **_IMPATIENT},
            stop=Stop(),
            on_line=lambda _: None,
            time_limit=seconds,
            disk_limit=self._outside.limits.disk,
            memory_limit=self._outside.limits.memory,
        )

    def _check(self, app_name: str, known: list[str]) -> Mapping[str, Any]:
        with self._house.database.reading() as db:
            app = apps.found(db, app_name)
        driver_of(app.platform).check(*self._account(app, known))
        return {"app_id": app.platform_app_id}

    def _last_version(self, app_name: str, known: list[str]) -> Mapping[str, Any]:
        with self._house.database.reading() as db:
            app = apps.found(db, app_name)
        return {"version": driver_of(app.platform).last_version(*self._account(app, known))}

    def _finish(self, release_id: int, who: Actor, known: list[str]) -> Mapping[str, Any]:
        with self._house.database.reading() as db:
            release, app = finishing.upload(db, release_id)
        version = str(release.version)
        result = driver_of(app.platform).finish(*self._account(app, known), version)
        finishing.finish(self._house, who, release_id, result.publication)
        return {"version": version}

    def _account(self, app: App, known: list[str]) -> tuple[Account, Link]:
        with self._house.database.reading() as db:
            secrets = open_secrets(db, self._house, owner_of(app))
        link = self._outside.link
        account = Account(app.platform_app_id, secrets.get(CREDENTIAL, ""))
        known.extend(driver_of(app.platform).secrets_in(account.credential))
        return account, replace(link, proxy=app.proxy or link.proxy)

    def _address(self) -> str:
        # It takes a fifth of a second to load, which no start should wait for.
        import httpx  # noqa: PLC0415

        if self._outside.address_url is None:
            raise Refused(Problem.ADDRESS_PAGE_MISSING)
        try:
            # The way that the vendors' tools take: it is their platforms that keep lists.
            with httpx.Client(proxy=self._outside.link.proxy, trust_env=False) as client:
                answer = client.get(self._outside.address_url, timeout=_ADDRESS_SECONDS)
            answer.raise_for_status()
        except (httpx.HTTPError, OSError) as error:
            detail = str(error) or type(error).__name__
            raise StageFailed(
                Problem.ADDRESS_UNKNOWN, url=self._outside.address_url, detail=detail
            ) from None
        return answer.text.strip()[:_LONGEST_ADDRESS]


def _who_id(errand: Errand) -> int | None:
    # An older node, and whoever sits at a terminal, gives none.
    given = errand.arguments.get("who_id")
    return given if isinstance(given, int) else None
