"""The panel of the selected checkpoint: what its fields mean."""

import datetime as dt

import pytest

from kinscape.backend.contracts.checkpoints import Checkpoint, Level, Proposal
from kinscape.backend.contracts.uploads import State
from kinscape.client import ClientError
from kinscape.frontend.pages.checkpoint_panel import changes, panel, tags_of
from kinscape.frontend.pages.operations import asked


def checkpoint(**more: object) -> Checkpoint:
    plain: dict[str, object] = {
        "id": 1,
        "name": "net <b>",
        "group": "seeds",
        "tags": {"seed": "0"},
        "parent": None,
        "init_of": None,
        "teacher": None,
        "root": "net <b>",
        "run": "",
        "step": None,
        "level": Level.WEIGHTS,
        "architecture": None,
        "arguments": {},
        "parameters": 10,
        "size_bytes": 40,
        "content_hash": "a",
        "layers": [],
        "metrics": {},
        "state": State.READY,
        "reason": "Weights only.",
        "created": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    }
    return Checkpoint.model_validate({**plain, **more})


def test_only_what_was_changed_is_sent() -> None:
    same = {"name": "net <b>", "group": "seeds", "tags": "seed=0", "parent": "", "init_of": "", "teacher": ""}
    same |= {"run": "", "step": ""}
    assert changes(checkpoint(), **same) == {}
    assert changes(checkpoint(), **{**same, "group": " late ", "parent": "base"}) == {"group": "late", "parent": "base"}
    assert changes(checkpoint(), **{**same, "tags": ""}) == {"tags": {}}
    taught = checkpoint(teacher="t", run="r", step=3)
    typed = {**same, "run": "r", "step": " 4 "}
    assert changes(taught, **typed) == {"teacher": "", "step": 4}
    with pytest.raises(ClientError, match="must be a whole number, not '4a'"):
        changes(taught, **{**typed, "step": "4a"})
    with pytest.raises(ClientError, match="not taken away"):
        changes(taught, **{**typed, "step": ""})


def test_tags_are_read_or_refused_with_a_sentence() -> None:
    assert tags_of("seed=0  optim=sgd note=a=b") == {"seed": "0", "optim": "sgd", "note": "a=b"}
    with pytest.raises(ClientError, match=r"'seed' must be NAME=VALUE"):
        tags_of("seed")


def test_weights_alone_say_how_to_become_more() -> None:
    assert "torch.export.save" in str(panel(checkpoint()))
    fitting = Proposal(architecture="mlp", arguments={"width": 8})
    proposed = str(panel(checkpoint(proposals=[fitting])))
    assert "torch.export.save" not in proposed
    assert "mlp(width=8)" in proposed
    assert "torch.export.save" not in str(panel(checkpoint(level=Level.PROGRAM)))


def test_an_operation_is_read_from_what_was_typed() -> None:
    assert asked("prune", "0.5", "", "") == ({"share": 0.5}, [])
    assert asked("quantise", "8", "ignored", "") == ({"bits": 8}, [])
    assert asked("reset", "", "features.0, classifier.2,", " start ") == (
        {"layers": ["features.0", "classifier.2"]},
        ["start"],
    )
    assert asked("average", "0.5", "", "a, b") == ({}, ["a", "b"])
    with pytest.raises(ClientError, match=r"must be a number \(bits\), not '4\.5'"):
        asked("quantise", "4.5", "", "")


def test_a_recording_has_no_weights_to_change() -> None:
    assert "make-run" in str(panel(checkpoint()))
    assert "make-run" not in str(panel(checkpoint(level=Level.RECORDED)))
