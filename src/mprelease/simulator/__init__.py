"""The vendors' HTTP services, simulated on 127.0.0.1 for the demo, the tests and the benchmarks.

`proxy.py` is the server: an HTTP proxy that answers for the vendors' hosts. `http.py` is what a
service sees of a request, `vendor_service.py` and `packages.py` are what the services have in
common. Each vendor has a package of its own with the same modules: `service.py` (the calls),
`protocol.py` (what a call and a reply consist of), `accounts.py` (who may call), `packages.py`
(what is sent) and, where the vendor builds what it gets, `versions.py`.
"""
