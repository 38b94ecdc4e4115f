"""What is asked first, answered from the numbers. Drawn in the browser."""

from kinscape.frontend.pages.comparison.tab import Controls, Tab

TAB = Tab("summary", "Summary", 5, None, Controls(sides=False))
