"""Read what the bridge to miniprogram-ci writes to descriptor 3."""

import io
import json
from pathlib import Path
from typing import Any

import segno

from mprelease.domain.problems import Message
from mprelease.domain.releases import Kind, Publication, Sizes
from mprelease.platforms.driver import Event, Loaded, Progress, Ready, Result
from mprelease.platforms.wechat.problems import Complaint, failure_of

# As the tool names them in its answer.
_FULL = "__FULL__"
_MAIN = ("__APP__", "__GAME__")
_DOTS = 8  # pixels per module: well readable on a screen, small as a file


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


def trial_qr_code(app_id: str) -> bytes:
    """Draw the PNG that opens an app's trial version on a phone.

    WeChat tells no address after an upload. This fixed one shows whichever version an
    administrator has picked on mp.weixin.qq.com; a robot's newer upload replaces its older one.
    """
    address = f"https://open.weixin.qq.com/sns/getexpappinfo?appid={app_id}#wechat-redirect"
    image = io.BytesIO()
    segno.make(address, error="m", micro=False).save(image, kind="png", scale=_DOTS, border=4)
    return image.getvalue()


def _result(facts: dict[str, Any]) -> Result:
    sizes = _sizes(facts)
    if facts["kind"] == Kind.PREVIEW:
        # An image may be longer than a line of events can be.
        image = Path(facts["qrCode"]).read_bytes()
        return Result(Publication(image, "image/jpeg", sizes))
    hint = Message("hint.wechat_trial", {"robot": facts["robot"]})
    return Result(Publication(trial_qr_code(facts["appId"]), "image/png", sizes), (hint,))


def _sizes(facts: dict[str, Any]) -> Sizes:
    packages = {str(one["name"]): int(one["size"]) for one in facts["sizes"]}
    packages |= {str(one["pluginProviderAppid"]): int(one["size"]) for one in facts["plugins"]}
    full = packages.pop(_FULL, sum(packages.values()))
    main = next((packages.pop(name) for name in _MAIN if name in packages), full)
    return Sizes(full, main, packages)


def _complaint(facts: dict[str, Any]) -> Complaint:
    return Complaint(
        kind=Kind(facts["kind"]),
        app_id=facts["appId"],
        folder=facts["folder"],
        code=facts["code"],
        path=facts["path"],
        message=facts["message"],
        sent=facts["sent"],
    )
