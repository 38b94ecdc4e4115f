"""Names that no reviewer reads."""

import json

from kinscape.backend.actions.masks import Mask, _letters, view_without_names

MASK = Mask(
    {"sgd-0": "network 1", "sgd-01": "network 2", "alice's best": "network 3", "my study": "comparison"},
    {"sgd": "group A", "sam": "group B"},
    {"cluster-7": "hidden", "digits": "probe set"},
)


def test_names_in_fields_and_sentences_are_replaced() -> None:
    document = {
        "labels": ["sgd-0", "alice's best"],
        "name": "my study",
        "project_name": "lab of alice",
        "parent": "somebody else",
        "teacher": None,
        "group": "sam",
        "tags": {"host": "cluster-7"},
        "text": "Of sam, sgd-01 is nearest to sgd-0 (0.1); alice's best ran on cluster-7.",
        "a": 3,
        "measure": "sgd",
        "notes": "alice",
        "left_out": {"linear-cka": "sgd-0 has none"},
    }
    assert MASK.document(document) == {
        "labels": ["network 1", "network 3"],
        "name": "comparison",
        "project_name": "project",
        "parent": "another network",
        "teacher": None,
        "group": "group B",
        "tags": {},
        "text": "Of group B, network 2 is nearest to network 1 (0.1); network 3 ran on hidden.",
        "a": 3,
        "measure": "sgd",
        "notes": "",
        "left_out": {"linear-cka": "network 1 has none"},
    }


def test_a_group_that_is_called_like_a_field_breaks_no_document() -> None:
    mask = Mask({"state": "network 1"}, {"values": "group A", "verified": "group B"})
    document = {"values": [1], "state": "ready", "verdict": "verified", "group": "values", "metrics": {"values": 0.5}}
    assert mask.document(document) == {
        "values": [1],
        "state": "ready",
        "verdict": "verified",
        "group": "group A",
        "metrics": {"group A": 0.5},
    }


def test_a_drawn_matrix_keeps_its_numbers() -> None:
    header = json.dumps({"labels": ["sgd-0"], "measure": "x"}).encode()
    header += b" " * (-len(header) % 4)
    body = MASK.float32(len(header).to_bytes(4, "little") + header + b"numbers!")
    length = int.from_bytes(body[:4], "little")
    assert json.loads(body[4 : 4 + length])["labels"] == ["network 1"]
    assert (length % 4, body[4 + length :]) == (0, b"numbers!")


def test_a_visitor_asks_by_the_names_that_they_were_told() -> None:
    assert MASK.query("a=group+A&b=group+B&measure=sgd") == "a=sgd&b=sam&measure=sgd"
    assert view_without_names("?tab=groups&g=sgd&h=sam&a=3&strips=group,secret") == "tab=groups&a=3"


def test_there_are_letters_for_any_number_of_groups() -> None:
    assert [_letters(k) for k in (0, 25, 26, 27, 701, 702)] == ["A", "Z", "AA", "AB", "ZZ", "AAA"]
