"""Looking after an installation from its own machine: backups, restoring, and what is wrong with it."""
