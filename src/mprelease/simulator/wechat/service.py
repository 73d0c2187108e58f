"""WeChat's service as miniprogram-ci 2.1.42 uses it: https://servicewechat.com/wxa/ci/…."""

import json
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import ClassVar

from mprelease.domain.releases import Kind
from mprelease.simulator.http import InvalidRequest, Reply, Request, gateway_error, json_reply
from mprelease.simulator.vendor_service import Delays, Fault, PackageStore, VendorService
from mprelease.simulator.wechat import packages, protocol
from mprelease.simulator.wechat.accounts import Accounts
from mprelease.simulator.wechat.packages import Received
from mprelease.simulator.wechat.protocol import (
    PackageSignature,
    RandomStringCall,
    SignedCall,
    UploadCall,
)

_SIGNATURE_FILE = "ci.signature"
_MAX_SOURCE_MAP_PART = 4 * 1024 * 1024  # characters of a source map that one call may fetch


class WeChat(VendorService[Received]):
    """A simulated WeChat that checks keys, random strings, packages and sizes."""

    supported_faults: ClassVar = frozenset(
        {
            Fault.BAD_IP,
            Fault.BAD_KEY,
            Fault.UNKNOWN_APP,
            Fault.TOO_LARGE,
            Fault.SERVER_ERROR,
            Fault.SLOW,
            Fault.CONNECTION_CUT,
        }
    )

    def __init__(self, folder: Path, slow_seconds: float = 30) -> None:
        """Keep accepted packages in `folder`; a reply under Fault.SLOW takes `slow_seconds`."""
        super().__init__(PackageStore(folder), Delays(slow_seconds))
        self._accounts = Accounts(self._faults)
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
        """Return the only host that miniprogram-ci connects to."""
        return frozenset({"servicewechat.com"})

    def register(
        self, app_id: str, key: str, *, allowed_ips: Collection[str] | None = None
    ) -> None:
        """Add an app with either half of its upload key (PEM); no list allows any address.

        Registering again replaces key and list. Raise ValueError when the key is not an RSA key.
        """
        self._accounts.register(app_id, key, allowed_ips)

    def current(self, app_id: str, robot: int) -> Received | None:
        """Return the development version of a robot: each upload replaces the one before."""
        wanted = (Kind.UPLOAD, app_id, robot)
        return self._store.newest(lambda each: (each.kind, each.app_id, each.robot) == wanted)

    def _route(self, request: Request) -> Reply:
        route = self._routes.get((request.method, request.path))
        return route(request) if route else self._unknown(f"{request.method} {request.path}")

    def _invalid(self, detail: str) -> Reply:
        return protocol.invalid_request(detail).reply

    def _random_string(self, request: Request) -> Reply:
        call = RandomStringCall.model_validate_json(request.body)
        return protocol.data({"randomString": self._accounts.new_random_string(call.appid)})

    def _attributes(self, request: Request) -> Reply:
        self._authorized(request)
        return protocol.attributes()

    def _no_object_storage(self, request: Request) -> Reply:
        # After any error here the tool falls back to the direct upload. Its client for the object
        # storage supports no proxy and would connect to the internet.
        self._authorized(request)
        raise InvalidRequest("the simulator has no object storage")

    def _publish(self, kind: Kind, request: Request) -> Reply:
        call = UploadCall.model_validate(request.query)
        files = dict(packages.unpack(request.body))
        packed = PackageSignature.model_validate_json(files.pop(_SIGNATURE_FILE, b""))
        self._accounts.authorize(call.appid, packed.signature, request.client)
        fault = self._faults.get(call.appid)
        if fault is Fault.SERVER_ERROR:
            return gateway_error()
        if fault is Fault.TOO_LARGE:
            raise protocol.too_large("main package ", 2580 * 1024, packages.MAX_PACKAGE)
        sizes = packages.sizes_of(files, call.type)
        is_big = call.big and kind is Kind.PREVIEW
        packages.enforce_limits(sizes, call.type, big=is_big)
        received = packages.received_from(kind, call, files, sizes, request.at)
        self._store.add(received)
        reply = protocol.accepted(sizes, received.preview_url, received.plugin_id)
        return self._delivered(reply, fault)

    def _source_map_size(self, request: Request) -> Reply:
        text = _source_map_text(self._current_files(self._authorized(request)))
        return protocol.data({"total_size": len(text), "limit": _MAX_SOURCE_MAP_PART})

    def _source_map(self, request: Request) -> Reply:
        call = self._authorized(request)
        files = self._current_files(call)
        if not call.streaming:
            return protocol.data(_source_maps(files))
        part = _source_map_text(files)[call.offset : call.offset + call.limit]
        return json_reply({"errCode": 0, "innerRequestResp": {"errCode": 0, "body": part}})

    def _current_files(self, call: SignedCall) -> Mapping[str, bytes]:
        version = self.current(call.appid, call.robot)
        if version is None:
            raise InvalidRequest(f"robot {call.robot} has no version")
        return version.files

    def _authorized(self, request: Request) -> SignedCall:
        call = SignedCall.model_validate_json(request.body)
        self._accounts.authorize(call.appid, call.signature, request.client)
        return call


def _nothing(_: Request) -> Reply:
    # For the list of extra file extensions (none) and for telemetry.
    return protocol.data({})


def _source_maps(files: Mapping[str, bytes]) -> Mapping[str, object]:
    """Return the source maps of a version in the format of the tool's `get-dev-source-map`."""
    maps = [
        {"fullpath": name, "sourcemap": content.decode("utf-8")}
        for name, content in sorted(files.items())
        if name.endswith(".js.map")
    ]
    return {"sourcemap_list": maps}


def _source_map_text(files: Mapping[str, bytes]) -> str:
    """Return the source maps as ASCII JSON, whose length in bytes and characters is the same."""
    return json.dumps(_source_maps(files))
