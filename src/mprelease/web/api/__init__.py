"""The JSON API under /api/v1: the same deeds as the pages, for programs."""
