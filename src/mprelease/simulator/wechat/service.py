"""WeChat's service as miniprogram-ci 2.1.42 sees it: https://servicewechat.com/wxa/ci/…."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from mprelease.domain.releases import Kind
from mprelease.simulator.service import Reply, Request, gateway_error, json_reply
from mprelease.simulator.watched import Watched
from mprelease.simulator.wechat import packages, rejections, replies, source_maps
from mprelease.simulator.wechat.accounts import Accounts
from mprelease.simulator.wechat.calls import PackedSignature, RandomCall, SignedCall, UploadCall
from mprelease.simulator.wechat.ledger import Ledger
from mprelease.simulator.wechat.pack import BrokenPack, unpack
from mprelease.simulator.wechat.received import Received, received_from
from mprelease.simulator.wechat.rejections import Refusal, Rejected

_SIGNATURE_FILE = "ci.signature"


class WeChat(Watched[Received, Refusal]):
    """Play WeChat: strict about keys, random strings, packs and sizes."""

    def __init__(self, folder: Path, slowness: float = 30) -> None:
        """Keep accepted packs in `folder`; Refusal.SLOW waits `slowness` seconds."""
        self._slowness = slowness
        self._accounts: Accounts = Accounts()
        self._ledger: Ledger = Ledger(folder)
        self._routes: Mapping[tuple[str, str], Callable[[Request], Reply]] = {
            ("POST", "/wxa/ci/getrandstr"): self._random_string,
            ("POST", "/wxa/ci/getattr"): self._attributes,
            ("GET", "/wxa/ci/getwhiteextlist"): _nothing,
            ("POST", "/wxa/ci/getmulticosuploadinfo"): self._no_object_storage,
            ("POST", "/wxa/ci/upload"): partial(self._publish, Kind.UPLOAD),
            ("POST", "/wxa/ci/testSourceURL"): partial(self._publish, Kind.PREVIEW),
            ("POST", "/wxa/ci/get_dev_sourcemap_info"): self._source_map_size,
            ("POST", "/wxa/ci/get_dev_sourcemap"): self._source_map,
            ("POST", "/wxa-dev-logic/clientreportv2"): _nothing,
        }

    @property
    def hosts(self) -> frozenset[str]:
        """Name the one host that miniprogram-ci talks to."""
        return frozenset({"servicewechat.com"})

    def register(
        self, app_id: str, key: str, *, allowed_ips: Collection[str] | None = None
    ) -> None:
        """Make an app known by either half of its upload key (PEM); no list admits any address.

        Registering again replaces key and list. Raise ValueError when the key is no RSA key.
        """
        self._accounts.register(app_id, key, allowed_ips)

    def current(self, app_id: str, robot: int) -> Received | None:
        """Return the development version of a robot: each upload replaces the one before."""
        return self._ledger.current(app_id, robot)

    def answer(self, request: Request) -> Reply:
        """Answer one call of the tool; an unknown one is answered with 404, and remembered."""
        route = self._routes.get((request.method, request.path))
        if route is None:
            self._ledger.add_strange(f"{request.method} {request.path}")
            return replace(rejections.unusable("no such call").reply, status=404)
        try:
            return route(request)
        except Rejected as rejected:
            return rejected.reply
        except (ValidationError, BrokenPack) as error:
            return rejections.unusable(str(error)).reply

    def _random_string(self, request: Request) -> Reply:
        call = RandomCall.model_validate_json(request.body)
        return replies.data({"randomString": self._accounts.new_random_string(call.appid)})

    def _attributes(self, request: Request) -> Reply:
        self._signed(request)
        return replies.attributes()

    def _no_object_storage(self, request: Request) -> Reply:
        # After any error here the tool falls back to the plain upload. Its client for the object
        # storage knows no proxy and would leave the loopback.
        self._signed(request)
        raise rejections.unusable("the simulator has no object storage")

    def _publish(self, kind: Kind, request: Request) -> Reply:
        call = UploadCall.model_validate(request.query)
        files = dict(unpack(request.body))
        packed = PackedSignature.model_validate_json(files.pop(_SIGNATURE_FILE, b""))
        self._accounts.admit(call.appid, packed.signature, request.client)
        refusal = self._accounts.refusal_of(call.appid)
        if refusal is Refusal.SERVER_ERROR:
            return gateway_error()
        if refusal is Refusal.TOO_LARGE:
            raise rejections.too_large("main package ", 2580 * 1024, packages.MAX_PACKAGE)
        sizes = packages.sizes_of(files, call.type)
        is_big = call.big and kind is Kind.PREVIEW
        packages.enforce_limits(sizes, call.type, big=is_big)
        received = received_from(kind, call, files, sizes, request.at)
        self._ledger.add(received)
        delay = self._slowness if refusal is Refusal.SLOW else 0
        is_cut = refusal is Refusal.CONNECTION_CUT
        return replace(replies.receipt(received), delay=delay, is_cut=is_cut)

    def _source_map_size(self, request: Request) -> Reply:
        text = source_maps.as_text(self._current_files(self._signed(request)))
        return replies.data({"total_size": len(text), "limit": source_maps.MAX_SLICE})

    def _source_map(self, request: Request) -> Reply:
        call = self._signed(request)
        files = self._current_files(call)
        if not call.streaming:
            return replies.data(source_maps.source_map_list(files))
        part = source_maps.as_text(files)[call.offset : call.offset + call.limit]
        return json_reply({"errCode": 0, "innerRequestResp": {"errCode": 0, "body": part}})

    def _current_files(self, call: SignedCall) -> Mapping[str, bytes]:
        version = self._ledger.current(call.appid, call.robot)
        if version is None:
            raise rejections.unusable(f"robot {call.robot} has no version")
        return version.files

    def _signed(self, request: Request) -> SignedCall:
        call = SignedCall.model_validate_json(request.body)
        self._accounts.admit(call.appid, call.signature, request.client)
        return call


def _nothing(_: Request) -> Reply:
    # For the list of extra file extensions (none) and for telemetry.
    return replies.data({})
