"""Parse the events of the bridge to miniprogram-ci."""

from mprelease.domain.apps import ProjectType
from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Message, Problem
from mprelease.domain.releases import Kind, Publication, Sizes
from mprelease.platforms import events
from mprelease.platforms.driver import Event, Failure, PublishOrder, Result
from mprelease.platforms.events import EventFields
from mprelease.platforms.images import image_in
from mprelease.platforms.qr_codes import drawn
from mprelease.platforms.wechat.problems import ToolError, failure_of

# Names of packages in the tool's result.
_FULL = "__FULL__"
_MAIN = ("__APP__", "__GAME__")
_PLUGINS = (ProjectType.MINI_PROGRAM_PLUGIN, ProjectType.MINI_GAME_PLUGIN)


def event_of(line: str, order: PublishOrder | None) -> Event:
    """Parse an event; raise StageFailed(PUBLISH_EVENT_UNREADABLE) if it is not valid."""
    return events.read(line, order, {"result": _result, "error": _failure})


def trial_qr_code(app_id: str) -> bytes:
    """Draw the QR code that opens an app's trial version on a phone, as a PNG.

    WeChat returns no address after an upload. This fixed one opens the version that an
    administrator has selected on mp.weixin.qq.com; a robot's newer upload replaces its older one.
    """
    address = f"https://open.weixin.qq.com/sns/getexpappinfo?appid={app_id}#wechat-redirect"
    return drawn(address)


def _result(facts: EventFields, order: PublishOrder) -> Result | Failure:
    sizes = _sizes(facts)
    if order.kind is Kind.PREVIEW:
        return _preview(order, sizes)
    if order.project_type in _PLUGINS:
        hints = _plugin_hints(facts.optional_text("devPluginId"))
        return Result(Publication(sizes=sizes), hints)
    hint = Message("hint.wechat_trial", {"robot": order.robot})
    code = trial_qr_code(order.account.platform_app_id)
    return Result(Publication(code, "image/png", sizes), (hint,))


def _preview(order: PublishOrder, sizes: Sizes) -> Result | Failure:
    image = image_in(order.scratch)
    if image is None:
        return Failure(StageFailed(Problem.QR_CODE_UNREADABLE), may_have_arrived=True)
    return Result(Publication(image.content, image.media_type, sizes))


def _plugin_hints(plugin_id: str | None) -> tuple[Message, ...]:
    """Return the hint with the id by which mini programs use an uploaded plugin (no 体验版)."""
    return (Message("hint.wechat_plugin", {"id": plugin_id}),) if plugin_id else ()


def _sizes(facts: EventFields) -> Sizes:
    packages = {one.text("name"): one.number("size") for one in facts.parts("sizes")}
    plugins = facts.parts("plugins")
    packages |= {one.text("pluginProviderAppid"): one.number("size") for one in plugins}
    full = packages.pop(_FULL, sum(packages.values()))
    main = next((packages.pop(name) for name in _MAIN if name in packages), full)
    return Sizes(full, main, packages)


def _failure(facts: EventFields, order: PublishOrder) -> Failure:
    tool_error = ToolError(
        kind=order.kind,
        app_id=order.account.platform_app_id,
        folder=str(order.built),
        code=facts.code("code"),
        path=facts.optional_text("path"),
        message=facts.text("message"),
        sent=facts.flag("sent"),
    )
    return failure_of(tool_error)
