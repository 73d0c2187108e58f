"""Douyin's service as tt-ide-cli 0.1.33 sees it, on four hosts."""

import re
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl

from pydantic import ValidationError

from mprelease.domain.releases import Kind
from mprelease.domain.versions import is_greater
from mprelease.simulator.douyin import packages, rejections, replies
from mprelease.simulator.douyin.accounts import Accounts
from mprelease.simulator.douyin.builds import Builds
from mprelease.simulator.douyin.calls import LoginCall, PreviewCall, SchemaCall, UploadCall
from mprelease.simulator.douyin.ledger import Ledger
from mprelease.simulator.douyin.received import Code, Received
from mprelease.simulator.douyin.rejections import Refusal, Rejected
from mprelease.simulator.multipart import BrokenForm, form_of
from mprelease.simulator.service import Reply, Request, gateway_error
from mprelease.simulator.sources import Mistake, mistakes_in
from mprelease.simulator.watched import Watched

_DEVELOPER = "developer.toutiao.com"
_MICROAPP = "microapp.bytedance.com"
_OPEN = "developer.open-douyin.com"
_TELEMETRY = "mcs.snssdk.com"
_PREVIEW_SECONDS = 24 * 3600  # An assumption; the tool hands on whatever it is told.
_CHANNELS = 10

_Answer = Callable[[Request], Reply]
_AppAnswer = Callable[[str, Request], Reply]


class Douyin(Watched[Received, Refusal]):
    """Play Douyin: strict about tokens, sessions, versions, packages and the order of calls."""

    def __init__(self, folder: Path, slowness: float = 30, builds_after: int = 1) -> None:
        """Keep accepted packages in `folder`; Refusal.SLOW waits `slowness` seconds.

        A build is ready when it has been asked for `builds_after` times before.
        """
        self._slowness = slowness
        self._accounts: Accounts = Accounts()
        self._ledger: Ledger = Ledger(folder)
        self._builds = Builds(builds_after)
        self._calls: dict[str, _Answer] = {
            f"POST {_DEVELOPER}/passport/web/email/login/": self._log_in,
            f"GET {_MICROAPP}/platform_api/v1/app/microappadmincomm/getUserInfo": self._person,
            f"POST {_DEVELOPER}/api/developer/ide/v1/microapp/make_schema": self._schema,
        }
        versions = "/api/developer/ide/v1/microapp/versions"
        channels = "/api/developer/ide/v1/microapp/get_exist_test_version"
        # Those that name their app, in the query or in the path.
        self._app_calls: Sequence[tuple[str, _AppAnswer]] = (
            (rf"GET {_DEVELOPER}/api/apps/v3/meta", _meta),
            (rf"GET {_DEVELOPER}{versions}", self._versions),
            (rf"GET {_MICROAPP}{channels}", _channels),
            (rf"GET {_MICROAPP}/api/v1/app/(\w+)/meta", _meta),
            (rf"GET {_OPEN}/bff_api/app/setting/v2/(\w+)/microappinfoservice/.*", _no_sandbox),
            (rf"PUT {_DEVELOPER}/api/v2/app/(\w+)/testing", partial(self._publish, Kind.UPLOAD)),
            (rf"PUT {_DEVELOPER}/api/v2/app/(\w+)/preview", partial(self._publish, Kind.PREVIEW)),
            (rf"GET {_MICROAPP}/api/v1/app/(\w+)/compile_progress", self._progress),
        )

    @property
    def hosts(self) -> frozenset[str]:
        """Name the hosts that the tool talks to; on the last one only telemetry is at home."""
        return frozenset({_DEVELOPER, _MICROAPP, _OPEN, _TELEMETRY})

    def register(self, app_id: str, token: str) -> None:
        """Make an app known by its token; registering again replaces the token."""
        self._accounts.register(app_id, token)

    def enroll(self, email: str, password: str, apps: Collection[str]) -> None:
        """Make a person known who may act for apps after a login."""
        self._accounts.enroll(email, password, apps)

    @property
    def codes(self) -> list[Code]:
        """Return the QR codes that were made so far, oldest first."""
        return self._ledger.codes

    def current(self, app_id: str, channel: int | None = None) -> Received | None:
        """Return the version that a channel holds: its newest upload that could be built."""
        return self._ledger.current(app_id, Kind.UPLOAD, channel)

    def answer(self, request: Request) -> Reply:
        """Answer one call of the tool; an unknown one is answered with 404, and remembered."""
        call = f"{request.method} {request.headers['host'].removesuffix(':443')}{request.path}"
        try:
            return self._route(call, request)
        except Rejected as rejected:
            return rejected.reply
        except (ValidationError, BrokenForm) as error:
            return rejections.unusable(str(error)).reply

    def _route(self, call: str, request: Request) -> Reply:
        if answer := self._calls.get(call):
            return answer(request)
        for pattern, app_answer in self._app_calls:
            if found := re.fullmatch(pattern, call):
                app_id = next(iter(found.groups()), None) or _app_in(request)
                self._accounts.admit(app_id, request.headers)
                return app_answer(app_id, request)
        self._ledger.add_strange(call)
        return replace(rejections.unusable("no such call").reply, status=404)

    def _log_in(self, request: Request) -> Reply:
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        call = LoginCall.model_validate(form)
        session = self._accounts.log_in(call.email, call.password)
        return replies.logged_in("7000000001", session) if session else rejections.login_refused()

    def _person(self, request: Request) -> Reply:
        email = self._accounts.member_of(request.headers)
        if email is None:
            raise rejections.not_logged_in()
        return replies.by_error(data={"name": email.partition("@")[0], "email": email})

    def _versions(self, app_id: str, _: Request) -> Reply:
        return replies.by_code({"audit_version": self._ledger.last_version(app_id)})

    def _publish(self, kind: Kind, app_id: str, request: Request) -> Reply:
        refusal = self._accounts.refusal_of(app_id)
        if refusal is Refusal.SERVER_ERROR:
            return gateway_error()
        if refusal is Refusal.NOT_CONFIGURED:
            raise rejections.not_configured()
        received = _received(kind, app_id, request)
        self._judge(received, refusal)
        self._ledger.add(received)
        self._builds.start(app_id)
        delay = self._slowness if refusal is Refusal.SLOW else 0
        is_cut = refusal is Refusal.CONNECTION_CUT
        return replace(replies.by_error(), delay=delay, is_cut=is_cut)

    def _judge(self, received: Received, refusal: Refusal | None) -> None:
        if refusal is Refusal.TOO_LARGE:
            raise rejections.too_large(packages.MAX_FULL + packages.MIB, packages.MAX_FULL)
        packages.enforce_limits(received.sizes)
        if received.version is None:
            return
        last = self._ledger.last_version(received.app_id)
        if refusal is Refusal.VERSION_NOT_GREATER:
            last = received.version
        if not is_greater(received.version, last):
            raise rejections.not_greater(received.version, last)

    def _progress(self, app_id: str, _: Request) -> Reply:
        if found := self._mistake(app_id):
            return rejections.build_error(found)
        if not self._builds.is_ready(app_id):
            return replies.progress(replies.RUNNING)
        # The call does not say which package it means: the one that came last.
        self._ledger.built(app_id)
        return replies.progress(replies.BUILT)

    def _mistake(self, app_id: str) -> Mistake | None:
        if self._accounts.refusal_of(app_id) is Refusal.BUILD_ERROR:
            return Mistake("pages/a.js", 3, 1, "Unexpected token")
        package = self._ledger.newest(lambda one: one.app_id == app_id)
        return next(mistakes_in(package.files), None) if package else None

    def _schema(self, request: Request) -> Reply:
        call = SchemaCall.model_validate_json(request.body)
        self._accounts.admit(call.app_id, request.headers)
        if self._accounts.refusal_of(call.app_id) is Refusal.NO_QR_CODE:
            raise rejections.no_qr_code()
        parameters = call.schema_params
        package = self._ledger.current(call.app_id, call.kind, parameters.tag)
        if package is None or package.version != parameters.version_num:
            raise rejections.unusable("nothing was built of which a code could be made")
        code = _code(call, request.at)
        self._ledger.add_code(code)
        address = {"origin_schema": f"sslocal://microapp?app_id={call.app_id}"}
        times = {"expire_time": code.expires_at}
        return replies.by_code({**address, "short_url": code.short_url, **times})


def _app_in(request: Request) -> str:
    return request.query.get("app_id") or request.query.get("appid") or ""


def _meta(_: str, __: Request) -> Reply:
    return replies.meta()


def _channels(_: str, __: Request) -> Reply:
    return replies.by_code({"limit_num": _CHANNELS})


def _no_sandbox(_: str, __: Request) -> Reply:
    return replies.by_code({"appInfo": {"isSandboxApp": False}})


def _received(kind: Kind, app_id: str, request: Request) -> Received:
    form = form_of(request.body, request.headers.get("content-type", ""))
    if set(form.files) != {"source"}:
        raise rejections.unusable("the package is missing, or something else is there")
    upload = UploadCall.model_validate(form.fields) if kind is Kind.UPLOAD else None
    if upload is None:
        PreviewCall.model_validate(form.fields)
    files = packages.unpacked(form.files["source"], app_id)
    return Received(
        kind=kind,
        app_id=app_id,
        version=upload.version if upload else None,
        description=upload.intro if upload else None,
        channel=upload.tag if upload else None,
        with_source_maps=bool(upload and upload.need_upload_sourcemap),
        files=files,
        sizes=packages.sizes_of(files),
        at=request.at,
    )


def _code(call: SchemaCall, now: int) -> Code:
    # The address is made up, and leads nowhere.
    is_preview = call.kind is Kind.PREVIEW
    return Code(
        kind=call.kind,
        app_id=call.app_id,
        version=call.schema_params.version_num,
        channel=call.schema_params.tag,
        launch=call.launch,
        short_url=f"https://z.douyin.com/{secrets.token_urlsafe(6)}",
        expires_at=now // 1000 + _PREVIEW_SECONDS if is_preview else 0,
    )
