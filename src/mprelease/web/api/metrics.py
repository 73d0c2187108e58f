"""Metrics for Prometheus, in its text format."""

import hmac
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.users import Permission
from mprelease.web.context import context_of
from mprelease.web.identity import METRICS, ContextOf, RequiredRight, bearer_of, session_of

router = APIRouter(include_in_schema=False)


class MetricsRight(RequiredRight):
    """A dependency that requires the token of the metrics, or else the right to manage."""

    async def __call__(self, request: Request) -> None:  # type: ignore[override]
        """Raise Refused without either."""
        token, given = context_of(request).metrics.config.token, bearer_of(request)
        # Compared first: Prometheus must get an answer while the database is unreachable.
        if token and given and hmac.compare_digest(given.encode(), token.encode()):
            return
        session = await run_in_threadpool(session_of, request)
        if session is None:
            raise Refused(Problem.LOGIN_NEEDED)
        if not session.user.role.may(self.right):
            raise Refused(Problem.FORBIDDEN)


CanReadMetrics = Annotated[None, Depends(MetricsRight(Permission.MANAGE))]


@router.get(METRICS)
# The address of earlier versions.
@router.get("/api/v1/metrics")
def show(context: ContextOf, _: CanReadMetrics) -> Response:
    """Return the metrics of this node, and those of releases and workers."""
    text = context.metrics.text(
        context.services.database, context.connections.count, context.loops.failures
    )
    return Response(text, media_type=CONTENT_TYPE_LATEST)
