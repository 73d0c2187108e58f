"""Read what the bridge to tt-ide-cli writes to descriptor 3."""

import io
import json
from datetime import datetime, timedelta, timezone
from typing import Any

import segno

from mprelease.domain.problems import Message
from mprelease.domain.releases import Kind, Publication, Sizes
from mprelease.platforms.douyin.problems import Complaint, failure_of
from mprelease.platforms.douyin.refusals import Reply
from mprelease.platforms.driver import Event, Loaded, Progress, Ready, Result

_DOTS = 8  # pixels per module: well readable on a screen, small as a file
_BEIJING = timezone(timedelta(hours=8))


def event_of(line: str) -> Event:
    """Return the event in a line; raise ValueError for a line that is none."""
    facts: dict[str, Any] = json.loads(line)
    match facts["event"]:
        case "loaded":
            return Loaded()
        case "progress":
            return Progress(facts["text"])
        case "ready":
            return Ready()
        case "result":
            return _result(facts)
        case "error":
            return failure_of(_complaint(facts))
    raise ValueError(line)


def qr_code(address: str) -> bytes:
    """Draw an address as PNG, on white: the tool's own image is transparent."""
    image = io.BytesIO()
    code = segno.make(address, error="m", micro=False)
    code.save(image, kind="png", scale=_DOTS, border=4, light="white")
    return image.getvalue()


def _result(facts: dict[str, Any]) -> Result:
    sizes = _sizes(facts["sizes"])
    if facts["shortUrl"] is None:
        hint = Message("hint.douyin_no_qr_code", {"detail": str(facts["detail"])})
        return Result(Publication(sizes=sizes), (hint,))
    image = qr_code(facts["shortUrl"])
    return Result(Publication(image, "image/png", sizes), _expiry(int(facts["expireTime"])))


def _expiry(seconds: int) -> tuple[Message, ...]:
    # The tool says -1 for never.
    if seconds <= 0:
        return ()
    time = datetime.fromtimestamp(seconds, _BEIJING)
    return (Message("hint.douyin_expires", {"time": f"{time:%Y-%m-%d %H:%M} (UTC+8)"}),)


def _sizes(facts: dict[str, Any]) -> Sizes:
    packages = {str(one["path"]): int(one["size"]) for one in facts["sub"]}
    return Sizes(int(facts["total"]), int(facts["main"]["size"]), packages)


def _complaint(facts: dict[str, Any]) -> Complaint:
    reply = facts["reply"]
    return Complaint(
        kind=Kind(facts["kind"]),
        app_id=facts["appId"],
        version=facts["version"],
        folder=facts["folder"],
        name=facts["name"],
        code=facts["code"],
        link=facts["errLink"],
        message=facts["message"],
        sent=facts["sent"],
        call=facts["call"],
        reply=Reply(reply["status"], reply["text"]) if reply else None,
    )
