"""Which units of a network may trade places, and the order that brings one network closest to another."""
