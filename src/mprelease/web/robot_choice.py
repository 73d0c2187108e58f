"""The choice of a robot in the form of a release."""

from typing import Any

from mprelease.domain.robots import names_in
from mprelease.domain.users import Actor
from mprelease.platforms.registry import driver_of
from mprelease.schemas.apps import App
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import robots
from mprelease.storage.database import Reader


def shown_choice(db: Reader, app: App, who: Actor, ref: str) -> dict[str, Any]:
    """Return `robots`, by number as they are shown, named ones first, and the automatic `choice`.

    Both are empty for a platform without robots.
    """
    numbers = driver_of(app.platform).robots
    if not numbers:
        return {"robots": {}, "choice": None}
    names = {each: name for each, name in names_in(app.robot_names).items() if each in numbers}
    named = {number: f"{number} {name}" for number, name in names.items()}
    wanted = ReleaseRequest(app=app.name)
    others = {number: str(number) for number in numbers if number not in named}
    return {
        "robots": named | others,
        "choice": robots.facts(db, who, [app]).choose(app, wanted, ref),
    }
