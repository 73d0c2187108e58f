"""Parse the events of the bridge to tt-ide-cli."""

from datetime import datetime, timedelta, timezone

from mprelease.domain.problems import Message
from mprelease.domain.releases import Publication, Sizes
from mprelease.platforms import events
from mprelease.platforms.douyin.problems import ToolError, failure_of
from mprelease.platforms.douyin.refusals import Reply
from mprelease.platforms.driver import Event, Failure, PublishOrder, Result
from mprelease.platforms.events import EventFields
from mprelease.platforms.qr_codes import drawn

_BEIJING = timezone(timedelta(hours=8))
_NEVER = -1  # the tool's value for a code that does not expire
_LATEST = 253_402_300_799 - 86_400  # seconds since the epoch: the end of datetime's range, less 1 d
_LONGEST_ADDRESS = 500  # characters; the tool's addresses have about 30


def event_of(line: str, order: PublishOrder | None) -> Event:
    """Parse an event; raise StageFailed(PUBLISH_EVENT_UNREADABLE) if it is not valid."""
    return events.read(line, order, {"result": _result, "error": _failure})


def _result(facts: EventFields, _order: PublishOrder) -> Result:
    sizes = _sizes(facts.part("sizes"))
    address = facts.optional_text("shortUrl")
    if address is None:
        hint = Message("hint.douyin_no_qr_code", {"detail": facts.optional_text("detail") or ""})
        return Result(Publication(sizes=sizes), (hint,))
    if not 0 < len(address) <= _LONGEST_ADDRESS:
        raise ValueError("shortUrl is no address")
    # Drawn here, because the image that the tool makes is transparent.
    return Result(Publication(drawn(address), "image/png", sizes), _expiry(facts))


def _expiry(facts: EventFields) -> tuple[Message, ...]:
    if facts.code("expireTime") == _NEVER:
        return ()
    seconds = facts.number("expireTime")
    if not 0 < seconds < _LATEST:
        return ()
    time = datetime.fromtimestamp(seconds, _BEIJING)
    return (Message("hint.douyin_expires", {"time": f"{time:%Y-%m-%d %H:%M} (UTC+8)"}),)


def _sizes(facts: EventFields) -> Sizes:
    packages = {one.text("path"): one.number("size") for one in facts.parts("sub")}
    return Sizes(facts.number("total"), facts.part("main").number("size"), packages)


def _failure(facts: EventFields, order: PublishOrder) -> Failure:
    reply = facts.optional_part("reply")
    tool_error = ToolError(
        kind=order.kind,
        app_id=order.account.platform_app_id,
        version=order.version,
        folder=str(order.built),
        name=facts.optional_text("name"),
        code=facts.code("code"),
        link=facts.optional_text("errLink"),
        message=facts.text("message"),
        sent=facts.flag("sent"),
        call=facts.optional_text("call"),
        reply=Reply(reply.number("status"), reply.text("text")) if reply else None,
    )
    return failure_of(tool_error)
