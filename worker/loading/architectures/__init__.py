"""Architectures that Kinscape can build by name, one file each."""
