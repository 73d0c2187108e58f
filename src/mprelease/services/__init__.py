"""The operations: check a request, and write the change and its audit entry in one transaction."""
