"""The record of each operation: its fields, once for the API, the forms and the command line."""
