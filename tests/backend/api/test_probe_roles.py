"""Probe sets used as something else than they are said to be."""

from pathlib import Path

from kinscape.client import Project


def test_a_plan_says_when_probe_sets_do_not_fit_their_use(
    project: Project, networks: list[Path], probe_file: Path, digits_train: Path
) -> None:
    ids = [project.upload_checkpoint(path).id for path in networks[:2]]
    held = project.upload_probe(probe_file, name="held", role="held-out")
    train = project.upload_probe(digits_train, name="learnt", role="train")

    def told(probe: int, train_probe: int | None) -> list[str]:
        asked = {"checkpoints": ids, "probe": probe, "train_probe": train_probe, "measures": ["disagreement"]}
        return project.plan(**asked).warnings  # type: ignore[arg-type]

    assert told(held.id, train.id) == told(held.id, None) == []
    (sentence,) = told(train.id, None)
    assert sentence.startswith("'learnt' is said to be train samples")
    (sentence,) = told(held.id, held.id)
    assert "both the held-out and the train set" in sentence
    swapped = told(train.id, held.id)
    assert len(swapped) == 2
    assert swapped[1] == "The probe set 'held' is not said to be train samples."
