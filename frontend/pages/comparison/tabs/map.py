"""Models as points. Drawn in the browser."""

from kinscape.frontend.pages.comparison.tab import Controls, Tab

TAB = Tab("map", "Map", 30, None, Controls(measure=True))
