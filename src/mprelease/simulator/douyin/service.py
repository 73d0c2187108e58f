"""Douyin's service as tt-ide-cli 0.1.33 uses it, on four hosts."""

import re
import secrets
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qsl

from mprelease.domain.releases import Kind
from mprelease.domain.versions import is_greater
from mprelease.simulator.douyin import packages, protocol
from mprelease.simulator.douyin.accounts import Accounts
from mprelease.simulator.douyin.protocol import LoginCall, PreviewCall, SchemaCall, UploadCall
from mprelease.simulator.douyin.versions import Builds, QrCode, Received, VersionStore
from mprelease.simulator.http import InvalidRequest, Reply, Request, gateway_error, read_form
from mprelease.simulator.packages import MIB, CompileError, json_errors, require
from mprelease.simulator.vendor_service import Delays, Fault, VendorService

_DEVELOPER = "developer.toutiao.com"
_MICROAPP = "microapp.bytedance.com"
_OPEN = "developer.open-douyin.com"
_TELEMETRY = "mcs.snssdk.com"
_PREVIEW_SECONDS = 24 * 3600  # An assumption; the tool passes on any value.
_CHANNELS = 10

_Handler = Callable[[Request], Reply]
_AppHandler = Callable[[str, Request], Reply]


class Douyin(VendorService[Received]):
    """A simulated Douyin that checks tokens, sessions, versions, packages and order of calls."""

    supported_faults: ClassVar = frozenset(
        {
            Fault.TOKEN_EXPIRED,
            Fault.UNKNOWN_APP,
            Fault.NOT_CONFIGURED,
            Fault.VERSION_NOT_GREATER,
            Fault.TOO_LARGE,
            Fault.BUILD_ERROR,
            Fault.NO_QR_CODE,
            Fault.SERVER_ERROR,
            Fault.SLOW,
            Fault.CONNECTION_CUT,
        }
    )

    def __init__(self, folder: Path, slow_seconds: float = 30, build_polls: int = 1) -> None:
        """Keep accepted packages in `folder`; a reply under Fault.SLOW takes `slow_seconds`.

        A build is ready after `build_polls` polls that found it running.
        """
        self._versions = VersionStore(folder)
        super().__init__(self._versions, Delays(slow_seconds, build_polls))
        self._accounts = Accounts(self._faults)
        self._builds = Builds(build_polls)
        self._handlers: dict[str, _Handler] = {
            f"POST {_DEVELOPER}/passport/web/email/login/": self._log_in,
            f"GET {_MICROAPP}/platform_api/v1/app/microappadmincomm/getUserInfo": self._user_info,
            f"POST {_DEVELOPER}/api/developer/ide/v1/microapp/make_schema": self._schema,
        }
        versions = "/api/developer/ide/v1/microapp/versions"
        channels = "/api/developer/ide/v1/microapp/get_exist_test_version"
        # The calls that name their app, in the query or in the path.
        self._app_handlers: Sequence[tuple[str, _AppHandler]] = (
            (rf"GET {_DEVELOPER}/api/apps/v3/meta", _meta),
            (rf"GET {_DEVELOPER}{versions}", self._last_version),
            (rf"GET {_MICROAPP}{channels}", _channels),
            (rf"GET {_MICROAPP}/api/v1/app/(\w+)/meta", _meta),
            (rf"GET {_OPEN}/bff_api/app/setting/v2/(\w+)/microappinfoservice/.*", _no_sandbox),
            (rf"PUT {_DEVELOPER}/api/v2/app/(\w+)/testing", partial(self._publish, Kind.UPLOAD)),
            (rf"PUT {_DEVELOPER}/api/v2/app/(\w+)/preview", partial(self._publish, Kind.PREVIEW)),
            (rf"GET {_MICROAPP}/api/v1/app/(\w+)/compile_progress", self._progress),
        )

    @property
    def hosts(self) -> frozenset[str]:
        """Return the hosts that the tool connects to; the last one receives telemetry only."""
        return frozenset({_DEVELOPER, _MICROAPP, _OPEN, _TELEMETRY})

    def register(self, app_id: str, token: str) -> None:
        """Add an app with its token; registering again replaces the token."""
        self._accounts.register(app_id, token)

    def add_user(self, email: str, password: str, apps: Collection[str]) -> None:
        """Add a user who has rights to some apps after a login, or replace password and rights."""
        self._accounts.add_user(email, password, apps)

    @property
    def qr_codes(self) -> list[QrCode]:
        """Return the QR codes that were made so far, oldest first."""
        return self._versions.qr_codes

    def current(self, app_id: str, channel: int | None = None) -> Received | None:
        """Return the version in a channel: its newest upload that could be built."""
        return self._versions.current(app_id, Kind.UPLOAD, channel)

    def _route(self, request: Request) -> Reply:
        call = f"{request.method} {request.host}{request.path}"
        if handler := self._handlers.get(call):
            return handler(request)
        for pattern, app_handler in self._app_handlers:
            if match := re.fullmatch(pattern, call):
                app_id = next(iter(match.groups()), None) or _app_in(request)
                self._accounts.authorize(app_id, request.headers)
                return app_handler(app_id, request)
        return self._unknown(call)

    def _invalid(self, detail: str) -> Reply:
        return protocol.invalid_request(detail).reply

    def _log_in(self, request: Request) -> Reply:
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        call = LoginCall.model_validate(form)
        session = self._accounts.log_in(call.email, call.password)
        if session is None:
            return protocol.login_refused()
        return protocol.logged_in("7000000001", session)

    def _user_info(self, request: Request) -> Reply:
        email = self._accounts.logged_in_user(request.headers)
        if email is None:
            raise protocol.not_logged_in()
        return protocol.success(data={"name": email.partition("@")[0], "email": email})

    def _last_version(self, app_id: str, _: Request) -> Reply:
        return protocol.success_with_data({"audit_version": self._versions.last_version(app_id)})

    def _publish(self, kind: Kind, app_id: str, request: Request) -> Reply:
        fault = self._faults.get(app_id)
        if fault is Fault.SERVER_ERROR:
            return gateway_error()
        if fault is Fault.NOT_CONFIGURED:
            raise protocol.not_configured()
        received = _received(kind, app_id, request)
        self._check(received, fault)
        self._versions.add(received)
        self._builds.start(app_id)
        return self._delivered(protocol.success(), fault)

    def _check(self, received: Received, fault: Fault | None) -> None:
        if fault is Fault.TOO_LARGE:
            raise protocol.too_large(packages.MAX_FULL + MIB, packages.MAX_FULL)
        packages.enforce_limits(received.sizes)
        if received.version is None:
            return
        last = self._versions.last_version(received.app_id)
        if fault is Fault.VERSION_NOT_GREATER:
            last = received.version
        if not is_greater(received.version, last):
            raise protocol.not_greater(received.version, last)

    def _progress(self, app_id: str, _: Request) -> Reply:
        if error := self._compile_error(app_id):
            return protocol.build_error(error)
        if not self._builds.is_ready(app_id):
            return protocol.build_state(protocol.BUILD_RUNNING)
        # The call does not name a package: it refers to the last one.
        self._versions.mark_built(app_id)
        return protocol.build_state(protocol.BUILD_READY)

    def _compile_error(self, app_id: str) -> CompileError | None:
        if self._faults.get(app_id) is Fault.BUILD_ERROR:
            return CompileError("pages/a.js", 3, 1, "Unexpected token")
        package = self._versions.newest(lambda each: each.app_id == app_id)
        return next(json_errors(package.files), None) if package else None

    def _schema(self, request: Request) -> Reply:
        call = SchemaCall.model_validate_json(request.body)
        self._accounts.authorize(call.app_id, request.headers)
        if self._faults.get(call.app_id) is Fault.NO_QR_CODE:
            raise protocol.no_qr_code()
        parameters = call.schema_params
        package = self._versions.current(call.app_id, call.kind, parameters.tag)
        if package is None or package.version != parameters.version_num:
            raise InvalidRequest("nothing was built that a QR code could open")
        code = _qr_code(call, request.at)
        self._versions.add_qr_code(code)
        address = {"origin_schema": f"sslocal://microapp?app_id={call.app_id}"}
        times = {"expire_time": code.expires_at}
        return protocol.success_with_data({**address, "short_url": code.short_url, **times})


def _app_in(request: Request) -> str:
    return request.query.get("app_id") or request.query.get("appid") or ""


def _meta(_: str, __: Request) -> Reply:
    return protocol.app_meta()


def _channels(_: str, __: Request) -> Reply:
    return protocol.success_with_data({"limit_num": _CHANNELS})


def _no_sandbox(_: str, __: Request) -> Reply:
    return protocol.success_with_data({"appInfo": {"isSandboxApp": False}})


def _received(kind: Kind, app_id: str, request: Request) -> Received:
    form = read_form(request)
    only_source = form.files.keys() == {"source"}
    require(only_source, "the package is missing, or there is another file")
    upload = UploadCall.model_validate(form.fields) if kind is Kind.UPLOAD else None
    if upload is None:
        PreviewCall.model_validate(form.fields)
    files = packages.unpack(form.files["source"], app_id)
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


def _qr_code(call: SchemaCall, now: int) -> QrCode:
    # A fictitious URL.
    is_preview = call.kind is Kind.PREVIEW
    return QrCode(
        kind=call.kind,
        app_id=call.app_id,
        version=call.schema_params.version_num,
        channel=call.schema_params.tag,
        launch=call.launch,
        short_url=f"https://z.douyin.com/{secrets.token_urlsafe(6)}",
        expires_at=now // 1000 + _PREVIEW_SECONDS if is_preview else 0,
    )
