"""The pages and the JSON API: thin, every deed is a service's."""
