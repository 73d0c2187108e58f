"""Who runs what, when: claims, leases, the fence, and what becomes of lost releases."""
