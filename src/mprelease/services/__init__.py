"""The operations: check what a person asks for, write it in one transaction with its audit row."""
