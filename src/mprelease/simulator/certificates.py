"""A throw-away certificate authority: its private key never touches a lasting file."""

import ssl
from collections.abc import Iterable
from pathlib import Path

import trustme


class Authority:
    """Vouch for the simulated hosts."""

    def __init__(self, ca_file: Path, hosts: Iterable[str]) -> None:
        """Make a new authority, write its certificate to `ca_file` and one per host in memory."""
        self.ca_file = ca_file
        self._ca = trustme.CA(organization_name="mprelease simulator")
        self._ca.cert_pem.write_to_path(ca_file)
        self._contexts = {host: self._context(host) for host in hosts}

    def context(self, host: str) -> ssl.SSLContext:
        """Return the server's side of TLS for one host; raise KeyError for a strange one."""
        return self._contexts[host]

    def _context(self, host: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(host).configure_cert(context)

        def check_name(_: object, name: str | None, __: object) -> int | None:
            return None if name == host else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME

        context.sni_callback = check_name
        return context
