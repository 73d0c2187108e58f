"""The content of the sidebar, which all pages show."""

from dataclasses import dataclass

from mprelease.services.context import ServiceContext
from mprelease.storage import lists, workers
from mprelease.storage.database import Reader
from mprelease.storage.lists import ProjectSection


@dataclass(frozen=True)
class Sidebar:
    """The projects with their apps, and the number of queued and running releases.

    `unconfined` are the names of alive workers without a sandbox, shown to administrators.
    """

    sections: tuple[ProjectSection, ...]
    running: int
    unconfined: list[str]


def sidebar(services: ServiceContext) -> Sidebar:
    """Read the content of the sidebar."""
    with services.database.reading() as db:
        return read(db)


def read(db: Reader) -> Sidebar:
    """Read the content of the sidebar in a transaction of the caller's."""
    return Sidebar(lists.sections(db), lists.count_unfinished(db), workers.unconfined(db))
