"""From bytes to a network: the sandboxed door, the registry of architectures, probe sets."""
