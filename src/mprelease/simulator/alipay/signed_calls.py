"""What a tool may ask for an app once its signature has been accepted."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from mprelease.domain.releases import Kind, LaunchOptions
from mprelease.simulator.alipay import packages, rejections, replies
from mprelease.simulator.alipay.accounts import Accounts
from mprelease.simulator.alipay.calls import (
    BuildCall,
    DetailCall,
    ExperienceCall,
    ListCall,
    PreviewCall,
    UploadCall,
    VersionCall,
)
from mprelease.simulator.alipay.ledger import Ledger
from mprelease.simulator.alipay.qr_code import new_address
from mprelease.simulator.alipay.received import Received
from mprelease.simulator.alipay.rejections import Refusal
from mprelease.simulator.multipart import Form
from mprelease.simulator.service import Reply, gateway_error

# What the tool makes of the status of a build.
_RUNNING, _DONE, _FAILED = "1", "2", "3"

_LOG = ["pages/a/a.js:3: Unexpected token"]


@dataclass(frozen=True)
class Throttle:
    """How slow a slow answer is, in seconds, and after how many questions a build is ready."""

    slowness: float
    builds_after: int


class SignedCalls:
    """Answer for one app at a time; safe to use from many threads."""

    def __init__(self, accounts: Accounts, ledger: Ledger, pace: Throttle) -> None:
        """Work on what others look at, too."""
        self._accounts = accounts
        self._ledger = ledger
        self._pace = pace
        self._answers: Mapping[str, Callable[[str, Form, int], Reply]] = {
            "POST uploadCode": self._upload,
            "POST pullingUploadCode": self._build,
            "POST preview": self._preview,
            "POST setExp": self._set_experience,
            "GET setExpQuery": self._experience,
            "POST cancelExp": self._cancel_experience,
            "POST deleteVersion": self._delete,
            "GET appUploadDetail": self._last_version,
            "GET versionList": self._list,
        }

    def __contains__(self, call: str) -> bool:
        """Tell whether there is such a call, named by method and last part of its path."""
        return call in self._answers

    def answer(self, call: str, app_id: str, form: Form, at: int) -> Reply:
        """Answer a call that arrived at a moment, in milliseconds since the epoch."""
        return self._answers[call](app_id, form, at)

    def _upload(self, app_id: str, form: Form, at: int) -> Reply:
        call = UploadCall.model_validate(form.fields)
        files = packages.uploaded(call, form.files)
        self._judge(app_id, call)
        received = Received(
            kind=Kind.UPLOAD,
            app_id=app_id,
            version=call.package_version,
            description=call.remark,
            launch=LaunchOptions(),
            files=files,
            packages={},
            code_url=None,
            at=at,
        )
        self._ledger.add(received)
        number = self._ledger.start_build(received, self._pace.builds_after)
        return self._marred(app_id, replies.task(number, call.package_version))

    def _judge(self, app_id: str, call: UploadCall) -> None:
        refusal = self._accounts.refusal_of(app_id)
        if refusal is Refusal.TOO_LARGE:
            raise rejections.too_large("", packages.MAX_FULL + packages.MIB, packages.MAX_FULL)
        if refusal is Refusal.VERSION_NOT_GREATER:
            raise rejections.not_greater(call.package_version, call.package_version)
        with self._ledger.changed:
            versions = self._ledger.versions(app_id)
            versions.demand_room(call.package_version, call.old_version)
            if call.old_version:
                versions.remove(call.old_version)

    def _preview(self, app_id: str, form: Form, at: int) -> Reply:
        call = PreviewCall.model_validate(form.fields)
        files = packages.previewed(call, form.files)
        if self._accounts.refusal_of(app_id) is Refusal.TOO_LARGE:
            raise rejections.too_large("", packages.MAX_FULL + packages.MIB, packages.MAX_FULL)
        received = Received(
            kind=Kind.PREVIEW,
            app_id=app_id,
            version=None,
            description=None,
            launch=call.launch,
            files=files,
            packages={part.path: part.size for part in call.sub_packages},
            code_url=self._new_code(app_id),
            at=at,
        )
        self._ledger.add(received)
        answer = {"debugQrcodeUrl": received.code_url, "packageUrlSchema": "alipays://simulator"}
        return self._marred(app_id, replies.data({**answer, "deployVersion": "0.0.1"}))

    def _marred(self, app_id: str, reply: Reply) -> Reply:
        refusal = self._accounts.refusal_of(app_id)
        if refusal is Refusal.SERVER_ERROR:
            return gateway_error()
        delay = self._pace.slowness if refusal is Refusal.SLOW else 0
        return replace(reply, delay=delay, is_cut=refusal is Refusal.CONNECTION_CUT)

    def _build(self, app_id: str, form: Form, _: int) -> Reply:
        call = BuildCall.model_validate(form.fields)
        refusal = self._accounts.refusal_of(app_id)
        if refusal is Refusal.ENDLESS_BUILD:
            return replies.progress(_RUNNING, ["waiting"], is_created=False)
        if refusal is Refusal.BUILD_ERROR:
            return replies.progress(_FAILED, _LOG, is_created=False)
        build = self._ledger.build(app_id, call.package_id)
        if build.questions:
            return replies.progress(_RUNNING, build.log, is_created=False)
        status = _FAILED if build.mistakes else _DONE
        return replies.progress(status, build.log, is_created=not build.mistakes)

    def _set_experience(self, app_id: str, form: Form, _: int) -> Reply:
        call = ExperienceCall.model_validate(form.fields)
        refusal = self._accounts.refusal_of(app_id)
        if refusal is Refusal.EXPERIENCE_REFUSED:
            raise rejections.no_experience()
        if refusal is Refusal.EXPERIENCE_ENDLESS:
            return replies.data({})
        with self._ledger.changed:
            versions = self._ledger.versions(app_id)
            if call.version not in versions.numbers:
                raise rejections.unusable(f"there is no version {call.version}")
            versions.experience = call.version
        return replies.data({})

    def _experience(self, app_id: str, form: Form, _: int) -> Reply:
        call = ExperienceCall.model_validate(form.fields)
        with self._ledger.changed:
            is_set = self._ledger.versions(app_id).experience == call.version
        if not is_set:
            # Measured: to the tool this means that the version is still being packed.
            return replies.data({"packageStatus": ""})
        code = {"qrCodeUrl": self._new_code(app_id), "expPackageVersion": call.version}
        return replies.data({"packageStatus": "success", **code})

    def _new_code(self, app_id: str) -> str:
        is_lost = self._accounts.refusal_of(app_id) is Refusal.NO_QR_CODE
        return re.sub(r"/qr/.*", "/gone", new_address()) if is_lost else new_address()

    def _cancel_experience(self, app_id: str, form: Form, _: int) -> Reply:
        call = VersionCall.model_validate(form.fields)
        with self._ledger.changed:
            versions = self._ledger.versions(app_id)
            if versions.experience == call.version:
                versions.experience = None
        return replies.data({})

    def _delete(self, app_id: str, form: Form, _: int) -> Reply:
        call = VersionCall.model_validate(form.fields)
        with self._ledger.changed:
            self._ledger.versions(app_id).remove(call.version)
        return replies.data({})

    def _last_version(self, app_id: str, form: Form, _: int) -> Reply:
        DetailCall.model_validate(form.fields)
        with self._ledger.changed:
            return replies.data({"lastVersion": self._ledger.versions(app_id).last})

    def _list(self, app_id: str, form: Form, _: int) -> Reply:
        call = ListCall.model_validate(form.fields)
        with self._ledger.changed:
            return replies.data(self._ledger.versions(app_id).listed(call.page_num))
