"""The door: reads strangers' files with numpy and the standard library alone.

Everything here runs in a sandboxed process of its own, one per file, and imports nothing
else of Kinscape.
"""
