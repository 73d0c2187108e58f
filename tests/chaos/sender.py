"""The stand-in of a platform's bridge: it waits for "go", refuses when late, and sends by itself.

A program of its own, `python -I -S sender.py`, under the real supervisor: nothing that happens to
the worker after "go" can call back what it is about to send.
"""

import json
import os
import socket
import sys
import time
from typing import Any

_EVENTS = 3
_TIMEOUT_SECONDS = 60.0


def main() -> None:
    order = json.loads(sys.stdin.readline())
    _send_event("ready")
    word, _, not_after = sys.stdin.readline().partition(" ")
    if word != "go":
        return
    if time.time() * 1000 > float(not_after):
        _send_event("late")
        return
    _send_event("going")
    time.sleep(order["send"])
    _send_event("yes" if _sent(order) == "yes\n" else "cut")


def _sent(order: dict[str, Any]) -> str:
    port = order["port"]
    try:
        with socket.create_connection(("127.0.0.1", port), _TIMEOUT_SECONDS) as connection:
            connection.sendall(f"{json.dumps(order)}\n".encode())
            return connection.makefile().readline()
    except OSError:
        return ""


def _send_event(event: str) -> None:
    os.write(_EVENTS, f"{event}\n".encode())


if __name__ == "__main__":
    main()
