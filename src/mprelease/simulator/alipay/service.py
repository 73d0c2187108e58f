"""Alipay's service as minidev 2.2.5 sees it, on the hosts that the tool talks to."""

import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from mprelease.simulator.alipay import compiler, rejections, replies
from mprelease.simulator.alipay.accounts import Accounts
from mprelease.simulator.alipay.ledger import Ledger
from mprelease.simulator.alipay.qr_code import CODES, is_code, png
from mprelease.simulator.alipay.received import Received
from mprelease.simulator.alipay.rejections import Refusal, Rejected
from mprelease.simulator.alipay.signed_calls import SignedCalls, Throttle
from mprelease.simulator.alipay.versions import Version
from mprelease.simulator.multipart import BrokenForm, Form, form_of
from mprelease.simulator.service import Reply, Request
from mprelease.simulator.watched import Watched

_SERVICE = "ideservice.alipay.com"
_CONFIG = "hpmweb.alipay.com"
_FILES = "mdn.alipayobjects.com"
_TELEMETRY = "mdap.alipay.com"

_COMPILER = f"/mini_assets/uri/file/as/builder-v{replies.COMPILER}-linux-"


class Alipay(Watched[Received, Refusal]):
    """Play Alipay: strict about signatures, fields, packages, versions and the order of calls."""

    def __init__(self, folder: Path, slowness: float = 30, builds_after: int = 1) -> None:
        """Keep accepted packages in `folder`; Refusal.SLOW waits `slowness` seconds.

        A build is ready when it has been asked for `builds_after` times.
        """
        self._accounts: Accounts = Accounts()
        self._ledger: Ledger = Ledger(folder)
        self._signed_calls = SignedCalls(
            self._accounts, self._ledger, Throttle(slowness, builds_after)
        )

    @property
    def hosts(self) -> frozenset[str]:
        """Name the hosts; on the one for telemetry nothing is at home."""
        return frozenset({_SERVICE, _CONFIG, _FILES, CODES, _TELEMETRY})

    def register(
        self, app_id: str, tool_id: str, key: str, *, allowed_ips: Collection[str] | None = None
    ) -> None:
        """Make an app known by a tool and either half of its key (PEM).

        No list admits any address. Registering again replaces all of it. Raise ValueError when the
        key is no RSA key.
        """
        self._accounts.register(app_id, tool_id, key, allowed_ips)

    def versions(self, app_id: str) -> list[str]:
        """Return an app's development versions, oldest first."""
        with self._ledger.changed:
            return self._ledger.versions(app_id).numbers

    def fill(self, app_id: str, numbers: Iterable[str]) -> None:
        """Let an app have development versions that were uploaded before, oldest first."""
        with self._ledger.changed:
            for number in numbers:
                self._ledger.versions(app_id).add(Version(number, "", 0))

    def experience(self, app_id: str) -> str | None:
        """Return the version that testers see."""
        with self._ledger.changed:
            return self._ledger.versions(app_id).experience

    def answer(self, request: Request) -> Reply:
        """Answer one call of the tool; an unknown one is answered with 404, and remembered."""
        try:
            return self._open(request) or self._signed(request) or self._unknown(request)
        except Rejected as rejected:
            return rejected.reply
        except (ValidationError, BrokenForm) as error:
            return rejections.unusable(str(error)).reply

    def _open(self, request: Request) -> Reply | None:
        """Answer a call that anybody may make."""
        host = _host(request)
        if request.method != "GET":
            return None
        if host == _CONFIG and request.path == "/api/tinyapp/buildconfig":
            return replies.build_config()
        if host == _FILES and request.path.startswith(_COMPILER):
            return Reply(compiler.archive(), content_type="application/gzip")
        if host == CODES and is_code(request.path):
            return Reply(png(request.path), content_type="image/png")
        if host == CODES:
            return Reply(b"", status=404, content_type="text/plain")
        return None

    def _signed(self, request: Request) -> Reply | None:
        found = re.fullmatch(r"/cli/miniapp/(\w+)\.json", request.path)
        call = f"{request.method} {found[1]}" if found else ""
        if _host(request) != _SERVICE or call not in self._signed_calls:
            return None
        form = _form(request)
        app_id = self._accounts.admit(form.fields, request.headers, request.client)
        return self._signed_calls.answer(call, app_id, form, request.at)

    def _unknown(self, request: Request) -> Reply:
        self._ledger.add_strange(f"{request.method} {_host(request)}{request.path}")
        return replace(rejections.unusable("no such call").reply, status=404)


def _host(request: Request) -> str:
    return request.headers.get("host", "").lower().removesuffix(":443")


def _form(request: Request) -> Form:
    if request.method == "GET":
        return Form(request.query, {})
    return form_of(request.body, request.headers.get("content-type", ""))
