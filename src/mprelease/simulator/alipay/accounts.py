"""The apps that the simulated Alipay knows, and which tool may act for them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from mprelease.simulator.alipay import rejections
from mprelease.simulator.alipay.rejections import Refusal
from mprelease.simulator.alipay.signatures import is_signed
from mprelease.simulator.keys import public_half
from mprelease.simulator.treatment import Treatment


@dataclass(frozen=True)
class _Account:
    tool_id: str
    key: RSAPublicKey
    allowed_ips: frozenset[str] | None


class Accounts(Treatment[Refusal]):
    """Decide whom to believe; changes take effect with the next call."""

    def __init__(self) -> None:
        """Begin without any app."""
        super().__init__()
        self._accounts: dict[str, _Account] = {}

    def register(
        self, app_id: str, tool_id: str, key: str, allowed_ips: Collection[str] | None
    ) -> None:
        """Make an app known, or replace its tool; raise ValueError for a bad key."""
        listed = None if allowed_ips is None else frozenset(allowed_ips)
        self._accounts[app_id] = _Account(tool_id, public_half(key), listed)

    def admit(self, fields: Mapping[str, str], headers: Mapping[str, str], client: str) -> str:
        """Return the app of a call; raise Rejected unless its tool may, from its address."""
        app_id = fields.get("appId", "")
        refusal = self.refusal_of(app_id)
        account = self._accounts.get(app_id)
        if account is None or refusal is Refusal.UNKNOWN_APP:
            raise rejections.unknown_app(app_id)
        is_ours = fields.get("toolId") == account.tool_id
        if refusal is Refusal.BAD_KEY or not is_ours or not is_signed(fields, headers, account.key):
            raise rejections.wrong_key()
        is_listed = account.allowed_ips is None or client in account.allowed_ips
        if refusal is Refusal.BAD_IP or not is_listed:
            raise rejections.strange_address(client)
        return app_id
