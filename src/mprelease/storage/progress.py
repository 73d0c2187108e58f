"""Read what is shown of unfinished releases: stages, estimates, and places in the queue."""

from collections.abc import Sequence
from dataclasses import replace

from mprelease.domain.releases import Release, State
from mprelease.storage import queue_places
from mprelease.storage.database import Reader
from mprelease.storage.estimates import Estimates
from mprelease.storage.releases import stages_of


def with_progress(db: Reader, estimates: Estimates, releases: Sequence[Release]) -> list[Release]:
    """Return releases, the unfinished ones with stages, estimate and place in the queue.

    The number of queries does not depend on that of the releases.
    """
    unfinished = {one.id: one for one in releases if not one.state.is_final}
    if not unfinished:
        return list(releases)
    stages = stages_of(db, [one.id for one in unfinished.values() if not one.stages])
    complete = [
        replace(one, stages=tuple(stages.get(one.id, one.stages))) for one in unfinished.values()
    ]
    usual = estimates.of(db, complete)
    places = queue_places.places(db, {one.id for one in complete if one.state is State.QUEUED})
    shown = {
        one.id: replace(one, estimate=usual.get(one.id), queue=places.get(one.id))
        for one in complete
    }
    return [shown.get(one.id, one) for one in releases]
