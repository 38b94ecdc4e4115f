"""Figures of curves, surfaces and tables: what they draw from what a measure found."""

import numpy as np
import pytest
import torch

from kinscape import build, measure
from kinscape.frontend.figures import curves as draw
from kinscape.frontend.figures import surfaces
from kinscape.frontend.figures.curves import Curve

RNG = torch.Generator().manual_seed(0)
X = torch.rand(60, 1, 8, 8, generator=RNG)
MODELS = [build("lenet", classes=4).eval() for _ in range(2)]
Y = torch.randint(0, 4, (60,), generator=RNG)


def curve(slug: str, *models: torch.nn.Module, **settings: object) -> Curve:
    """What really stands behind a number."""
    found = measure(slug)(*models, X, Y, **settings)
    return Curve(slug, found.series, found.notes)


def test_a_spectrum_is_a_density_with_stems() -> None:
    both = [curve("hessian-density", m, probes=2, steps=10) for m in MODELS]
    tops = [curve("hessian-top-eigenvalue", m, k=3) for m in MODELS]
    figure = draw.spectrum(both, tops, scheme="light")
    lines = [t for t in figure.data if t.fill == "tozeroy"]
    assert len(lines) == 2
    for line, own in zip(lines, both, strict=True):
        area = np.trapezoid(np.array(line.y, dtype=float), np.array(line.x, dtype=float))
        assert area == pytest.approx(1, abs=0.02), own.name
    stems = [t for t in figure.data if t.fill != "tozeroy"]
    assert sorted(t.x[0] for t in stems) == pytest.approx(sorted(v for t in tops for v in t.series["eigenvalue"]))


def test_the_way_between_two_marks_its_barrier() -> None:
    for model in MODELS:
        with torch.no_grad():
            for p in model.parameters():
                p.mul_(1.5)
    found = curve("loss-barrier", *MODELS, points=11)
    figure = draw.path([found], ("<b>first</b>", "second"), scheme="dark")
    assert figure.layout.xaxis2.ticktext[0] == "&lt;b&gt;first&lt;/b&gt;"
    height = measure("loss-barrier")(*MODELS, X, Y, points=11).value
    marks = [a.text for a in figure.layout.annotations]
    assert len(marks) == (1 if height > 0 else 0)


def test_a_gap_in_a_curve_stays_a_gap() -> None:
    figure = draw.slice_1d(
        [Curve("a", {"step": [-1.0, 0.0, 1.0], "loss": [None, 0.5, 1.0], "accuracy": [None, 1.0, 1.0]}, {})],
        scheme="light",
    )
    assert np.isnan(figure.data[0].y[0])


def test_reliability_draws_every_used_bin_with_its_interval() -> None:
    logits = MODELS[0](X).detach()
    found = measure("ece")(logits, Y)
    figure = draw.reliability([Curve("a", found.series, found.notes)], scheme="light")
    points = next(t for t in figure.data if t.mode == "markers+lines")
    assert np.isfinite(np.array(points.y, dtype=float)).sum() == sum(n > 0 for n in found.series["samples"])
    assert (np.array(points.error_y.array, dtype=float)[np.isfinite(points.y)] >= 0).all()


def test_surfaces_have_the_network_in_the_middle_and_planes_their_corners() -> None:
    found = curve("loss-surface-2d", MODELS[0], points=5)
    figure = surfaces.surface(found, scheme="light")
    assert np.array(figure.data[0].z).shape == (5, 5)
    assert figure.data[0].customdata[2][2] == pytest.approx(found.series["loss"][12])
    third = build("lenet", classes=4).eval()
    plane = curve("loss-plane", MODELS[0], references=[*MODELS, third], points=5)
    points = [
        surfaces.PlanePoint(n, plane.number(f"x{k}"), plane.number(f"y{k}"), distance=0.0, is_corner=True)
        for k, n in enumerate(("a", "b", "c"), 1)
    ]
    drawn = surfaces.plane(plane, points, scheme="dark")
    assert list(drawn.data[2].text) == ["a", "b", "c"]


def test_corruptions_bars_and_prune_curves_show_every_number() -> None:
    heat = surfaces.corruption(curve("corruption-accuracy", MODELS[0]), scheme="light")
    assert np.array(heat.data[0].z).shape == (10, 5)
    layers = curve("layer-traces", MODELS[0])
    bars = draw.bars([layers], scheme="light", x="share")
    assert list(bars.data[0].x) == list(layers.series["value"])
    pruned = measure("prune-curve")(MODELS[0].state_dict())
    figure = draw.prune([Curve("a", pruned.series, pruned.notes)], scheme="light")
    assert figure.data[1].x[0] == pruned.notes["optimum_sparsity"]


def test_tables_of_layers_and_of_measures_keep_names_as_text() -> None:
    values = np.array([[1.0, np.nan], [2.0, 3.0]])
    figure = surfaces.profile(values, values * 0, ["<i>a</i>", "b"], ["one", "two"], scheme="light")
    assert figure.layout.yaxis.ticktext[0] == "&lt;i&gt;a&lt;/i&gt;"
    assert np.isnan(figure.data[0].z[0][1])
    rho = np.array([[1.0, 0.4], [0.4, 1.0]])
    agreed = surfaces.agreement(rho, rho, rho, ["x", "y"], scheme="dark")
    assert np.isnan(agreed.data[0].z[0][0])
    points = surfaces.scatter(
        values[:, 0], values[:, 0], ["a", "b"], (["g", ""], {"g": "#123456"}), titles=("x", "y"), scheme="light"
    )
    assert [t.name for t in points.data] == ["g", "no group"]
