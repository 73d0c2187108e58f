"""The QR code of a release, large, with what it is of: a page, and the content of the overlay."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Release
from mprelease.platforms.registry import with_one_trial_code
from mprelease.services import releases
from mprelease.storage import apps, lists, shares
from mprelease.storage.database import Reader
from mprelease.web.context import WebContext
from mprelease.web.identity import CanView, ContextOf
from mprelease.web.rendering import page

router = APIRouter(prefix="/releases", include_in_schema=False)


@router.get("/{release_id}/code")
def show(request: Request, context: ContextOf, session: CanView, release_id: int) -> Response:
    """Show the QR code of a release; the overlay gets the part without the page around it."""
    with context.services.database.reading() as db:
        release = releases.get(db, release_id)
        if release.code is None:
            raise Refused(Problem.NO_QR_CODE, release=release_id)
        shown = shown_with_code(request, context, db, release)
    template = "code_panel.html" if "hx-request" in request.headers else "code.html"
    return page(request, template, **shown)


def shown_with_code(
    request: Request, context: WebContext, db: Reader, release: Release
) -> dict[str, Any]:
    """Return what `code_panel.html` shows of a release."""
    key = shares.key_of(db, release.id)
    base = (context.base_url or str(request.base_url)).rstrip("/")
    return {
        "release": release,
        "app": apps.by_id(db, release.app_id),
        "successor": lists.successors(db, [release.id], with_one_trial_code()).get(release.id),
        "share_address": key and f"{base}/s/{key}",
    }
