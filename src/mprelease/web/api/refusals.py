"""The error responses of operations in the OpenAPI document."""

from collections.abc import Mapping
from typing import Any

from mprelease.domain.problems import Problem
from mprelease.web.api.common_models import RefusalModel
from mprelease.web.http_status import status_of

Responses = dict[int | str, dict[str, Any]]


def refusing(*problems: Problem) -> Responses:
    """Return the documentation of responses for these problems, by HTTP status."""
    documented: Responses = {}
    for problem in problems:
        known = documented.setdefault(status_of(problem), {"model": RefusalModel})
        known["description"] = described(known, problem)
    return documented


def described(response: Mapping[str, Any], problem: Problem) -> str:
    """Return a response's description with one more problem added."""
    known = response.get("description", "")
    return f"{known}, `{problem}`" if known else f"`{problem}`"
