"""The lineage of a library as a tree."""

from typing import Any

from kinscape.frontend.pages.lineage import Node, picture, trees


def row(name: str, **more: Any) -> dict[str, Any]:
    blank = {"id": 1, "group": "", "parent": None, "teacher": None, "init_of": None, "run": "", "step": None}
    return {**blank, "name": name, **more}


def shape(node: Node) -> Any:
    """Names, relations and what hangs below."""
    return (node.name, node.by, [shape(n) for n in node.below])


def test_each_stands_below_what_it_came_from() -> None:
    rows = [row("a"), row("pruned", parent="a"), row("again", parent="pruned", teacher="a"), row("taught", teacher="a")]
    (tree,) = trees(rows)
    assert shape(tree) == ("a", "", [("pruned", "parent", [("again", "parent", [])]), ("taught", "teacher", [])])
    assert tree.size() == 4


def test_a_run_is_one_node_in_the_order_of_its_steps() -> None:
    rows = [row(f"s{k}", run="r", step=k, init_of="start") for k in (20, 0, 10)]
    rows += [row("start"), row("copy", parent="s10")]
    (tree,) = trees(rows)
    assert shape(tree) == ("start", "", [("r", "init_of", [("copy", "parent", [])])])
    assert [r["step"] for r in tree.below[0].rows] == [0, 10, 20]


def test_those_without_relatives_are_counted_alone() -> None:
    rows = [row("a"), row("b", parent="a"), row("alone"), row("orphan", parent="not here"), row("one", run="r", step=3)]
    assert [t.name for t in trees(rows)] == ["a"]
    drawn = str(picture(rows))
    assert "Lineage: 2 checkpoints in 1 family" in drawn
    assert "3 checkpoints without relatives here" in drawn
    assert picture([row("a"), row("b")]) is None


def test_two_that_teach_one_another_make_no_circle() -> None:
    (tree,) = trees([row("a", teacher="b"), row("b", teacher="a"), row("c", parent="b")])
    assert tree.size() == 3


def test_other_relatives_are_named_beside() -> None:
    assert "learned from t" in str(picture([row("a"), row("t"), row("b", parent="a", teacher="t")]))


def test_long_chains_and_large_families_are_cut_and_counted() -> None:
    chain = [row("n0"), *[row(f"n{k}", parent=f"n{k - 1}") for k in range(1, 3000)]]
    drawn = str(picture(chain))
    assert "Lineage: 3000 checkpoints in 1 family" in drawn
    assert "2988 checkpoints of later generations" in drawn
    drawn = str(picture([row("a"), *[row(f"c{k}", parent="a") for k in range(4999)]]))
    assert "and 4,969 more" in drawn
    assert drawn.count("Li(") == 32
    pairs = [row(f"{k}{one}", parent=f"{k}a" if one == "b" else None) for k in range(1000) for one in "ab"]
    drawn = str(picture(pairs))
    assert drawn.count("Li(") == 300
    assert "850 smaller families" in drawn
