"""Show records as tables for people and as JSON for programs."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mprelease.cli.terminal import sanitized_json
from mprelease.cli.translation import t
from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.domain.releases import Release, StageRecord

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def as_json(value: object) -> None:
    """Print a value as JSON on standard output."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    sys.stdout.write(f"{sanitized_json(text)}\n")


def plain(record: "DataclassInstance") -> dict[str, Any]:
    """Return a record as JSON takes it."""
    return asdict(record)


def record(fields: Mapping[str, object], *, json: bool) -> None:
    """Print one record, a line per field or as JSON."""
    if json:
        as_json(fields)
        return
    width = max(map(len, fields))
    for name, value in fields.items():
        print(f"{name:{width}}  {_text(value)}")  # noqa: T201 the command's answer


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows below their columns, or say that there is nothing."""
    if not rows:
        print(t("cli.nothing"))  # noqa: T201 the command's answer
        return
    from rich.cells import cell_len, set_cell_size

    lines = [[t(f"column.{name}") for name in columns], *rows]
    widths = [max(map(cell_len, cells)) for cells in zip(*lines, strict=True)]
    for line in lines:
        cells = (set_cell_size(cell, width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())  # noqa: T201 the command's answer


def release(release: Release, qr_code: Path | None) -> dict[str, object]:
    """Return a release as `--json` promises it."""
    return {
        "id": release.id,
        "app": release.app_name,
        "platform": release.platform,
        "state": release.state,
        "kind": release.kind,
        "ref": release.ref,
        "ref_name": release.ref_name,
        "environment": release.environment,
        "robot": release.robot,
        "commit": _commit(release),
        "version": release.version,
        "description": release.description,
        "stages": [_stage(stage) for stage in release.stages],
        "sizes": asdict(release.sizes) if release.sizes else None,
        "qr_code": str(qr_code) if qr_code else None,
        "warnings": [t.of(warning) for warning in release.warnings],
        "error": _error(release),
    }


def problem_detail(told: ProblemDetail) -> dict[str, object]:
    """Return a problem with its sentences, for JSON."""
    is_quoted = told.problem is Problem.SERVER_SAYS
    return {
        # What a server says of its releases names the problem itself.
        "problem": told.parameters["code"] if is_quoted else told.problem,
        "message": t.of(told.message),
        "remedy": t.of(told.remedy),
    }


def moment(milliseconds: int | None) -> str | None:
    """Return a time as ISO 8601 in UTC, or None."""
    if milliseconds is None:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")


def _commit(release: Release) -> dict[str, object] | None:
    if release.commit is None:
        return None
    return {**asdict(release.commit), "time": moment(release.commit.time * 1000)}


def _stage(stage: StageRecord) -> dict[str, object]:
    return {
        "name": stage.name,
        "state": stage.state,
        "started_at": moment(stage.started_at),
        "ended_at": moment(stage.ended_at),
        "cached": stage.cached,
    }


def _error(release: Release) -> dict[str, object] | None:
    if release.error is None:
        return None
    return {**problem_detail(release.error), "stage": release.failed_stage}


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{key}={part}" for key, part in value.items() if part is not None) or "-"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "-"
    return "-" if value is None else str(value)
