"""Measured speed; one command each."""
