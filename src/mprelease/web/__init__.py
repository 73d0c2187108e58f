"""The pages and the JSON API: thin; every operation is a service's."""
