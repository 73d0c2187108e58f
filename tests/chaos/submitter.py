"""A node that accepts releases: `python -m chaos.submitter PLAN LIST`.

A release is accepted when `request` has returned and its number stands in the list. After a death
the next life asks again, with the same key, for whatever does not stand there.
"""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from chaos import plan
from chaos.plan import Subscription
from mprelease.application import Application, opened
from mprelease.domain.errors import Refused
from mprelease.domain.users import Actor
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import releases
from mprelease.settings.settings import load
from mprelease.storage.outage import OUTAGE

_BETWEEN_TRIES = 0.2


@dataclass(frozen=True)
class Book:
    """The list of accepted releases; each line is written by one call, so none is ever half."""

    file: Path

    def write(self, key: str, release_id: int) -> None:
        """Write that a release was accepted under this number."""
        descriptor = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(descriptor, f"{key} {release_id}\n".encode())
        os.close(descriptor)

    @property
    def accepted(self) -> list[tuple[str, int]]:
        """Return each key with a number that was told for it; more than once if told again."""
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return [(key, int(number)) for key, number in map(str.split, lines)]


def main(plan_file: Path, book: Book) -> None:
    wanted = plan.load(plan_file)
    done = {key for key, _ in book.accepted}
    application = opened(load())
    with ThreadPoolExecutor(2) as handovers:
        for wish in wanted.wishes:
            if wish.key not in done:
                time.sleep(max(0, wanted.start + wish.at - time.time()))
                clicks = [
                    handovers.submit(_asked, application, wish) for _ in range(1 + wish.doubled)
                ]
                for click in clicks:
                    book.write(wish.key, click.result())
                if wish.repeated:
                    book.write(wish.key, _asked(application, wish))
    application.close()


def _asked(application: Application, wish: Subscription) -> int:
    request = ReleaseRequest(
        app=wish.app,
        kind=wish.kind,
        ref=wish.ref,
        description=wish.description,
        idempotency_key=wish.key,
    )
    while True:
        try:
            return releases.request(application.services, Actor("林"), request)
        except OUTAGE:
            time.sleep(_BETWEEN_TRIES)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Book(Path(sys.argv[2])))
    except Refused as refused:  # The database is away: its keeper starts it again.
        sys.exit(f"{refused!r}"[:300])
