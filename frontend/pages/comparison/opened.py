"""A comparison that a visitor opened: its data, ready to be drawn in one order."""

import re
from dataclasses import dataclass
from functools import cached_property

from kinscape.backend.contracts.cards import Arity, Card, Change, Family, Input
from kinscape.backend.contracts.checkpoints import Checkpoint
from kinscape.backend.contracts.comparisons import AskedMeasure
from kinscape.client import Client, ClientError, Comparison, PackedMatrix, Project
from kinscape.frontend.access import Access
from kinscape.frontend.view import View


def comparison_of(client: Client, path: str) -> int:
    """The number of the comparison that a path shows; a shared path says it by its link."""
    parts = path.strip("/").split("/")
    if len(parts) != 2 or not parts[1].isdecimal():
        raise ClientError("There is nothing at this address.", status=404)
    if parts[0] == "shared":
        return client.opened_share().comparison
    return int(parts[1])


@dataclass
class OpenedComparison:
    """One comparison, the view of it, and what the view needs."""

    access: Access
    client: Client
    comparison: Comparison
    view: View
    path: str

    @classmethod
    def of(cls, access: Access, path: str, query: str | None) -> "OpenedComparison":
        """What an address shows, as far as this visitor may see it."""
        client = access.client(path)
        number = comparison_of(client, path)
        return cls(access, client, client.comparison(number), View.of(query), path)

    @property
    def is_shared(self) -> bool:
        """Whether this is somebody's link: nothing can be changed."""
        return self.path.startswith("/shared/")

    @cached_property
    def project(self) -> Project:
        """The project that the comparison belongs to."""
        return self.client.project_numbered(self.comparison.details.project)

    @cached_property
    def cards(self) -> dict[str, Card]:
        """Every card by slug."""
        return self.access.cards(self.client)

    @cached_property
    def checkpoints(self) -> dict[int, Checkpoint]:
        """The checkpoints by number."""
        return {c.id: c for c in self.comparison.checkpoints()}

    @cached_property
    def pairwise(self) -> list[AskedMeasure]:
        """Measures of pairs, in the order asked."""
        return [m for m in self.comparison.details.measures if m.arity is Arity.PAIR and m.slug in self.cards]

    @cached_property
    def single(self) -> list[AskedMeasure]:
        """Measures of single models, in the order asked."""
        return [m for m in self.comparison.details.measures if m.arity is Arity.MODEL and m.slug in self.cards]

    @property
    def measure(self) -> AskedMeasure | None:
        """The pairwise measure that is shown."""
        named = [m for m in self.pairwise if m.key == self.view.measure]
        return (named or self.pairwise or [None])[0]  # type: ignore[list-item]

    @property
    def mixture(self) -> str:
        """A sentence where measures of the weights' scale would compare unlike architectures; else empty."""
        kinds = sorted({f"{c.kind} ({c.parameters:,})" for c in self.checkpoints.values() if c.parameters})
        if len(kinds) < 2:
            return ""
        titles = [
            self.cards[m.slug].title
            for m in self.single
            if self.cards[m.slug].input in (Input.NETWORK, Input.WEIGHTS)
            and self.cards[m.slug].family in (Family.LANDSCAPE, Family.WEIGHTS)
            and Change.RESCALE_LAYERS not in self.cards[m.slug].ignores
        ]
        if not titles:
            return ""
        return (
            f"These checkpoints have different architectures or sizes: {', '.join(kinds)} weights. These numbers "
            f"follow the number and the scale of the weights, so compare them within one architecture only: "
            f"{', '.join(titles)}."
        )

    def layers(self, measure: AskedMeasure) -> list[str]:
        """Layers that a measure was asked for, same on both sides."""
        return list(dict.fromkeys(a for a, b in measure.layers if a == b))

    def layer(self, measure: AskedMeasure) -> str | None:
        """The layer that is shown."""
        layers = self.layers(measure)
        if not layers:
            return None
        return self.view.layer if self.view.layer in layers else layers[-1]

    def matrix(self, measure: AskedMeasure, layer: str | None) -> PackedMatrix:
        """One measure of all pairs or models."""
        return self.access.matrix(self.comparison, measure.key, layer)

    def order(self) -> list[int]:
        """Positions of the models by group or name where the view says so, else as they were added."""
        order = self._order()
        return order[::-1] if self.view.way == "up" and self.view.order != "alike" else order

    def _order(self) -> list[int]:
        details = self.comparison.details
        everyone = list(range(len(details.checkpoints)))
        groups = [self.checkpoints[i].group if i in self.checkpoints else "" for i in details.checkpoints]
        if self.view.order == "name":
            return sorted(everyone, key=lambda i: details.labels[i])
        if self.view.order == "group":
            return sorted(everyone, key=lambda i: (groups[i], details.labels[i]))
        return everyone

    def selected(self) -> set[int]:
        """Numbers of the checkpoints that are selected, one, two or a block."""
        ids = [int(i) for i in re.findall(r"[0-9]+", self.view.block)]
        return {self.view.a, self.view.b, *ids} - {0}

    def href(self, view: View) -> str:
        """The address of a view of this comparison."""
        return f"{self.path}{view.query()}"
