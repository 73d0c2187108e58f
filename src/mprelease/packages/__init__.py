"""Package managers: what an install sees, what its result is named by, how it is run."""
