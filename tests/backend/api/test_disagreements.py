"""Where two networks disagree: counts, classes and samples against the networks themselves."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from kinscape import build
from kinscape.client import Client, ClientError, Comparison, Project

SIDE, SAMPLES, CLASSES = 80, 90, 10


def trained(seed: int, x: Tensor, y: Tensor) -> nn.Module:
    """A network that is right about half of the time."""
    torch.manual_seed(seed)
    network = build("mlp", inputs=x[0].numel(), classes=CLASSES, width=8, depth=1)
    optimiser = torch.optim.Adam(network.parameters(), 0.02)
    for _ in range(12):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(x), y).backward()
        optimiser.step()
    return network.eval()


@pytest.fixture(scope="module")
def samples() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    y = torch.randint(0, CLASSES, (SAMPLES,), generator=generator)
    x = torch.randn(SAMPLES, 1, SIDE, SIDE, generator=generator)
    x[:, 0, 0, :CLASSES] += 4 * nn.functional.one_hot(y, CLASSES)
    return x, y


@pytest.fixture
def asked(project: Project, samples: tuple[Tensor, Tensor], tmp_path: Path) -> tuple[Comparison, list[int], Tensor]:
    x, y = samples
    ids, predicted = [], []
    for seed in (0, 1):
        network = trained(seed, x, y)
        torch.save(network.state_dict(), tmp_path / f"n{seed}.pth")
        settings = {"inputs": SIDE * SIDE, "classes": CLASSES, "width": 8, "depth": 1}
        made = project.upload_checkpoint(tmp_path / f"n{seed}.pth", architecture="mlp", arguments=settings)
        ids.append(made.id)
        with torch.no_grad():
            predicted.append(network(x).argmax(1))
    np.savez(tmp_path / "held.npz", x=x.numpy(), y=y.numpy())
    probe = project.upload_probe(tmp_path / "held.npz")
    comparison = project.compare(checkpoints=ids, probe=probe, measures=["disagreement"]).wait(timeout_s=60)
    return comparison, ids, torch.stack(predicted)


def test_what_is_told_of_a_pair_is_what_its_networks_predict(
    asked: tuple[Comparison, list[int], Tensor], samples: tuple[Tensor, Tensor]
) -> None:
    comparison, (a, b), (first, second) = asked
    x, y = samples
    found = comparison.disagreements(a, b)
    differ = first != second
    assert (found.of, found.different, found.total) == (SAMPLES, int(differ.sum()), int(differ.sum()))
    told = found.outcomes
    assert told is not None
    right_a, right_b = first == y, second == y
    assert told.both_right == int((right_a & right_b).sum())
    assert (told.only_a, told.only_b) == (int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum()))
    assert told.both_wrong == int((~right_a & ~right_b).sum())
    assert told.wrong_alike == int((~right_a & ~right_b & ~differ).sum())
    assert told.difference == pytest.approx(float(right_a.double().mean() - right_b.double().mean()))
    table = torch.zeros(len(found.confusion), len(found.confusion), dtype=torch.int64)
    for i, j in zip(first.tolist(), second.tolist(), strict=True):
        table[i, j] += 1
    assert found.confusion == table.tolist()
    most = found.class_pairs[0]
    assert most.samples == int(table.fill_diagonal_(0).max()) == int(((first == most.a) & (second == most.b)).sum())
    # Every second pixel of each side, as the image is larger than what is drawn.
    assert found.samples[0].shape == [1, SIDE // 2, SIDE // 2]
    k = found.samples[0].sample
    assert found.samples[0].values == pytest.approx(x[k, :, ::2, ::2].flatten().tolist())


def test_samples_are_chosen_by_who_is_right_and_by_classes(
    asked: tuple[Comparison, list[int], Tensor], samples: tuple[Tensor, Tensor], client: Client
) -> None:
    comparison, (a, b), (first, second) = asked
    _, y = samples
    wanted = {
        "only-a": (first == y) & (second != y),
        "only-b": (second == y) & (first != y),
        "both-wrong": (first != y) & (second != y),
    }
    for which, right in wanted.items():
        found = comparison.disagreements(a, b, which=which)
        assert found.total == int(right.sum())
        assert {s.sample for s in found.samples} <= set(right.nonzero().flatten().tolist())
    most = comparison.disagreements(a, b).class_pairs[0]
    found = comparison.disagreements(a, b, classes=f"{most.a}-{most.b}")
    assert found.total == most.samples
    assert all((s.a.predicted, s.b.predicted) == (most.a, most.b) for s in found.samples)
    every = comparison.disagreements(a, b)
    rest = comparison.disagreements(a, b, offset=len(every.samples))
    assert len(every.samples) + len(rest.samples) == every.total
    assert not {s.sample for s in every.samples} & {s.sample for s in rest.samples}
    # Confident ones first, also across pages.
    sure = [s.a.confidence * s.b.confidence for s in [*every.samples, *rest.samples]]
    assert sure == sorted(sure, reverse=True)
    for bad in ({"which": "nothing"}, {"classes": "3"}, {"classes": "3-x"}, {"offset": -1}):
        with pytest.raises(ClientError):
            comparison.disagreements(a, b, **bad)


def test_what_predicts_nothing_is_said_so(
    project: Project, networks: list[Path], probe_file: Path, tmp_path: Path
) -> None:
    broken = torch.load(networks[0])
    next(iter(broken.values())).fill_(float("nan"))
    torch.save(broken, tmp_path / "broken.pth")
    torch.save({"odd.weight": torch.ones(3, 3)}, tmp_path / "weights.pth")
    sound = project.upload_checkpoint(networks[1], architecture="lenet")
    nan = project.upload_checkpoint(tmp_path / "broken.pth", architecture="lenet")
    alone = project.upload_checkpoint(tmp_path / "weights.pth")
    torch.manual_seed(0)
    torch.save(build("lenet", classes=12).state_dict(), tmp_path / "wider.pth")
    wider = project.upload_checkpoint(tmp_path / "wider.pth", architecture="lenet", arguments={"classes": 12})
    probe = project.upload_probe(probe_file, name="held")
    measures = ["disagreement", "weight-cosine"]
    asked = project.compare(checkpoints=[sound, nan, alone, wider], probe=probe, measures=measures).wait(timeout_s=60)
    with pytest.raises(ClientError, match=r"outputs of 'broken' are NaN or infinite"):
        asked.disagreements(sound.id, nan.id)
    with pytest.raises(ClientError, match="'weights' is known by its weights alone"):
        asked.disagreements(sound.id, alone.id)
    with pytest.raises(ClientError, match="one predicts 10 classes, the other 12"):
        asked.disagreements(sound.id, wider.id)


def test_a_masked_link_shows_a_pair(asked: tuple[Comparison, list[int], Tensor], project: Project) -> None:
    comparison, (a, b), _ = asked
    # A measure whose cell has numbers beside its value.
    more = project.compare(
        checkpoints=[a, b], probe=comparison.details.probe, measures=["disagreement", "linear-cka", "accuracy", "nll"]
    ).wait(timeout_s=60)
    token = more.share(masked=True).url.rsplit("/", 1)[1]
    with Client(more._http.url, "", headers={"Kinscape-Share": token}) as visitor:
        shared = visitor.comparison(more.id)
        assert [p.slug for p in shared.pair(a, b)] == [p.slug for p in more.pair(a, b)]
        assert any(getattr(p.cell, "notes", None) for p in more.pair(a, b))
        found = shared.disagreements(a, b)
        assert found.different == comparison.disagreements(a, b).different
        assert found.outcomes is not None
