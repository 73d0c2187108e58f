"""Package managers: which one a project uses, what its install sees, and the key of the result."""
