"""The stages of a release, in order. They know no database and no web."""
