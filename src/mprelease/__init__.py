"""mprelease releases mini programs: from a git ref to a QR code, with the vendors' tools."""

__version__ = "0.1.0"
