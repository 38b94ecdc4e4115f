"""The page of a comparison: what to look at, the picture of a tab, what is selected."""
