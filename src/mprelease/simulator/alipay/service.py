"""Alipay's service as minidev 2.2.5 uses it, on all hosts that the tool connects to."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import ClassVar

from mprelease.domain.releases import Kind, LaunchOptions
from mprelease.simulator.alipay import packages, protocol
from mprelease.simulator.alipay.accounts import Accounts
from mprelease.simulator.alipay.protocol import (
    QR_CODE_HOST,
    BuildCall,
    LastVersionCall,
    ListCall,
    PreviewCall,
    TrialCall,
    UploadCall,
    VersionCall,
)
from mprelease.simulator.alipay.versions import Received, Version, VersionStore
from mprelease.simulator.http import Form, InvalidRequest, Reply, Request, gateway_error, read_form
from mprelease.simulator.packages import MIB
from mprelease.simulator.vendor_service import Delays, Fault, VendorService

_SERVICE = "ideservice.alipay.com"
_CONFIG = "hpmweb.alipay.com"
_FILES = "mdn.alipayobjects.com"
_TELEMETRY = "mdap.alipay.com"

_COMPILER = f"/mini_assets/uri/file/as/builder-v{protocol.COMPILER_VERSION}-linux-"
_QR_CODE = re.compile(r"/qr/[0-9a-f]{16}\.png")
_BUILD_LOG = ["pages/a/a.js:3: Unexpected token"]  # of a build under Fault.BUILD_ERROR

_SignedHandler = Callable[[str, Form, int], Reply]
"""Answers a signed call: app id, fields and files, time of arrival in ms since the epoch."""


class Alipay(VendorService[Received]):
    """A simulated Alipay that checks signatures, fields, packages, versions and order of calls."""

    supported_faults: ClassVar = frozenset(
        {
            Fault.BAD_IP,
            Fault.BAD_KEY,
            Fault.UNKNOWN_APP,
            Fault.VERSION_NOT_GREATER,
            Fault.TOO_LARGE,
            Fault.BUILD_ERROR,
            Fault.BUILD_NEVER_ENDS,
            Fault.TRIAL_REFUSED,
            Fault.TRIAL_NEVER_READY,
            Fault.NO_QR_CODE,
            Fault.SERVER_ERROR,
            Fault.SLOW,
            Fault.CONNECTION_CUT,
        }
    )

    def __init__(self, folder: Path, slow_seconds: float = 30, build_polls: int = 1) -> None:
        """Keep accepted packages in `folder`; a reply under Fault.SLOW takes `slow_seconds`.

        A build is ready at poll number `build_polls`.
        """
        self._versions = VersionStore(folder)
        super().__init__(self._versions, Delays(slow_seconds, build_polls))
        self._accounts = Accounts(self._faults)
        self._handlers: Mapping[str, _SignedHandler] = {
            "POST uploadCode": self._upload,
            "POST pullingUploadCode": self._build,
            "POST preview": self._preview,
            "POST setExp": self._set_trial,
            "GET setExpQuery": self._trial,
            "POST cancelExp": self._cancel_trial,
            "POST deleteVersion": self._delete,
            "GET appUploadDetail": self._last_version,
            "GET versionList": self._list,
        }

    @property
    def hosts(self) -> frozenset[str]:
        """Return the hosts; the one for telemetry implements no call."""
        return frozenset({_SERVICE, _CONFIG, _FILES, QR_CODE_HOST, _TELEMETRY})

    def register(
        self, app_id: str, tool_id: str, key: str, *, allowed_ips: Collection[str] | None = None
    ) -> None:
        """Add an app with its tool and either half of the tool's key (PEM).

        No list allows any address. Registering again replaces all of it. Raise ValueError when the
        key is not an RSA key.
        """
        self._accounts.register(app_id, tool_id, key, allowed_ips)

    def versions(self, app_id: str) -> list[str]:
        """Return an app's development versions, oldest first."""
        with self._versions.changed:
            return self._versions.versions(app_id).numbers

    def add_versions(self, app_id: str, numbers: Iterable[str]) -> None:
        """Add development versions as if they had been uploaded before, oldest first."""
        with self._versions.changed:
            for number in numbers:
                self._versions.versions(app_id).add(Version(number, "", 0))

    def trial_version(self, app_id: str) -> str | None:
        """Return the version that testers see (体验版)."""
        with self._versions.changed:
            return self._versions.versions(app_id).trial

    def _route(self, request: Request) -> Reply:
        call = f"{request.method} {request.host}{request.path}"
        return self._public(request) or self._signed(request) or self._unknown(call)

    def _invalid(self, detail: str) -> Reply:
        return protocol.invalid_request(detail).reply

    def _public(self, request: Request) -> Reply | None:
        """Answer a call without a signature; return None for any other."""
        if request.method != "GET":
            return None
        if request.host == _CONFIG and request.path == "/api/tinyapp/buildconfig":
            return protocol.build_config()
        if request.host == _FILES and request.path.startswith(_COMPILER):
            return Reply(packages.compiler_archive(), content_type="application/gzip")
        if request.host != QR_CODE_HOST:
            return None
        if _QR_CODE.fullmatch(request.path):
            return Reply(protocol.qr_code_png(request.path), content_type="image/png")
        return Reply(b"", status=HTTPStatus.NOT_FOUND, content_type="text/plain")

    def _signed(self, request: Request) -> Reply | None:
        """Answer a call with a signature; return None for an unknown one."""
        match = re.fullmatch(r"/cli/miniapp/(\w+)\.json", request.path)
        handler = self._handlers.get(f"{request.method} {match[1]}") if match else None
        if handler is None or request.host != _SERVICE:
            return None
        form = Form(request.query, {}) if request.method == "GET" else read_form(request)
        app_id = self._accounts.authorize(form.fields, request.headers, request.client)
        return handler(app_id, form, request.at)

    def _upload(self, app_id: str, form: Form, at: int) -> Reply:
        call = UploadCall.model_validate(form.fields)
        files = packages.unpack_upload(call, form.files)
        fault = self._faults.get(app_id)
        self._check(app_id, call, fault)
        received = Received(
            kind=Kind.UPLOAD,
            app_id=app_id,
            version=call.package_version,
            description=call.remark,
            launch=LaunchOptions(),
            files=files,
            packages={},
            qr_code_url=None,
            at=at,
        )
        self._versions.add(received)
        package_id = self._versions.start_build(received, self._delays.build_polls)
        return self._accepted(protocol.build_started(package_id, call.package_version), fault)

    def _check(self, app_id: str, call: UploadCall, fault: Fault | None) -> None:
        if fault is Fault.TOO_LARGE:
            raise protocol.too_large("", packages.MAX_FULL + MIB, packages.MAX_FULL)
        if fault is Fault.VERSION_NOT_GREATER:
            raise protocol.not_greater(call.package_version, call.package_version)
        with self._versions.changed:
            versions = self._versions.versions(app_id)
            versions.require_acceptable(call.package_version, call.old_version)
            if call.old_version:
                versions.remove(call.old_version)

    def _preview(self, app_id: str, form: Form, at: int) -> Reply:
        call = PreviewCall.model_validate(form.fields)
        files = packages.unpack_preview(call, form.files)
        fault = self._faults.get(app_id)
        if fault is Fault.TOO_LARGE:
            raise protocol.too_large("", packages.MAX_FULL + MIB, packages.MAX_FULL)
        received = Received(
            kind=Kind.PREVIEW,
            app_id=app_id,
            version=None,
            description=None,
            launch=call.launch,
            files=files,
            packages={part.path: part.size for part in call.sub_packages},
            qr_code_url=self._new_qr_code_url(app_id),
            at=at,
        )
        self._versions.add(received)
        addresses = {
            "debugQrcodeUrl": received.qr_code_url,
            "packageUrlSchema": "alipays://simulator",
        }
        return self._accepted(protocol.data({**addresses, "deployVersion": "0.0.1"}), fault)

    def _accepted(self, reply: Reply, fault: Fault | None) -> Reply:
        # The package has been accepted, also before an error of the gateway.
        return gateway_error() if fault is Fault.SERVER_ERROR else self._delivered(reply, fault)

    def _build(self, app_id: str, form: Form, _: int) -> Reply:
        call = BuildCall.model_validate(form.fields)
        fault = self._faults.get(app_id)
        if fault is Fault.BUILD_NEVER_ENDS:
            return protocol.build_state(protocol.BUILD_RUNNING, ["waiting"], is_created=False)
        if fault is Fault.BUILD_ERROR:
            return protocol.build_state(protocol.BUILD_FAILED, _BUILD_LOG, is_created=False)
        build = self._versions.poll_build(app_id, call.package_id)
        if build.polls_left:
            return protocol.build_state(protocol.BUILD_RUNNING, build.log, is_created=False)
        state = protocol.BUILD_FAILED if build.errors else protocol.BUILD_DONE
        return protocol.build_state(state, build.log, is_created=not build.errors)

    def _set_trial(self, app_id: str, form: Form, _: int) -> Reply:
        call = TrialCall.model_validate(form.fields)
        fault = self._faults.get(app_id)
        if fault is Fault.TRIAL_REFUSED:
            raise protocol.trial_refused()
        if fault is Fault.TRIAL_NEVER_READY:
            return protocol.data({})
        with self._versions.changed:
            versions = self._versions.versions(app_id)
            if call.version not in versions.numbers:
                raise InvalidRequest(f"there is no version {call.version}")
            versions.trial = call.version
        return protocol.data({})

    def _trial(self, app_id: str, form: Form, _: int) -> Reply:
        call = TrialCall.model_validate(form.fields)
        if self.trial_version(app_id) != call.version:
            # Measured: the tool takes this for a version that is still being packed.
            return protocol.data({"packageStatus": ""})
        code = {"qrCodeUrl": self._new_qr_code_url(app_id), "expPackageVersion": call.version}
        return protocol.data({"packageStatus": "success", **code})

    def _new_qr_code_url(self, app_id: str) -> str:
        url = protocol.new_qr_code_url()
        is_missing = self._faults.get(app_id) is Fault.NO_QR_CODE
        return re.sub(r"/qr/.*", "/gone", url) if is_missing else url

    def _cancel_trial(self, app_id: str, form: Form, _: int) -> Reply:
        call = VersionCall.model_validate(form.fields)
        with self._versions.changed:
            versions = self._versions.versions(app_id)
            if versions.trial == call.version:
                versions.trial = None
        return protocol.data({})

    def _delete(self, app_id: str, form: Form, _: int) -> Reply:
        call = VersionCall.model_validate(form.fields)
        with self._versions.changed:
            self._versions.versions(app_id).remove(call.version)
        return protocol.data({})

    def _last_version(self, app_id: str, form: Form, _: int) -> Reply:
        LastVersionCall.model_validate(form.fields)
        with self._versions.changed:
            return protocol.data({"lastVersion": self._versions.versions(app_id).last})

    def _list(self, app_id: str, form: Form, _: int) -> Reply:
        call = ListCall.model_validate(form.fields)
        with self._versions.changed:
            return protocol.data(self._versions.versions(app_id).page(call.page_num))
