"""Kill and freeze everything that a release needs, and count the ends of all releases."""
