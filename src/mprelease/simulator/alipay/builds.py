"""Builds on the platform's side: what they find, and how far they are.

The vendor's compiler is closed. Here a build reads what JSON it needs, and looks for the pages; the
form of its log is an assumption.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mprelease.simulator import sources
from mprelease.simulator.alipay.received import Received


@dataclass
class Build:
    """One build, and how often it still has to be asked for until it has ended."""

    received: Received
    mistakes: Sequence[str]
    questions: int

    @property
    def log(self) -> Sequence[str]:
        """Return the log so far."""
        begun = [f"building {self.received.app_id} {self.received.version}"]
        return begun if self.questions else [*begun, *(self.mistakes or ["done"])]


def mistakes_in(files: Mapping[str, bytes]) -> list[str]:
    """Return what stands against a source tree: `file:line: what`."""
    top = _root(files)
    content = {name.removeprefix(top): text for name, text in files.items() if name.startswith(top)}
    unread = [f"{one.file}:{one.line}: {one.detail}" for one in sources.mistakes_in(content)]
    return unread or list(_missing(content))


def _root(files: Mapping[str, bytes]) -> str:
    try:
        project = json.loads(files["mini.project.json"])
        root = str(project.get("miniprogramRoot", "")).removeprefix("./").strip("/")
    except (KeyError, ValueError, AttributeError):
        return ""
    return f"{root}/" if root not in {"", "."} else ""


def _missing(content: Mapping[str, bytes]) -> Iterator[str]:
    if "app.json" not in content:
        yield "app.json:1: the file is missing"
        return
    app = json.loads(content["app.json"].decode("utf-8-sig"))
    packages = [*app.get("subPackages", []), *app.get("subpackages", [])]
    inside = [f"{each['root'].strip('/')}/{page}" for each in packages for page in each["pages"]]
    for page in [*app.get("pages", []), *inside]:
        if f"{page}.axml" not in content:
            yield f"app.json:1: the page {page} has no {page}.axml"
