"""Parse what bridges write to descriptor 3: one JSON object per line (bridge/protocol.cjs).

The process that writes it has read untrusted content, so every line is untrusted: names, types and
lengths are checked, and nothing in it is used as a path of this machine. Values that are part of
the order (app id, kind, folder, version) are taken from the order.
"""

import json
from collections.abc import Callable, Mapping
from typing import TypeGuard

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Message, Problem
from mprelease.domain.releases import Kind
from mprelease.platforms.driver import (
    Event,
    Failure,
    Loaded,
    OwnProgress,
    Progress,
    PublishOrder,
    Ready,
)

_LONGEST_TEXT = 8_000  # as in bridge/protocol.cjs
_LARGEST_NUMBER = 10**12
_MOST_ITEMS = 1_000
_SHOWN = 300  # characters of what is shown of a line or a message


class EventFields:
    """The fields of an event; every method raises ValueError for a value of another type."""

    def __init__(self, facts: object) -> None:
        """Wrap a JSON object; raise ValueError for any other value."""
        if not isinstance(facts, dict):
            raise ValueError("no object")  # noqa: TRY004 (one kind of error for what is read)
        self._facts: Mapping[str, object] = facts

    def text(self, name: str) -> str:
        """Return a text of at most 8,000 characters."""
        value = self._facts.get(name)
        if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
            raise ValueError(f"{name} is no text")
        return value

    def optional_text(self, name: str) -> str | None:
        """Return a text; None if it is missing or null."""
        return None if self._facts.get(name) is None else self.text(name)

    def code(self, name: str) -> int | str | None:
        """Return an error code: a whole number, a text, or None."""
        value = self._facts.get(name)
        if _is_number(value):
            return value
        return self.optional_text(name)

    def number(self, name: str) -> int:
        """Return a whole number from 0 to 10^12."""
        value = self._facts.get(name)
        if not _is_number(value) or not 0 <= value <= _LARGEST_NUMBER:
            raise ValueError(f"{name} is no number")
        return value

    def flag(self, name: str) -> bool:
        """Return true or false."""
        value = self._facts.get(name)
        if not isinstance(value, bool):
            raise ValueError(f"{name} is neither true nor false")  # noqa: TRY004 as above
        return value

    def part(self, name: str) -> "EventFields":
        """Return an object."""
        return EventFields(self._facts.get(name))

    def optional_part(self, name: str) -> "EventFields | None":
        """Return an object; None if it is missing or null."""
        return None if self._facts.get(name) is None else self.part(name)

    def parts(self, name: str) -> list["EventFields"]:
        """Return a list of at most 1,000 objects."""
        value = self._facts.get(name)
        if not isinstance(value, list) or len(value) > _MOST_ITEMS:
            raise ValueError(f"{name} is no list")
        return [EventFields(each) for each in value]

    def numbers(self, name: str) -> dict[str, int]:
        """Return at most 1,000 numbers by their names."""
        value = self._facts.get(name)
        if not isinstance(value, dict) or len(value) > _MOST_ITEMS:
            raise ValueError(f"{name} is no object")
        return {_name(each): EventFields(value).number(each) for each in value}


Reader = Callable[[EventFields, PublishOrder], Event]
"""Parses an event that belongs to an order."""

# The message ids that a bridge may send, each with the name of its one parameter.
NOTES: Mapping[str, str | None] = {
    "log.compiled_before": None,
    "log.npm_nothing": None,
    "log.npm_packed": "counts",
    "log.npm_packed_before": None,
    "log.uploaded_percent": "percent",
    "log.qr_code": "detail",
}


def _note(facts: EventFields) -> Message:
    name = facts.text("note")
    if name not in NOTES:
        raise ValueError(name)
    gap = NOTES[name]
    return Message(name, {gap: facts.text("detail")} if gap else {})


_WITHOUT_ORDER: Mapping[str, Callable[[EventFields], Event]] = {
    "loaded": lambda _: Loaded(),
    "progress": lambda facts: Progress(facts.text("text")),
    "note": lambda facts: OwnProgress(_note(facts)),
}
_COMMON: Mapping[str, Reader] = {"ready": lambda _facts, _order: Ready()}


def read(line: str, order: PublishOrder | None, own: Mapping[str, Reader]) -> Event:
    """Parse a line; `own` has the readers of a platform's own events, by name.

    Raise StageFailed(PUBLISH_EVENT_UNREADABLE) for a line that is not a valid event, and for an
    event that is not expected before the order.
    """
    try:
        return _read(EventFields(json.loads(line)), order, {**_COMMON, **own})
    except (ValueError, RecursionError):
        shown = line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
        raise StageFailed(Problem.PUBLISH_EVENT_UNREADABLE, detail=shown) from None


def _read(facts: EventFields, order: PublishOrder | None, readers: Mapping[str, Reader]) -> Event:
    name = facts.text("event")
    if early := _WITHOUT_ORDER.get(name):
        return early(facts)
    if order is None or name not in readers:
        raise ValueError(name)
    event = readers[name](facts, order)
    if not isinstance(event, Failure) or event.may_have_arrived:
        return event
    outside = facts.optional_text("outside")
    if outside is None:
        return event
    detail = facts.text("message")[:_SHOWN]
    return Failure(StageFailed(Problem.PROJECT_PATH_OUTSIDE, path=outside, detail=detail))


def cut_off(kind: Kind, host: str, detail: str) -> Failure:
    """Return the failure for a connection that was lost after sending had begun."""
    # Repeating a preview is safe, so its outcome need not be investigated.
    lost = Problem.PUBLISH_CUT if kind is Kind.UPLOAD else Problem.PLATFORM_UNREACHABLE
    return Failure(StageFailed(lost, host=host, detail=detail), may_have_arrived=True)


def _is_number(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _name(text: str) -> str:
    if len(text) > _LONGEST_TEXT:
        raise ValueError("a name is too long")
    return text
