"""The steps of the migrations, numbered from the oldest."""
