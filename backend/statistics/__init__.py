"""Statistics over samples, over models and over pairs of them; numpy and scipy only."""
