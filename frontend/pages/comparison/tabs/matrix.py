"""The matrix of one measure, with columns of single models. Drawn in the browser."""

from kinscape.frontend.pages.comparison.tab import Controls, Tab

TAB = Tab("matrix", "Matrix", 10, None, Controls(readings=True, measure=True))
