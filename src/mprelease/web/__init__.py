"""The pages, the JSON API and the live socket; all operations are in services/."""
