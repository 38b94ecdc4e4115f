"""The database's history, and how to move along it."""
