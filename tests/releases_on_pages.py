"""Releases as pages show them: with a QR code, or half done."""

from dataclasses import asdict

from mprelease.domain.codes import Lifetime
from mprelease.domain.releases import Commit, State
from mprelease.storage import queue
from mprelease.storage import releases as stored
from web_clients import Site

COMMIT = Commit("a" * 40, "林", "修复支付", 0)


def ended_with_code(
    site: Site, release_id: int, lifetime: Lifetime, *, age: int = 0, again: bool = False
) -> None:
    """End a release with a code that was made `age` ms ago; with `again` replace its code."""
    if not again:
        lease = queue.claim(site.services.database, release_id, "worker", f"token {release_id}")
        assert lease
    with site.services.database.writing() as db:
        if not again:
            queue.write(db, lease, commit=asdict(COMMIT), artifact="built")
            queue.end(db, lease, State.SUCCEEDED)
        image, at = f"code of {release_id}".encode(), site.services.now() - age
        stored.put_qr_code(db, release_id, image, "image/png", at, lifetime)
