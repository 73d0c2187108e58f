"""Parse the events of the bridge to miniprogram-ci; map its errors and refusals to problems."""

import json
import re
from dataclasses import dataclass

from mprelease.domain.apps import ProjectType
from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Message, Parameter, Problem
from mprelease.domain.releases import Kind, Publication, Sizes
from mprelease.platforms import events
from mprelease.platforms.driver import Event, Failure, PublishOrder, Result
from mprelease.platforms.events import EventFields, cut_off
from mprelease.platforms.images import draw_qr_code, image_in

# Refusals of the service, as known from public reports. Unknown refusals are reported with their
# code and text. The service wraps one refusal in another ("inner upload fail with errcode: …") with
# different codes, so a refusal is recognised by its text.

HOST = "servicewechat.com"
"""The tool's only host, apart from an object storage for large packages."""

_IP = re.compile(r"invalid ip:? *(?P<ip>[0-9A-Fa-f.:]+)", re.IGNORECASE)
_APP_ID = re.compile(r"invalid appid|innerCode: 40013", re.IGNORECASE)
_KEY = re.compile(r"get new ticket fail|invalid signature", re.IGNORECASE)
_SIZE = re.compile(
    r"(?:(?P<main>main) package |subpackage (?P<root>\S+) )?"
    r"source size (?P<size>\d+) *KB exceed max limit (?P<limit>\d+) *KB"
)


@dataclass(frozen=True)
class Refusal:
    """A reply that is an error: WeChat's `errCode` and `errMsg`."""

    code: int
    text: str


def problem_of(refusal: Refusal, app_id: str) -> StageFailed:
    """Map a refusal to a problem; sizes in KB, as in WeChat's text."""
    if found := _IP.search(refusal.text):
        return StageFailed(Problem.IP_NOT_LISTED, ip=found["ip"])
    if found := _SIZE.search(refusal.text):
        return StageFailed(
            Problem.PACKAGE_TOO_LARGE,
            package=found["main"] or found["root"] or "",
            size=int(found["size"]),
            limit=int(found["limit"]),
        )
    if _APP_ID.search(refusal.text):
        return StageFailed(Problem.PLATFORM_APP_ID_UNKNOWN, app_id=app_id)
    if _KEY.search(refusal.text):
        return StageFailed(Problem.KEY_REFUSED, app_id=app_id)
    return StageFailed(Problem.PLATFORM_REFUSED, code=refusal.code, detail=refusal.text)


# Errors of the tool about a mini program's files. Each pattern was observed with miniprogram-ci
# 2.1.42, which has one compiler per language, each with its own format for file and line.


@dataclass(frozen=True)
class _Known:
    """A pattern of messages, and its problem; the pattern's groups are the problem's parameters.

    `first_line` is this compiler's number for a file's first line.
    """

    problem: Problem
    pattern: re.Pattern[str]
    first_line: int = 1


_KNOWN = (
    _Known(
        Problem.PAGE_MISSING,
        re.compile(
            r'(?P<file>[^:\n]+): \["(?:pages|subPackages|subpackages)"\][^\n]* could not find the '
            r'corresponding file: "(?P<missing>(?P<page>[^"\n]+?)\.\w+)"'
        ),
    ),
    _Known(
        Problem.OUTPUT_NOT_A_MINI_PROGRAM,
        re.compile(r"[^:\n]+: (?P<file>[\w.]+) is not found in the project root directory"),
    ),
    # Babel, for .js and .ts
    _Known(
        Problem.SOURCE_SYNTAX_ERROR,
        re.compile(
            r"file: (?P<file>[^\n]+)\n [^\n]*?: (?P<detail>[^\n]+) \((?P<line>\d+):\d+\)(?:\n|$)"
        ),
    ),
    # swc, for .js and .ts
    _Known(
        Problem.SOURCE_SYNTAX_ERROR,
        re.compile(r"\s*x (?P<detail>[^\n]+)\n\s*,-\[(?P<file>[^\n]+?):(?P<line>\d+):\d+\]"),
    ),
    # JSON: the line is marked with ">", unless it is the last one
    _Known(
        Problem.SOURCE_SYNTAX_ERROR,
        re.compile(
            r"(?P<file>[^:\n]+\.json): [^\n]+\n(?P<detail>[^\n]+)\n.*?^> *(?P<line>\d+) \|",
            re.DOTALL | re.MULTILINE,
        ),
    ),
    _Known(
        Problem.SOURCE_SYNTAX_ERROR,
        re.compile(
            r"(?P<file>[^:\n]+\.json): [^\n]+\n(?P<detail>[^\n]+)\n(?:.*\n)? *(?P<line>\d+) \|"
            r"[^\n]*\Z",
            re.DOTALL,
        ),
    ),
    # Less; the tool adds an import before the first line of every .less file.
    _Known(
        Problem.SOURCE_SYNTAX_ERROR,
        re.compile(r"(?P<detail>[^\n]+) in (?P<file>[^\n]+?) on line (?P<line>\d+), column \d+:"),
        first_line=2,
    ),
    # Sass
    _Known(
        Problem.SOURCE_SYNTAX_ERROR,
        re.compile(r"(?P<detail>[^\n]+)\n.*?\n  (?P<file>\S+) (?P<line>\d+):\d+  ", re.DOTALL),
    ),
    # PostCSS, for .wxss
    _Known(
        Problem.SOURCE_SYNTAX_ERROR,
        re.compile(r"/?(?P<file>[^\n:]+\.\w+):(?P<line>\d+):\d+: (?P<detail>[^\n]+)"),
    ),
    # The minifier of .wxml; the file is in the error's path only
    _Known(
        Problem.SOURCE_SYNTAX_ERROR,
        re.compile(r"(?P<line>\d+):\d+:(?P<detail>[^\n]+)"),
    ),
    # The packing of npm dependencies
    _Known(
        Problem.SOURCE_SYNTAX_ERROR,
        re.compile(
            r"parse js file \((?P<file>[^)\n]+)\) failed: (?P<detail>[^\n]+) \((?P<line>\d+):\d+\)"
        ),
    ),
)


def source_problem(message: str, file: str | None) -> StageFailed | None:
    """Return the problem that a message describes; None if no pattern matches.

    The message is without "Error: " and local paths; `file` is the path in the tool's error object.
    """
    for known in _KNOWN:
        if found := known.pattern.match(message):
            return StageFailed(known.problem, **_parameters(known, found, file))
    return None


def _parameters(known: _Known, found: re.Match[str], file: str | None) -> dict[str, Parameter]:
    parameters: dict[str, Parameter] = {"file": file or "", **found.groupdict()}
    if line := found.groupdict().get("line"):
        parameters["line"] = int(line) - known.first_line + 1
    return parameters


# Failures of miniprogram-ci 2.1.42. Codes are those of its dist/config/config.js. Its other codes
# only identify one of its compilers; their messages are more specific.

_NO_RANDOM_STRING = 20001
_NO_SIGNATURE = 20002
_NOT_SENT = 20003
_LATE = "LATE"  # an error code of the bridge

_PREFIX = re.compile(r"(?:\w*Error: )*")
_REFUSAL = re.compile(r"errCode: (?P<code>-?\d+); errMsg: (?P<text>.*)", re.DOTALL)


@dataclass(frozen=True)
class ToolError:
    """An error event of the bridge.

    `code` is the tool's (a number) or the bridge's (a text), `path` the file of the tool's error,
    if it has one. `sent` is True if sending had begun.
    """

    kind: Kind
    app_id: str
    folder: str
    code: int | str | None
    path: str | None
    message: str
    sent: bool

    @property
    def detail(self) -> str:
        """Return the message without error names and the local folder."""
        return _PREFIX.sub("", self.message.replace(f"{self.folder}/", ""), count=1)


def failure_of(tool_error: ToolError) -> Failure:
    """Return the failure for an error, and whether the release may have arrived nevertheless."""
    if refusal := _refusal(tool_error.detail):
        return Failure(problem_of(refusal, tool_error.app_id))
    if tool_error.sent:
        return cut_off(tool_error.kind, HOST, tool_error.detail)
    return Failure(_local_problem(tool_error))


def _refusal(detail: str) -> Refusal | None:
    """Parse the platform's reply, which the tool quotes in one of two formats."""
    if found := _REFUSAL.match(detail):
        return Refusal(int(found["code"]), found["text"])
    try:
        reply = json.loads(detail)
        return Refusal(int(reply["errCode"]), str(reply.get("errMsg", "")))
    except (ValueError, KeyError, TypeError):
        return None


def _local_problem(tool_error: ToolError) -> StageFailed:
    detail = tool_error.detail
    if tool_error.code == _LATE:
        return StageFailed(Problem.PUBLISH_TOO_LATE)
    if tool_error.code == _NO_SIGNATURE:
        return StageFailed(Problem.KEY_UNREADABLE, detail=detail)
    if tool_error.code in {_NO_RANDOM_STRING, _NOT_SENT}:
        return StageFailed(Problem.PLATFORM_UNREACHABLE, host=HOST, detail=detail)
    known = source_problem(detail, tool_error.path)
    return known or StageFailed(Problem.PUBLISH_FAILED, detail=detail)


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
    return draw_qr_code(address)


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
