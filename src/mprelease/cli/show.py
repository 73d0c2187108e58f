"""Print records as tables and as JSON."""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mprelease.cli.terminal import is_encodable, sanitized_json
from mprelease.cli.translation import t
from mprelease.domain.problems import ProblemDetail
from mprelease.domain.releases import Release

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def as_json(value: object) -> None:
    """Print a value as JSON on standard output."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    if not is_encodable(text):
        text = json.dumps(value, indent=2)
    sys.stdout.write(f"{sanitized_json(text)}\n")


def plain(record: "DataclassInstance") -> dict[str, Any]:
    """Return a record as a dictionary."""
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
    """Print rows with column titles, or a message that there are none."""
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
    """Return a release's document for `--json`: that of the API, with the file of its QR code."""
    from mprelease.schemas.release_document import document_of

    model = document_of(release, t.of, time.time_ns() // 1_000_000)
    document = model.model_dump(mode="json", exclude={"has_qr_code"})
    return {**document, "qr_code": str(qr_code) if qr_code else None}


def problem_detail(problem_detail: ProblemDetail) -> dict[str, object]:
    """Return a problem's document for JSON, with its message and remedy."""
    from mprelease.schemas.documents import ProblemModel

    return ProblemModel.of(problem_detail, t.of).model_dump()


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{key}={part}" for key, part in value.items() if part is not None) or "-"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "-"
    return "-" if value is None else str(value)
