"""Routes under /api/v1, one room per subject."""
