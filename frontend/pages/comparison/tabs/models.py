"""Measures of single models, as a table. Drawn in the browser."""

from kinscape.frontend.pages.comparison.tab import Controls, Tab

TAB = Tab("models", "Models", 50, None, Controls(sides=False))
