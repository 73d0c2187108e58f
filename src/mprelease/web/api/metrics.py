"""Metrics for Prometheus, in its text format."""

from collections.abc import Iterator, Mapping

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from mprelease.storage import workers
from mprelease.web.identity import CanManage, ContextOf

router = APIRouter(prefix="/api/v1", include_in_schema=False)
_MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@router.get("/metrics")
def show(context: ContextOf, session: CanManage) -> PlainTextResponse:
    """Return the number of failures of long-lived loops: of this node, and of each worker."""
    with context.services.database.reading() as db:
        of_workers = {one.name: one.loop_failures for one in workers.every(db)}
    lines = [
        *_counter(
            "mprelease_loop_failures_total",
            "Failed turns of this node's long-lived loops, since it began.",
            "loop",
            context.loops.failures.by_loop(),
        ),
        *_counter(
            "mprelease_worker_loop_failures_total",
            "Failed turns of a worker's long-lived loops, since it began.",
            "worker",
            of_workers,
        ),
    ]
    return PlainTextResponse("".join(f"{line}\n" for line in lines), media_type=_MEDIA_TYPE)


def _counter(name: str, promise: str, label: str, values: Mapping[str, int]) -> Iterator[str]:
    yield f"# HELP {name} {promise}"
    yield f"# TYPE {name} counter"
    for key, value in sorted(values.items()):
        escaped = key.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
        yield f'{name}{{{label}="{escaped}"}} {value}'
