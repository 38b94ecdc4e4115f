"""Running jobs: from rows and files to cells."""
