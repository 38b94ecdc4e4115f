"""Studies: who plays which role, what is compared with what, and by which test."""
