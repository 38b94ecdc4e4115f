"""Kinscape on one machine: real Postgres, Redis, web and workers as children of one program."""
