"""Parse the events of the bridge to minidev."""

from mprelease.domain.problems import Message
from mprelease.domain.releases import Publication, Sizes
from mprelease.platforms import events
from mprelease.platforms.alipay.problems import ToolError, failure_of
from mprelease.platforms.driver import Event, Failure, PublishOrder, Result, ToolDownload
from mprelease.platforms.events import EventFields
from mprelease.platforms.images import Image, image_in


def event_of(line: str, order: PublishOrder | None) -> Event:
    """Parse an event; raise StageFailed(PUBLISH_EVENT_UNREADABLE) if it is not valid."""
    return events.read(line, order, {"fetched": _fetched, "result": _result, "error": _failure})


def _fetched(_facts: EventFields, _order: PublishOrder) -> ToolDownload:
    return ToolDownload()


def _result(facts: EventFields, order: PublishOrder) -> Result:
    code = facts.optional_part("code")
    image = image_in(order.scratch) if code and code.flag("written") else None
    hints = (*_version_hints(facts, order), *_code_hints(code, image))
    sizes = _sizes(facts.optional_part("sizes"))
    if image is None:
        return Result(Publication(sizes=sizes), hints)
    return Result(Publication(image.content, image.media_type, sizes), hints)


def _version_hints(facts: EventFields, order: PublishOrder) -> tuple[Message, ...]:
    hints = []
    if removed := facts.optional_text("removed"):
        hints.append(Message("hint.alipay_removed", {"version": removed}))
    if (refused := facts.optional_text("refused")) is not None:
        parameters = {"version": order.version, "detail": refused}
        hints.append(Message("hint.alipay_not_experience", parameters))
    return tuple(hints)


def _code_hints(code: EventFields | None, image: Image | None) -> tuple[Message, ...]:
    """Return the hint with the address of a QR code without a valid image."""
    if code is None or image is not None:
        return ()
    return (Message("hint.alipay_no_qr_code", {"address": code.text("address")}),)


def _sizes(facts: EventFields | None) -> Sizes | None:
    if facts is None:
        return None
    packages, main = facts.numbers("packages"), facts.number("main")
    return Sizes(main + sum(packages.values()), main, packages)


def _failure(facts: EventFields, order: PublishOrder) -> Failure:
    reply = facts.optional_part("reply")
    code = facts.code("errorCode") or facts.code("code")
    task = facts.code("task")
    tool_error = ToolError(
        kind=order.kind,
        app_id=order.account.platform_app_id,
        version=order.version,
        folder=str(order.built),
        code=None if code is None else str(code),
        message=facts.text("message"),
        log=facts.optional_text("log"),
        sent=facts.flag("sent"),
        task=None if task is None else str(task),
        call=facts.optional_text("call"),
        answer=reply.text("text") if reply else None,
    )
    return failure_of(tool_error)
