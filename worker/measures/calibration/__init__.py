"""Whether a model is right, and whether its confidence can be trusted."""
