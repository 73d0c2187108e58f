"""One driver per platform: it describes a command, reads the answer, and runs nothing."""
