"""A node that accepts releases: `python -m chaos.submitter PLAN LIST`.

A release is accepted when `request` has returned and its number stands in the list. After a death
the next life repeats the requests that are not in it, with the same keys.
"""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from chaos import plan
from chaos.plan import PlannedRelease
from mprelease.application import Application, opened
from mprelease.domain.errors import Refused
from mprelease.domain.users import Actor
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import releases
from mprelease.settings.settings import load
from mprelease.storage.outage import OUTAGE

_BETWEEN_TRIES = 0.2


@dataclass(frozen=True)
class AcceptedList:
    """The list of accepted releases; each line is written by one call, so none is ever half."""

    file: Path

    def write(self, key: str, release_id: int) -> None:
        """Write that a release was accepted under this number."""
        descriptor = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(descriptor, f"{key} {release_id}\n".encode())
        os.close(descriptor)

    @property
    def accepted(self) -> list[tuple[str, int]]:
        """Return each key with the number that was returned for it, once for each time."""
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return [(key, int(number)) for key, number in map(str.split, lines)]


def main(plan_file: Path, accepted_list: AcceptedList) -> None:
    wanted = plan.load(plan_file)
    done = {key for key, _ in accepted_list.accepted}
    application = opened(load())
    with ThreadPoolExecutor(2) as threads:
        for planned in wanted.releases:
            if planned.key not in done:
                time.sleep(max(0, wanted.start + planned.at - time.time()))
                clicks = [
                    threads.submit(_request, application, planned)
                    for _ in range(1 + planned.doubled)
                ]
                for click in clicks:
                    accepted_list.write(planned.key, click.result())
                if planned.repeated:
                    accepted_list.write(planned.key, _request(application, planned))
    application.close()


def _request(application: Application, planned: PlannedRelease) -> int:
    request = ReleaseRequest(
        app=planned.app,
        kind=planned.kind,
        ref=planned.ref,
        description=planned.description,
        idempotency_key=planned.key,
    )
    while True:
        try:
            return releases.request(application.services, Actor("林"), request)
        except OUTAGE:
            time.sleep(_BETWEEN_TRIES)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), AcceptedList(Path(sys.argv[2])))
    except Refused as refused:  # The database is away: its keeper starts it again.
        sys.exit(f"{refused!r}"[:300])
