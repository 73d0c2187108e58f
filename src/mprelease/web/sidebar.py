"""What pages show beside their own matter."""

from dataclasses import dataclass

from mprelease.services.context import ServiceContext
from mprelease.storage import lists, workers
from mprelease.storage.lists import ProjectSection


@dataclass(frozen=True)
class Sidebar:
    """What stands around every page: the projects with their apps, and how much runs.

    `unconfined` names the workers that do not confine builds: a matter for administrators.
    """

    sections: list[ProjectSection]
    running: int
    unconfined: list[str]


def sidebar(services: ServiceContext) -> Sidebar:
    """Look around."""
    with services.database.reading() as db:
        return Sidebar(lists.sections(db), lists.count_unfinished(db), workers.unconfined(db))
