"""What a user can do, one room per subject; no HTTP and no queue in here."""
