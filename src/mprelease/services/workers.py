"""Deeds about workers."""

from mprelease.domain.errors import Refused
from mprelease.domain.people import Actor
from mprelease.domain.problems import Problem
from mprelease.services.house import Did, House, record
from mprelease.storage import workers


def drain(house: House, who: Actor, name: str, *, draining: bool) -> None:
    """Let a worker take no more releases, or take some again; raise Refused when there is none."""
    with house.database.writing() as db:
        if not workers.drain(db, name, draining=draining):
            raise Refused(Problem.WORKER_UNKNOWN, name=name)
        record(db, house, who, Did("worker.drain" if draining else "worker.resume", name))
