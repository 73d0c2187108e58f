"""Ask what only a worker can answer; without one, this machine answers for itself."""

from typing import TYPE_CHECKING, Any

from mprelease.domain.errands import Answer, Errand
from mprelease.domain.errors import StageFailed

if TYPE_CHECKING:
    from mprelease.application import Application

_SECONDS = 90.0
# Whoever types a command wants to know how things are now.
_MAX_AGE = 0.0


def ask(application: "Application", label: str, errand: Errand) -> dict[str, Any]:
    """Return the facts; raise Refused where nobody can answer, StageFailed with the trouble."""
    answer = _answer(application, label, errand)
    if answer.trouble:
        raise StageFailed(answer.trouble.problem, **answer.trouble.parameters)
    return dict(answer.facts or {})


def _answer(application: "Application", label: str, errand: Errand) -> Answer:
    from mprelease.services import errands
    from mprelease.storage import workers

    house = application.house
    with house.database.reading() as db:
        is_served = bool(workers.serving(db, label))
    if application.is_alone and not is_served:
        return application.errands.answer(errand)
    return errands.ask(house, label, errand, seconds=_SECONDS, max_age=_MAX_AGE)
