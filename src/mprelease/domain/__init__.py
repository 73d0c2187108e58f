"""Types and rules of the domain: standard library only, no I/O."""
