"""Stand-ins of the vendors' HTTP services on loopback, for the demo and the tests."""
