"""All SQL: tables, one module of queries per noun, and migrations. Nobody else sees a table."""
