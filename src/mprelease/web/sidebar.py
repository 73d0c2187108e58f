"""The content of the sidebar, which all pages show."""

from collections.abc import Mapping
from dataclasses import dataclass

from mprelease.services.context import ServiceContext
from mprelease.storage import lists, workers
from mprelease.storage.database import Reader
from mprelease.storage.lists import ProjectSection


@dataclass(frozen=True)
class Sidebar:
    """The projects with their apps, and the number of queued and running releases.

    `unconfined` are the names of alive workers without a sandbox, shown to administrators.
    `unserved` are the labels that no alive worker takes, with the numbers of releases that wait.
    """

    sections: tuple[ProjectSection, ...]
    running: int
    unconfined: list[str]
    unserved: Mapping[str, int]


def sidebar(services: ServiceContext) -> Sidebar:
    """Read the content of the sidebar."""
    with services.database.reading() as db:
        return read(db)


def read(db: Reader) -> Sidebar:
    """Read the content of the sidebar in a transaction of the caller's."""
    unfinished, unconfined = lists.count_unfinished(db), workers.unconfined(db)
    return Sidebar(lists.sections(db), unfinished, unconfined, workers.unserved_labels(db))
