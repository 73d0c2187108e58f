"""What the simulated Alipay answers when all is well."""

import json
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from mprelease.simulator.service import Reply, json_reply

COMPILER = "0.100.12-simulator"
"""The version of the compiler's stand-in; the tool itself would take 0.100.12."""


def data(content: Mapping[str, object] | Sequence[Mapping[str, object]]) -> Reply:
    """Answer as signed calls do: `stat` "ok" and `data`."""
    return json_reply({"stat": "ok", "data": content, "traceId": "0"})


def task(package: str, version: str) -> Reply:
    """Answer an upload: the number under which its build can be asked for."""
    return data({"nebulaInfo": _packed({"packageId": package, "version": version})})


def progress(status: str, log: Sequence[str], *, is_created: bool) -> Reply:
    """Answer a question about a build; the tool takes 0, 1 and 2 for no failure."""
    detail = json.dumps({"log": "\n".join(log)})
    state = _packed({"status": status, "detail": detail})
    return data({"versionCreated": is_created, "nebulaInfo": state})


def build_config() -> Reply:
    """Answer which compiler an app wants: a version of the simulator's own.

    The stand-in will lie beside the tool, and must never pass for one of the vendor's.
    """
    schedule = {"builder": {"cube-build": COMPILER}}
    return json_reply({"success": True, "data": {"schedule": schedule}})


def _packed(content: Mapping[str, object]) -> str:
    return quote(json.dumps(content))
