"""One driver per platform: it builds a command and parses its output, but runs nothing."""
