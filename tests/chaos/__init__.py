"""Kill and freeze whatever a release needs, and count what became of everybody's releases."""
