"""The stages of a release; independent of database and web."""
