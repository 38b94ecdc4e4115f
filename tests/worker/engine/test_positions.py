"""Networks that answer for every position: rows, their labels, padding, room, and which rows stay together."""

import pytest
import torch
from torch import Tensor

from kinscape.worker.engine import positions
from kinscape.worker.engine.positions import rows_of
from kinscape.worker.evaluation.intervals import groups_of, independent, row_groups
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.inputs.undefined import Undefined

IDS = torch.tensor([[5, 6, 7, 8], [9, 1, 2, 3]])


def answers(*shape: int) -> Tensor:
    return torch.arange(torch.tensor(shape).prod().item(), dtype=torch.float32).reshape(shape)


def test_each_token_answers_for_the_next_one() -> None:
    out = answers(2, 4, 10)
    rows = rows_of(out, IDS.float(), are_tokens=True, mask=None, samples=2, first=0)
    assert rows.labels is not None and rows.sequences is not None
    assert rows.labels.tolist() == [6, 7, 8, 1, 2, 3]
    assert rows.sequences.tolist() == [0, 0, 0, 1, 1, 1]
    assert torch.equal(rows.logits, out[:, :-1].reshape(6, 10))


def test_padding_is_left_out_on_both_sides() -> None:
    mask = torch.tensor([[1, 1, 0, 0], [0, 1, 1, 1]])
    rows = rows_of(answers(2, 4, 10), IDS, are_tokens=True, mask=mask, samples=2, first=3)
    assert rows.labels is not None and rows.sequences is not None
    assert rows.labels.tolist() == [6, 2, 3]
    assert rows.sequences.tolist() == [3, 4, 4]


def test_maps_have_rows_of_all_their_places_and_no_labels() -> None:
    out = answers(2, 3, 2, 2)
    rows = rows_of(out, torch.rand(2, 1, 2, 2), are_tokens=False, mask=None, samples=2, first=0)
    assert rows.labels is None
    assert torch.equal(rows.logits[1], out[0, :, 0, 1])
    assert rows.logits.shape == (8, 3)


def test_tags_of_sequences_that_are_no_tokens_have_no_next_one() -> None:
    rows = rows_of(answers(2, 4, 3), torch.rand(2, 4, 6), are_tokens=False, mask=None, samples=2, first=0)
    assert rows.labels is None and len(rows.logits) == 8


def test_plain_answers_stay_as_they_are() -> None:
    rows = rows_of(answers(2, 3), IDS, are_tokens=True, mask=None, samples=2, first=0)
    assert rows.sequences is None and rows.logits.shape == (2, 3)


def test_of_a_large_vocabulary_fewer_positions_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same ones in every pass and every model, each with all its classes."""
    monkeypatch.setattr(positions, "MOST_VALUES", 3 * 8 * 100)
    ids = torch.arange(8 * 40).reshape(8, 40) % 50
    out = torch.rand(8, 40, 100)
    whole = rows_of(out, ids, are_tokens=True, mask=None, samples=8, first=0)
    parts = [rows_of(out[k : k + 4], ids[k : k + 4], are_tokens=True, mask=None, samples=8, first=k) for k in (0, 4)]
    assert whole.logits.shape == (8 * 3, 100)
    assert torch.equal(whole.logits, torch.cat([p.logits for p in parts]))
    assert torch.equal(whole.logits[:3], out[0, [0, 19, 38]])
    assert whole.labels is not None and torch.equal(whole.labels[:3], ids[0, [1, 20, 39]])


def test_what_has_no_positions_is_refused() -> None:
    with pytest.raises(Undefined, match="neither with classes"):
        rows_of(answers(2, 2, 2, 2, 2), IDS, are_tokens=True, mask=None, samples=2, first=0)
    with pytest.raises(Undefined, match="one token each"):
        rows_of(answers(2, 1, 5), IDS[:, :1], are_tokens=True, mask=None, samples=2, first=0)


def test_positions_of_a_sample_are_left_out_together() -> None:
    sequences = torch.arange(40).repeat_interleave(5)
    outputs = Outputs(torch.rand(200, 3), None, sequences)
    groups = groups_of(outputs)
    assert independent(outputs) == 40 and len(groups) == len(row_groups(40))
    assert torch.cat(groups).sort().values.tolist() == list(range(200))
    for group in groups:
        inside = set(sequences[group].tolist())
        assert int(torch.isin(sequences, torch.tensor(sorted(inside))).sum()) == len(group)
    plain = Outputs(torch.rand(40, 3))
    assert all(torch.equal(a, b) for a, b in zip(groups_of(plain), row_groups(40), strict=True))


def test_rows_keep_their_samples() -> None:
    outputs = Outputs(torch.rand(6, 3), torch.arange(6), torch.tensor([0, 0, 1, 1, 2, 2]))
    some = outputs.rows(torch.tensor([1, 4]))
    assert some.sequences is not None and some.sequences.tolist() == [0, 2]
