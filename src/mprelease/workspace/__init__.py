"""The data folder: its layout and lock, dependency sets, and caches between releases."""
