"""The plane through three networks, and how far others lie from it."""

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Direction, Parameter, Uncertainty
from kinscape.worker.curvature.directions import odd
from kinscape.worker.curvature.linear_paths import between, same_architecture
from kinscape.worker.curvature.vectors import all_weights
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.landscape.family import minimum_card

# The three networks stand inside the picture, not on its edge.
MARGIN = 0.2


@measure(
    minimum_card(
        slug="loss-plane",
        title="Distance from the plane of three networks",
        formula=r"\min_{\alpha,\beta} \lVert \theta - \theta_1 - \alpha(\theta_2 - \theta_1) - \beta(\theta_3 - "
        r"\theta_1)"
        r"\rVert_2",
        low=0.0,
        high=None,
        direction=Direction.NEITHER,
        needs_labels=True,
        uncertainty=Uncertainty.EXACT,
        reliable_from="any three different networks of one architecture",
        pitfalls="The plot is the loss on the plane; other networks are drawn at their orthogonal projection, with "
        "their distance from the plane. Units are not matched; BatchNorm statistics are mixed.",
        source="Garipov et al. 2018, appendix, plane through three checkpoints",
        references=(3, 3),
        references_help="the three that span the plane.",
        parameters=(
            Parameter(name="points", default=21, minimum=3, maximum=201, help="Points to a side; an odd number."),
        ),
        tolerance=1e-4,
    ),
)
def loss_plane(subject: Subject, *, points: int) -> Measurement:
    """How far a network lies from the plane through three others, in the unit of the weights."""
    corners = subject.references
    same_architecture([subject, *corners])
    origin = all_weights(corners[0]).double()
    first, second = _axes(*(all_weights(c).double() - origin for c in corners[1:]))
    own = all_weights(subject).double() - origin
    x, y = float(own @ first), float(own @ second)
    away = own - x * first - y * second
    notes: dict[str, float | int | str] = {"x": x, "y": y}
    for number, corner in enumerate(corners, 1):
        step = all_weights(corner).double() - origin
        notes |= {f"x{number}": float(step @ first), f"y{number}": float(step @ second)}
    series = {}
    if float(own.norm()) == 0:
        # The surface is the same for every network of the question; the first of the three carries it.
        series = _surface(corners, first, second, odd(points))
    return Measurement(float(away.norm()), notes=notes, series=series)


def _axes(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Two orthogonal unit vectors that span the plane."""
    if not float(u.norm()) > 0:
        raise Undefined("Two of the three have the same weights: they span no plane.")
    first = u / u.norm()
    rest = v - (v @ first) * first
    if float(rest.norm()) <= 1e-9 * float(u.norm()):
        raise Undefined("The three lie on one line: they span no plane.")
    return first, rest / rest.norm()


def _surface(corners: tuple[Subject, ...], first: Tensor, second: Tensor, points: int) -> dict[str, list[float]]:
    origin = all_weights(corners[0]).double()
    u, v = (all_weights(c).double() - origin for c in corners[1:])
    spots = torch.tensor([[0.0, 0.0], [float(u @ first), 0.0], [float(v @ first), float(v @ second)]])
    low, high = spots.amin(0), spots.amax(0)
    room = MARGIN * (high - low).clamp_min(float((high - low).amax()) / 10)
    axes = [torch.linspace(float(low[k] - room[k]), float(high[k] + room[k]), points).tolist() for k in (0, 1)]
    places = [(x, y) for y in axes[1] for x in axes[0]]
    shares = []
    for x, y in places:
        b = y / float(spots[2, 1])
        a = (x - b * float(spots[2, 0])) / float(spots[1, 0])
        shares.append((1 - a - b, a, b))
    found = between(list(corners), shares, statistics="interpolated")
    return {
        "x": [x for x, _ in places],
        "y": [y for _, y in places],
        "loss": found.losses.mean(1).tolist(),
        "accuracy": (1 - found.errors.mean(1)).tolist(),
    }
