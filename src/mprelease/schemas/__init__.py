"""One record per operation, shared by the API, the forms and the command line."""
