"""Workers: claims, leases, the fence, wake-up calls, and recovery of lost releases."""
