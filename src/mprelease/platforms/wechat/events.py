"""Read what the bridge to miniprogram-ci writes to descriptor 3."""

from pathlib import Path

from mprelease.domain.apps import ProjectType
from mprelease.domain.problems import Message
from mprelease.domain.releases import Kind, Publication, Sizes
from mprelease.platforms import events
from mprelease.platforms.driver import Event, Failure, Result
from mprelease.platforms.events import Facts
from mprelease.platforms.qr_codes import drawn
from mprelease.platforms.wechat.problems import Complaint, failure_of

# As the tool names them in its answer.
_FULL = "__FULL__"
_MAIN = ("__APP__", "__GAME__")
_PLUGINS = (ProjectType.MINI_PROGRAM_PLUGIN, ProjectType.MINI_GAME_PLUGIN)


def event_of(line: str) -> Event:
    """Return the event in a line; raise ValueError for a line that is none."""
    return events.read(line, {"result": _result, "error": _failure})


def trial_qr_code(app_id: str) -> bytes:
    """Draw the PNG that opens an app's trial version on a phone.

    WeChat tells no address after an upload. This fixed one shows whichever version an
    administrator has picked on mp.weixin.qq.com; a robot's newer upload replaces its older one.
    """
    address = f"https://open.weixin.qq.com/sns/getexpappinfo?appid={app_id}#wechat-redirect"
    return drawn(address)


def _result(facts: Facts) -> Result:
    sizes = _sizes(facts)
    if facts["kind"] == Kind.PREVIEW:
        # An image may be longer than a line of events can be.
        image = Path(facts["qrCode"]).read_bytes()
        return Result(Publication(image, "image/jpeg", sizes))
    if facts["projectType"] in _PLUGINS:
        return Result(Publication(sizes=sizes), _plugin_hints(facts["devPluginId"]))
    hint = Message("hint.wechat_trial", {"robot": facts["robot"]})
    return Result(Publication(trial_qr_code(facts["appId"]), "image/png", sizes), (hint,))


def _plugin_hints(plugin_id: str | None) -> tuple[Message, ...]:
    """Tell how the mini programs that use a plugin name what was uploaded: it has no 体验版."""
    return (Message("hint.wechat_plugin", {"id": plugin_id}),) if plugin_id else ()


def _sizes(facts: Facts) -> Sizes:
    packages = {str(one["name"]): int(one["size"]) for one in facts["sizes"]}
    packages |= {str(one["pluginProviderAppid"]): int(one["size"]) for one in facts["plugins"]}
    full = packages.pop(_FULL, sum(packages.values()))
    main = next((packages.pop(name) for name in _MAIN if name in packages), full)
    return Sizes(full, main, packages)


def _failure(facts: Facts) -> Failure:
    complaint = Complaint(
        kind=Kind(facts["kind"]),
        app_id=facts["appId"],
        folder=facts["folder"],
        code=facts["code"],
        path=facts["path"],
        message=facts["message"],
        sent=facts["sent"],
    )
    return failure_of(complaint)
