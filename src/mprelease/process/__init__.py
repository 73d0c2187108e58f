"""Run one command and leave nobody behind: supervisor, sandbox, masking, limits."""
