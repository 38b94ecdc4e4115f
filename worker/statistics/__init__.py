"""Statistics over models: correlations between numbers, and between matrices."""
