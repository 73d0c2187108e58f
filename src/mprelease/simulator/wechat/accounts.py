"""The apps that the simulated WeChat knows, and who may act for them."""

from collections.abc import Collection
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from mprelease.simulator.keys import public_half
from mprelease.simulator.treatment import Treatment
from mprelease.simulator.wechat import rejections
from mprelease.simulator.wechat.rejections import Refusal
from mprelease.simulator.wechat.signatures import RandomStrings


@dataclass(frozen=True)
class _Account:
    key: RSAPublicKey
    allowed_ips: frozenset[str] | None


class Accounts(Treatment[Refusal]):
    """Decide whom to believe; changes take effect with the next call."""

    def __init__(self) -> None:
        """Begin without any app."""
        super().__init__()
        self._accounts: dict[str, _Account] = {}
        self._random_strings = RandomStrings()

    def register(self, app_id: str, key: str, allowed_ips: Collection[str] | None) -> None:
        """Make an app known, or replace its key and list; raise ValueError for a bad key."""
        listed = None if allowed_ips is None else frozenset(allowed_ips)
        self._accounts[app_id] = _Account(public_half(key), listed)

    def new_random_string(self, app_id: str) -> str:
        """Give out a string that is to be signed; strange apps get one, too."""
        return self._random_strings.new(app_id)

    def admit(self, app_id: str, signature: str, client: str) -> None:
        """Raise Rejected unless the app's key signed this call, from an address on its list."""
        refusal = self.refusal_of(app_id)
        account = self._accounts.get(app_id)
        if account is None or refusal is Refusal.UNKNOWN_APP:
            raise rejections.unknown_app()
        is_listed = account.allowed_ips is None or client in account.allowed_ips
        if not is_listed or refusal is Refusal.BAD_IP:
            raise rejections.strange_address(client)
        is_signed = self._random_strings.accept(app_id, account.key, signature)
        if not is_signed or refusal is Refusal.BAD_KEY:
            raise rejections.wrong_key()
