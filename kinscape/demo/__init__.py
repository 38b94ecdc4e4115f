"""The demo zoo: two dozen small networks that differ in known ways."""
