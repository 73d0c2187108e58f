"""Run one command and end its whole process tree: supervisor, sandbox, limits, masking."""
