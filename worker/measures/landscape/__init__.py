"""The minimum a model sits in."""
