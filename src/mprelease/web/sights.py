"""What pages show beside their own matter."""

from dataclasses import dataclass

from mprelease.services.house import House
from mprelease.storage import lists, workers
from mprelease.storage.lists import Section


@dataclass(frozen=True)
class Frame:
    """What stands around every page: the projects with their apps, and how much runs.

    `unconfined` names the workers that do not confine builds: a matter for administrators.
    """

    sections: list[Section]
    running: int
    unconfined: list[str]


def frame(house: House) -> Frame:
    """Look around."""
    with house.database.reading() as db:
        return Frame(lists.sections(db), lists.count_unfinished(db), workers.unconfined(db))
