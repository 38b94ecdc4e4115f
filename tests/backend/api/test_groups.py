"""Groups, readings and differences: numbers about numbers, checked by hand."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from kinscape import Client, measure
from kinscape.client import ClientError, Comparison, Project

LAYERS = ["features.3", "classifier.1"]


@pytest.fixture(scope="module")
def asked(client: Client, networks: list[Path], probe_file: Path) -> Comparison:
    """Three networks of one group, three of another with a copy of one, at two layers."""
    project = client.create_project("groups")
    ids = []
    for i, file in enumerate(networks[:6]):
        kind = {"architecture": "lenet", "arguments": {"classes": 10}, "group": "first" if i < 3 else "second"}
        ids.append(project.upload_checkpoint(file, name=f"n{i}", **kind))
    copy = networks[0].with_name("copy.safetensors")
    ids.append(pruned(networks[3], copy, project))
    probe = project.upload_probe(probe_file, name="digits-test")
    measures = ["disagreement", "activation-distance", "linear-cka", "kl-divergence", "accuracy-gap", "accuracy"]
    comparison = project.compare(checkpoints=ids, probe=probe, measures=measures, layers=LAYERS)
    return comparison.wait(timeout_s=120)


def pruned(source: Path, target: Path, project: Project) -> object:
    state = load_file(source)
    name = max(state, key=lambda n: state[n].numel())
    state[name] = state[name] * (state[name].abs() > state[name].abs().median())
    save_file(state, target)
    return project.upload_checkpoint(
        target, name="n3-pruned", architecture="lenet", arguments={"classes": 10}, group="second", parent="n3"
    )


def test_groups_count_one_lineage_once(asked: Comparison) -> None:
    values = asked.matrix("disagreement").values
    found = {(m.a, m.b): m for m in asked.groups("disagreement").means}
    assert found["first", "first"].value == pytest.approx(np.mean([values[0, 1], values[0, 2], values[1, 2]]))
    second = found["second", "second"]
    assert second.roots_a == 3
    lineage = [(values[3, 4] + values[6, 4]) / 2, (values[3, 5] + values[6, 5]) / 2, values[4, 5]]
    assert second.value == pytest.approx(np.mean(lineage))
    assert second.low is not None
    assert second.low <= second.value <= second.high
    assert second.sampling_low < second.value < second.sampling_high
    between = found["first", "second"]
    rows = [np.mean([(values[i, 3] + values[i, 6]) / 2, values[i, 4], values[i, 5]]) for i in range(3)]
    assert between.value == pytest.approx(np.mean(rows))


def test_a_permutation_test_says_the_smallest_p_that_it_could_give(asked: Comparison) -> None:
    found = asked.contrast("first", "second", measure="linear-cka", layer=LAYERS[0])
    assert (found.splits, found.smallest_p) == (10, pytest.approx(0.1))
    assert found.p >= found.smallest_p
    assert found.difference == pytest.approx(found.within - found.between)
    assert found.roots_b == 3
    for a, b, sentence in (
        ("first", "third", "no group 'third'"),
        ("first", "first", "two different groups"),
    ):
        with pytest.raises(ClientError, match=sentence):
            asked.contrast(a, b, measure="disagreement")
    with pytest.raises(ClientError, match="single models"):
        asked.contrast("first", "second", measure="accuracy")


def test_a_block_is_compared_with_what_is_around_it(asked: Comparison) -> None:
    ids, values = asked.details.checkpoints, asked.matrix("disagreement").values
    within = asked.block(ids[:3], ids[:3], measure="disagreement")
    assert within.kind == "within"
    assert within.mean.value == pytest.approx(np.mean([values[0, 1], values[0, 2], values[1, 2]]))
    assert within.others.value == pytest.approx(
        np.mean([np.mean([(values[i, 3] + values[i, 6]) / 2, values[i, 4], values[i, 5]]) for i in range(3)])
    )
    assert within.test.difference == pytest.approx(within.mean.value - within.others.value)
    assert (within.test.splits, within.test.smallest_p) == (20, pytest.approx(1 / 20))
    assert "chosen because its colours stand out" in within.sentence
    # The copy and its parent are one model: a block of both has one family.
    pair = asked.block([ids[3], ids[6]], [ids[3], ids[6]], measure="disagreement")
    assert pair.mean.value is None
    assert pair.test is None
    between = asked.block(ids[:2], ids[4:6], measure="disagreement")
    assert between.kind == "between"
    assert between.mean.value == pytest.approx(values[:2, 4:6].mean())
    assert between.test.p >= between.test.smallest_p
    related = asked.block([ids[3]], [ids[6]], measure="disagreement")
    assert "share families" in related.sentence
    mixed = asked.block(ids[:3], ids[1:4], measure="disagreement")
    assert (mixed.kind, mixed.mean, mixed.test) == ("mixed", None, None)
    signed = asked.block(ids[:2], ids[4:6], measure="accuracy-gap")
    assert (signed.mean, signed.test) == (None, None)
    assert "signed difference" in signed.sentence
    everyone = asked.block(ids, ids, measure="disagreement")
    assert "no others" in everyone.sentence
    with pytest.raises(ClientError, match="no checkpoint 999999"):
        asked.block([999999], ids, measure="disagreement")
    with pytest.raises(ClientError, match=r"[Ss]tring should match"):
        asked.block([], ids, measure="disagreement")


def test_a_directed_measure_is_taken_in_both_directions_whatever_the_order_of_the_names(asked: Comparison) -> None:
    values = asked.matrix("kl-divergence").values
    found = {(m.a, m.b): m for m in asked.groups("kl-divergence").means}["first", "first"]
    assert found.value == pytest.approx(values[:3, :3][~np.eye(3, dtype=bool)].mean())
    one, other = (
        asked.contrast(*names, measure="kl-divergence") for names in (("first", "second"), ("second", "first"))
    )
    assert (one.p, one.difference, one.low) == (other.p, other.difference, other.low)
    for ask in (asked.groups, lambda m: asked.packed_matrix(m, reading="against-seeds")):
        with pytest.raises(ClientError, match="signed difference"):
            ask("accuracy-gap")


def test_copies_of_one_network_do_not_narrow_the_interval_for_samples(asked: Comparison) -> None:
    found = {(m.a, m.b): m for m in asked.groups("disagreement").means}["first", "second"]
    ids = asked.details.checkpoints
    cells = {}
    for i in range(3):
        for j in range(3, 7):
            path = f"/comparisons/{asked.id}/cell"
            cells[i, j] = np.array(asked._http.get(path, measure="disagreement", a=ids[i], b=ids[j])["replicates"])
    roots = [np.mean([(cells[i, 3] + cells[i, 6]) / 2, cells[i, 4], cells[i, 5]], axis=0) for i in range(3)]
    replicates = np.mean(roots, axis=0)
    error = np.sqrt(((replicates - replicates.mean()) ** 2).sum() * 19 / 20)
    assert found.sampling_high - found.value == pytest.approx(2.093 * error, rel=1e-3)


def test_above_chance_runs_from_shuffled_samples_to_identity(asked: Comparison) -> None:
    raw, above = (asked.matrix("activation-distance", reading=r) for r in ("raw", "above-chance"))
    cell = asked._http.get(
        f"/comparisons/{asked.id}/cell",
        measure="activation-distance",
        a=asked.details.checkpoints[0],
        b=asked.details.checkpoints[1],
    )
    chance = cell["notes"]["chance"]
    assert chance > raw.values[0, 1] > 0
    assert above.values[0, 1] == pytest.approx((raw.values[0, 1] - chance) / (0 - chance))
    assert above.low[0, 1] <= above.values[0, 1] <= above.high[0, 1]
    assert above.values[2, 2] == 1
    with pytest.raises(ClientError, match="no chance level"):
        asked.matrix("accuracy-gap", reading="above-chance")


def test_against_seeds_is_in_deviations_of_unrelated_networks(asked: Comparison) -> None:
    raw, against = (
        asked.matrix("disagreement").values,
        asked.matrix("disagreement", reading="against-seeds", seeds="first").values,
    )
    seeds = np.array([raw[0, 1], raw[0, 2], raw[1, 2]])
    assert against[3, 6] == pytest.approx(-(raw[3, 6] - seeds.mean()) / seeds.std(ddof=1))
    band = asked.packed_matrix("disagreement", reading="against-seeds", seeds="second").header.band
    assert band is not None
    assert (band.roots, band.pairs, band.group) == (3, 3, "second"), "the pruned copy is no seed"
    with pytest.raises(ClientError, match="no group 'none such'"):
        asked.matrix("disagreement", reading="against-seeds", seeds="none such")


def test_two_layers_of_one_pair_differ_by_a_paired_interval(asked: Comparison) -> None:
    a, b = (asked.matrix("linear-cka", layer=layer).values[0, 1] for layer in LAYERS)
    found = asked.difference(("n0", "n1"), ("n0", "n1"), measure="linear-cka", layer=LAYERS[0], second_layer=LAYERS[1])
    assert found.value == pytest.approx(a - b)
    assert found.low is not None
    assert found.low < found.value < found.high


def test_a_link_reads_groups_and_readings_of_its_comparison_only(asked: Comparison, server: object) -> None:
    token = asked.share().url.rsplit("/", 1)[1]
    with Client(asked._http.url, "", headers={"Kinscape-Share": token}) as visitor:
        shared = visitor.comparison(asked.id)
        assert shared.groups("disagreement").groups == ["first", "second"]
        assert shared.contrast("first", "second", measure="disagreement").splits == 10
        assert np.isfinite(shared.matrix("activation-distance", reading="above-chance").values).all()


def test_paired_differences_of_the_library_are_narrower_than_unpaired_ones() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(size=(400, 5))
    xs = [base + s * rng.normal(size=(400, 5)) for s in (0.3, 0.3, 0.4)]
    found = measure("linear-cka").matrix(xs)
    gap = found.difference((0, 1), (0, 2))
    assert gap.value == pytest.approx(found.values[0, 1] - found.values[0, 2])
    widths = [found.high[i] - found.low[i] for i in ((0, 1), (0, 2))]
    assert gap.high - gap.low < np.hypot(*widths)
