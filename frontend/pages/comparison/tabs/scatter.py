"""Any number against any other, of checkpoints or of pairs. Drawn in the browser."""

from kinscape.frontend.pages.comparison.tab import Controls, Tab

TAB = Tab("scatter", "Scatter", 55, None, Controls(sides=True, selection=True))
