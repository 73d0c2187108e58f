"""Shared QR codes: pages that are shown without a login to everyone with their URL."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Message, Problem
from mprelease.platforms.registry import with_one_trial_code
from mprelease.services import renewal, shares
from mprelease.storage import lists
from mprelease.storage import releases as stored
from mprelease.web.flash import done
from mprelease.web.identity import CanRelease, ContextOf
from mprelease.web.rendering import page

router = APIRouter(include_in_schema=False)
# The URL is a secret: keep it out of search engines and of the logs of other sites.
_PRIVATE_HEADERS = {"X-Robots-Tag": "noindex, nofollow", "Referrer-Policy": "no-referrer"}


@router.post("/releases/{release_id}/share")
def share(context: ContextOf, session: CanRelease, release_id: int) -> Response:
    """Create a URL at which a QR code is shown without a login."""
    shares.share(context.services, session.user.actor, release_id)
    return done(context, f"/releases/{release_id}", Message("done.code_shared", {"id": release_id}))


@router.post("/releases/{release_id}/withdraw")
def withdraw(context: ContextOf, session: CanRelease, release_id: int) -> Response:
    """Remove the URL of a shared QR code."""
    shares.withdraw(context.services, session.user.actor, release_id)
    return done(
        context, f"/releases/{release_id}", Message("done.code_withdrawn", {"id": release_id})
    )


@router.get("/s/{key}")
def show(request: Request, context: ContextOf, key: str) -> Response:
    """Show a shared QR code, or the one that has taken its place; made for phones, no login."""
    services = context.services
    renewal.follow(services, key)
    with services.database.reading() as db:
        release = shares.shared(db, key)
        if release.code is None:
            raise Refused(Problem.PAGE_UNKNOWN)
        newer = renewal.of(db, release)
        may_renew = renewal.is_renewable(db, release) and not (newer and newer.state.is_final)
        shown: dict[str, Any] = {
            "release": release,
            "key": key,
            "successor": lists.successors(db, [release.id], with_one_trial_code()).get(release.id),
            "renews": may_renew,
            "is_renewing": may_renew and newer is not None,
        }
    answer = page(request, "shared.html", **shown)
    answer.headers.update(_PRIVATE_HEADERS)
    return answer


@router.post("/s/{key}/renew")
def renew(context: ContextOf, key: str) -> Response:
    """Request a new code in place of a shared one that has ended, if its app allows that."""
    renewal.renew(context.services, key)
    return done(context, f"/s/{key}", Message("done.code_renewing"))


@router.get("/s/{key}/qr-code")
def qr_code(context: ContextOf, key: str) -> Response:
    """Return the image of a shared QR code."""
    with context.services.database.reading() as db:
        found = stored.qr_code(db, shares.shared(db, key).id)
    if found is None:
        raise Refused(Problem.PAGE_UNKNOWN)
    return Response(found[0], media_type=found[1], headers=_PRIVATE_HEADERS)
