"""Contrasts of a study beside those of its template: asked, refused, frozen, read."""

from pathlib import Path
from typing import Any

import pytest

from kinscape.client import ClientError, Project
from tests.conftest import save_networks

ASKED: dict[str, Any] = {
    "roles": {"base": "group:sgd", "condition": "condition=1"},
    "probe": "held",
    "train_probe": "held",
    "measures": ["accuracy", "train-loss", "l2-norm"],
}


@pytest.fixture
def zoo(project: Project, probe_file: Path, tmp_path: Path) -> Project:
    """Three networks of each of three recipes, paired by seed."""
    for k, file in enumerate(save_networks(tmp_path, 9)):
        group, seed = ("sgd", "sam", "augmented")[k // 3], str(k % 3)
        tags = {"seed": seed, **({} if group == "sgd" else {"condition": "1"})}
        project.upload_checkpoint(file, name=f"{group}{seed}", group=group, tags=tags)
    project.upload_probe(probe_file, name="held")
    return project


def test_two_conditions_are_contrasted_with_one_another(zoo: Project) -> None:
    study = zoo.study("sharp-minima", contrasts=[["sam", "augmented"]], **ASKED)
    registration = study.preregister()
    assert registration.specification.contrasts == [("sam", "augmented")]
    found = study.run().wait(timeout_s=120).found
    means = {(e.title, e.contrast): e.effect for e in found.effects if e.kind == "mean"}
    contrasts = {(e.title, e.contrast): e for e in found.effects if e.kind == "contrast"}
    assert {c for _, c in contrasts} == {"augmented − sgd", "sam − sgd", "sam − augmented"}
    for title in ("Accuracy", "Train loss"):
        own = contrasts[title, "sam − augmented"]
        difference = (means[title, "sam"] or 0) - (means[title, "augmented"] or 0)
        assert own.effect == pytest.approx(difference, abs=1e-12)
        assert own.n == 3
        assert own.p_adjusted is not None
    assert any(sentence.startswith("sam − augmented:") for sentence in found.verdict)
    assert study.details.contrasts == [("sam", "augmented")]
    # Another contrast is another question.
    assert zoo.study("sharp-minima", **ASKED).details.hash != study.details.hash


@pytest.mark.parametrize(
    ("contrast", "sentence"),
    [
        (["sam", "nobody"], r"'nobody' is none of its conditions; this study can contrast sgd, augmented, sam\."),
        (["sam", "sam"], "A contrast needs two of them"),
        (["", ""], "'' is none of its conditions"),
    ],
)
def test_a_contrast_of_what_is_not_there_is_refused(zoo: Project, contrast: list[str], sentence: str) -> None:
    with pytest.raises(ClientError, match=sentence):
        zoo.plan_study("sharp-minima", contrasts=[contrast], **ASKED)


def test_a_study_without_contrasts_says_so(zoo: Project) -> None:
    with pytest.raises(ClientError, match="The study seeds takes no contrasts of its own"):
        zoo.study("seeds", roles={"seeds": "group:sgd"}, probe="held", contrasts=[["a", "b"]])
