"""The pictures of a comparison: one file each, found by looking."""
