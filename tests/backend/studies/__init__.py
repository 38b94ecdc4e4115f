"""Studies: roles, analyses, sentences."""
