"""Read what the bridge to minidev writes to descriptor 3."""

from pathlib import Path

from mprelease.domain.problems import Message
from mprelease.domain.releases import Kind, Publication, Sizes
from mprelease.platforms import events
from mprelease.platforms.alipay.problems import Complaint, failure_of
from mprelease.platforms.driver import Event, Failure, Fetched, Result
from mprelease.platforms.events import Facts

_COMPILERS = Path("compilers")


def event_of(line: str) -> Event:
    """Return the event in a line; raise ValueError for a line that is none."""
    return events.read(line, {"fetched": _fetched, "result": _result, "error": _failure})


def _fetched(facts: Facts) -> Fetched:
    place = _COMPILERS / Path(facts["name"]).name
    return Fetched(Path(facts["folder"]), place, facts["files"])


def _result(facts: Facts) -> Result:
    image, kind = _image(facts)
    return Result(Publication(image, kind, _sizes(facts["sizes"])), tuple(_hints(facts)))


def _image(facts: Facts) -> tuple[bytes | None, str]:
    code = facts.get("code")
    if not code or code["type"] is None:
        return None, "image/png"
    # An image may be longer than a line of events can be.
    return Path(facts["qrCode"]).read_bytes(), str(code["type"])


def _hints(facts: Facts) -> list[Message]:
    hints = []
    if removed := facts.get("removed"):
        hints.append(Message("hint.alipay_removed", {"version": removed}))
    if "refused" in facts:
        parameters = {"version": facts["version"], "detail": facts["refused"]}
        hints.append(Message("hint.alipay_not_experience", parameters))
    code = facts.get("code")
    if code and code["type"] is None:
        hints.append(Message("hint.alipay_no_qr_code", {"address": code["address"]}))
    return hints


def _sizes(facts: Facts | None) -> Sizes | None:
    if facts is None:
        return None
    packages = {str(root): int(size) for root, size in facts["packages"].items()}
    main = int(facts["main"])
    return Sizes(main + sum(packages.values()), main, packages)


def _failure(facts: Facts) -> Failure:
    reply = facts["reply"]
    code = facts["errorCode"] or facts["code"]
    complaint = Complaint(
        kind=Kind(facts["kind"]),
        app_id=facts["appId"],
        version=facts["version"],
        folder=facts["folder"],
        code=None if code is None else str(code),
        message=facts["message"],
        log=facts["log"],
        sent=facts["sent"],
        task=facts["task"],
        call=facts["call"],
        answer=reply["text"] if reply else None,
    )
    return failure_of(complaint)
