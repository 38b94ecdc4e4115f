"""From a measure and its inputs to values, intervals, chance levels and reasons."""
