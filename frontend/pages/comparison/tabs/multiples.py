"""Every measure as a small matrix. Drawn in the browser."""

from kinscape.frontend.pages.comparison.tab import Controls, Tab

TAB = Tab("multiples", "All measures", 20, None, Controls(readings=True))
