"""Pictures along training: layers, spectra, paths on a plane."""

import numpy as np
import pytest

from kinscape.frontend.figures.curves import Curve
from kinscape.frontend.figures.over_steps import layers, spectra
from kinscape.frontend.figures.surfaces import PlanePoint, plane


def test_layers_stand_in_their_order_with_one_scale() -> None:
    grid = np.array([[1.0, 2.0], [3.0, np.nan]])
    figure = layers(grid, ["first", "<b>last</b>"], [10, 200], (0.0, 5.0), scheme="light")
    drawn = figure.data[0]
    assert list(drawn.x) == ["10", "200"]
    assert list(drawn.y) == ["first", "&lt;b&gt;last&lt;/b&gt;"]
    assert (drawn.zmin, drawn.zmax) == (0.0, 5.0)
    assert figure.layout.yaxis.autorange == "reversed"


def test_every_eigenvalue_is_in_one_bin_and_the_bulk_has_room() -> None:
    nodes = [-0.5, 0.0, 0.001, 0.01, 90.0]
    weights = [0.05, 0.5, 0.3, 0.1, 0.05]
    curves = [(step, Curve(f"step {step}", {"node": nodes, "weight": weights}, {})) for step in (1, 2)]
    drawn = spectra(curves, scheme="dark").data[0]
    shares = 10 ** np.nan_to_num(np.asarray(drawn.z, dtype=float), nan=-np.inf)
    assert shares.sum(0) == pytest.approx([1.0, 1.0])
    # 0, 0.001 and 0.01 are told from one another though one eigenvalue is 90.
    assert (shares[:, 0] > 0).sum() == 5


def test_spectra_that_are_all_zero_are_drawn() -> None:
    flat = Curve("step 1", {"node": [0.0, 0.0], "weight": [0.5, 0.5]}, {})
    drawn = spectra([(1, flat), (2, flat)], scheme="light").data[0]
    assert 10 ** np.nanmax(np.asarray(drawn.z, dtype=float)) == pytest.approx(1.0)


def test_steps_of_a_run_are_a_path_on_the_plane() -> None:
    side = [-1.0, 0.0, 1.0]
    x, y = (a.ravel().tolist() for a in np.meshgrid(side, side))
    surface = Curve("plane", {"x": x, "y": y, "loss": [1.0 + v for v in x]}, {})
    points = [
        PlanePoint("late", 1.0, 0.5, 0.1, is_corner=False, run="r", step=20),
        PlanePoint("early", 0.0, 0.0, 0.0, is_corner=True, run="r", step=3),
        PlanePoint("alone", 0.3, 0.3, 0.0, is_corner=False, run="s", step=1),
        PlanePoint("none", 0.1, 0.1, 0.0, is_corner=False),
    ]
    paths = [t for t in plane(surface, points, scheme="light").data if t.type == "scatter" and t.mode == "lines"]
    assert [(list(t.x), list(t.y)) for t in paths] == [([0.0, 1.0], [0.0, 0.5])]
