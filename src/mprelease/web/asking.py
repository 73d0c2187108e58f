"""What pages and programs have workers do, the same for both."""

from mprelease.domain.errands import Errand, ErrandKind
from mprelease.domain.errors import TroubleError
from mprelease.services import finishing
from mprelease.services.door import Visit
from mprelease.web.hall import Hall

_FINISH_SECONDS = 90.0
_ADDRESS_SECONDS, _ADDRESS_AGE = 10.0, 60.0


def finish(hall: Hall, visit: Visit, release_id: int) -> None:
    """Have the step done that an accepted upload has missed; raise Refused or StageFailed."""
    with hall.house.database.reading() as db:
        _, app = finishing.upload(db, release_id)
    who: dict[str, str | int] = {"who": visit.user.name, "who_id": visit.user.id}
    errand = Errand(ErrandKind.FINISH, str(release_id), who)
    hall.ask(app.label, errand, seconds=_FINISH_SECONDS, max_age=0)


def outside_address(hall: Hall, label: str) -> str | None:
    """Return how the workers of a label are seen outside, None where nobody can tell."""
    errand = Errand(ErrandKind.ADDRESS)
    try:
        facts = hall.ask(label, errand, seconds=_ADDRESS_SECONDS, max_age=_ADDRESS_AGE)
    except TroubleError:
        return None
    return str(facts["address"])
