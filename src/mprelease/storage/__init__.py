"""All SQL: tables (private to this package), one module of queries per noun, and migrations."""
