"""The only place that speaks SQL or touches stored files."""
