"""Read what the bridge to tt-ide-cli writes to descriptor 3."""

from datetime import datetime, timedelta, timezone

from mprelease.domain.problems import Message
from mprelease.domain.releases import Kind, Publication, Sizes
from mprelease.platforms import events
from mprelease.platforms.douyin.problems import Complaint, failure_of
from mprelease.platforms.douyin.refusals import Reply
from mprelease.platforms.driver import Event, Failure, Result
from mprelease.platforms.events import Facts
from mprelease.platforms.qr_codes import drawn

_BEIJING = timezone(timedelta(hours=8))


def event_of(line: str) -> Event:
    """Return the event in a line; raise ValueError for a line that is none."""
    return events.read(line, {"result": _result, "error": _failure})


def _result(facts: Facts) -> Result:
    sizes = _sizes(facts["sizes"])
    if facts["shortUrl"] is None:
        hint = Message("hint.douyin_no_qr_code", {"detail": str(facts["detail"])})
        return Result(Publication(sizes=sizes), (hint,))
    # The tool's own image is transparent.
    image = drawn(facts["shortUrl"])
    return Result(Publication(image, "image/png", sizes), _expiry(int(facts["expireTime"])))


def _expiry(seconds: int) -> tuple[Message, ...]:
    # The tool says -1 for never.
    if seconds <= 0:
        return ()
    time = datetime.fromtimestamp(seconds, _BEIJING)
    return (Message("hint.douyin_expires", {"time": f"{time:%Y-%m-%d %H:%M} (UTC+8)"}),)


def _sizes(facts: Facts) -> Sizes:
    packages = {str(one["path"]): int(one["size"]) for one in facts["sub"]}
    return Sizes(int(facts["total"]), int(facts["main"]["size"]), packages)


def _failure(facts: Facts) -> Failure:
    reply = facts["reply"]
    complaint = Complaint(
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
    return failure_of(complaint)
