"""git: a mirror per repository, and working trees that contain exactly one commit."""
