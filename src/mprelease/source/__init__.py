"""git: a mirror per repository, and a tree that is exactly one commit."""
