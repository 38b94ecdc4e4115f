"""Studies through a real server: made, preregistered, run, read."""

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from kinscape import Client
from kinscape.backend.statistics.crossed import crossed_interval
from kinscape.cli import main
from kinscape.client import ClientError, Project
from tests.conftest import Server

LENET = {"architecture": "lenet", "arguments": {"classes": 10}}


@pytest.fixture(scope="module")
def school(client: Client, networks: list[Path], probe_file: Path) -> Project:
    """Three teachers, each with a student."""
    project = client.create_project("school")
    for i in range(3):
        project.upload_checkpoint(networks[i], name=f"t{i}", group="teacher", tags={"seed": str(i)}, **LENET)
        project.upload_checkpoint(
            networks[3 + i], name=f"s{i}", group="kd", tags={"seed": str(i)}, teacher=f"t{i}", init_of=f"t{i}", **LENET
        )
    project.upload_probe(probe_file, name="digits")
    return project


def test_a_study_computes_its_own_pairs_and_no_others(school: Project) -> None:
    plan = school.plan_study("distillation", probe="digits", measures=["disagreement"])
    assert [m.name for m in plan.roles["teacher"]] == ["t0", "t1", "t2"]
    assert [(m.name, m.unit) for m in plan.roles["student"]] == [("s0", "t0"), ("s1", "t1"), ("s2", "t2")]
    # Three students with all teachers, three pairs of teachers; none of students.
    assert (plan.cells_new, plan.power.units, plan.power.smallest_p) == (12, 3, 1 / 6)
    assert "more teachers are needed" in plan.power.sentence
    study = school.study("distillation", probe="digits", measures=["disagreement"]).run().wait(timeout_s=120)
    assert study.state == "done"
    matrix = study.comparison.matrix("disagreement")
    names = study.comparison.labels
    known = np.isfinite(matrix.values)
    assert known[names.index("s0"), names.index("t0")]
    assert not known[names.index("s0"), names.index("s1")]
    reasons = [text for place, text in matrix.reasons.items() if place == (names.index("s0"), names.index("s1"))]
    assert reasons == ["Not asked for: this comparison names its pairs."]


def test_its_numbers_are_those_of_the_matrix(school: Project) -> None:
    study = school.study(
        "distillation",
        roles={"teacher": "group:teacher", "student": "group:kd"},
        probe="digits",
        measures=["disagreement", "linear-cka"],
    )
    study.run().wait(timeout_s=120)
    whole = school.compare(checkpoints=[c.id for c in school.checkpoints()], probe="digits", measures=["disagreement"])
    whole.wait(timeout_s=120)
    matrix = whole.matrix("disagreement")
    names = whole.labels

    def of(a: str, b: str) -> float:
        return float(matrix.values[names.index(a), names.index(b)])

    own = [of(f"s{i}", f"t{i}") for i in range(3)]
    others = [np.mean([of(f"s{i}", f"t{j}") for j in range(3) if j != i]) for i in range(3)]
    effects = {(e.measure, e.contrast): e for e in study.found.effects}
    assert effects["disagreement", "student"].effect == pytest.approx(np.mean(own))
    student = effects["linear-cka", "student"]
    cells = [study.comparison.cell("linear-cka", f"s{i}", f"t{i}") for i in range(3)]
    interval = crossed_interval(np.array([c.value for c in cells]), np.array([c.replicates for c in cells]))
    assert (student.low_both, student.high_both) == pytest.approx(interval, abs=1e-6)
    assert student.high_both - student.low_both >= (student.high - student.low) * 0.5
    contrast = effects["disagreement", "student: own − other teachers"]
    assert contrast.effect == pytest.approx(np.mean(np.subtract(own, others)))
    means = [np.mean([of(f"s{i}", f"t{j}") for i, j in enumerate(way)]) for way in permutations(range(3))]
    assert contrast.p == pytest.approx(np.mean([m <= means[0] + 1e-12 for m in means]))
    assert (contrast.smallest_p, contrast.n) == (1 / 6, 3)
    told = [s for s in study.verdict if s.startswith("student: own − other teachers")]
    assert told
    assert "so few teachers cannot show one" in told[0]
    assert study.csv().count("\n") == len(study.found.effects) + 1


def test_what_is_frozen_stays_frozen(school: Project) -> None:
    study = school.study("distillation", probe="digits", measures=["hellinger"], name="frozen")
    registered = study.preregister(level=0.1)
    assert registered.hash == study.details.hash
    assert registered.cells_known == 0
    assert registered.specification.level == 0.1
    with pytest.raises(ClientError, match="is preregistered"):
        study.preregister()
    study.change(level=0.05)
    assert [c.what for c in study.details.changes] == ["level 0.1 → 0.05"]
    assert study.details.registration == registered
    assert study.details.hash != registered.hash
    study.run().wait(timeout_s=120)
    with pytest.raises(ClientError, match="has run"):
        study.change(roles={"teacher": ["t0"], "student": ["s0"]})
    with pytest.raises(ClientError, match="stays, whatever it found"):
        study.delete()
    late = school.study("distillation", probe="digits", measures=["hellinger"]).run()
    with pytest.raises(ClientError, match="what was seen cannot be registered"):
        late.preregister()
    late.wait(timeout_s=60)
    late.delete()
    assert late.id not in [s.id for s in school.studies()]


def test_numbers_seen_before_are_told(school: Project) -> None:
    first = school.study("distillation", probe="digits", measures=["total-variation"]).run().wait(timeout_s=120)
    second = school.study("distillation", probe="digits", measures=["total-variation"], name="again")
    assert second.preregister().cells_known == 12
    assert first.details.hash == second.details.hash


@pytest.mark.parametrize(
    ("template", "asked", "sentence"),
    [
        ("alchemy", {}, "There is no study 'alchemy'; there are compression"),
        ("distillation", {"roles": {"pupil": "group:kd"}}, "has no role 'pupil'; its roles: teacher, student"),
        ("distillation", {"roles": {"teacher": "group:nobody"}}, "needs 1 or more and has 0 checkpoints"),
        ("distillation", {"roles": {"teacher": ["nobody"]}}, "there is no ready checkpoint 'nobody'"),
        ("distillation", {"probe": "nowhere"}, "There is no probe set 'nowhere'"),
        ("sharp-minima", {"roles": {"base": "group:teacher", "condition": "group:kd"}}, "needs a probe set of train"),
        ("distillation", {"measures": ["magic"]}, "Unknown measure 'magic'"),
        ("distillation", {"level": 0.7}, "less than or equal to 0.5"),
        ("distillation", {"level": 1e-6}, "greater than or equal to 0.0001"),
        ("compression", {"measures": ["accuracy"]}, "single networks, which the study compression does not read"),
    ],
)
def test_what_is_wrong_is_said(school: Project, template: str, asked: dict[str, object], sentence: str) -> None:
    with pytest.raises(ClientError, match=sentence):
        school.plan_study(template, **{"probe": "digits", **asked})  # type: ignore[arg-type]


def test_a_comparison_of_named_pairs_refuses_what_it_does_not_hold(school: Project) -> None:
    ids = [c.id for c in school.checkpoints()]
    for pair in ([ids[0], ids[0]], [ids[0], 10**9]):
        with pytest.raises(ClientError, match="is not one of two different checkpoints"):
            school.compare(checkpoints=ids, probe="digits", measures=["disagreement"], pairs=[pair])  # type: ignore[list-item]
    named = school.compare(checkpoints=ids, probe="digits", measures=["disagreement"], pairs=[(ids[0], ids[1])])
    named.wait(timeout_s=60)
    with pytest.raises(ClientError, match="names its pairs"):
        named.add(ids)


def test_an_unrun_study_has_nothing_to_show(school: Project) -> None:
    study = school.study("seeds", roles={"seeds": "group:teacher"}, probe="digits", measures=["accuracy"])
    with pytest.raises(ClientError, match="has not been run"):
        _ = study.found
    with pytest.raises(ClientError, match="has not been run"):
        _ = study.comparison


def test_a_deleted_checkpoint_leaves_its_role(client: Client, networks: list[Path], probe_file: Path) -> None:
    project = client.create_project("leaving")
    for i in range(4):
        project.upload_checkpoint(networks[i], name=f"n{i}", group="g", **LENET)
    project.upload_probe(probe_file, name="digits")
    study = project.study("seeds", roles={"seeds": "group:g"}, probe="digits", measures=["accuracy"])
    next(c for c in project.checkpoints() if c.name == "n3").delete()
    study.refresh()
    assert [m.name for m in study.details.roles["seeds"]] == ["n0", "n1", "n2"]
    study.run().wait(timeout_s=60)
    assert study.found.effects[0].n == 3


def test_the_command_line_runs_a_study(
    server: Server, school: Project, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    table = tmp_path / "effects.csv"
    base = ["--url", server.url, "--token", ""]
    assert main([*base, "study", "list"]) == 0
    assert "distillation: Do students" in capsys.readouterr().out
    asked = ["--project", school.name, "--probe", "digits", "--measure", "disagreement"]
    run = ["study", "run", "distillation", *asked, "--role", "teacher=group:teacher", "--role", "student=group:kd"]
    assert main([*base, *run, "--csv", str(table)]) == 0
    told = capsys.readouterr().out
    assert "student: own − other teachers" in told
    assert "/study/" in told
    assert "student − independent" in table.read_text()


def test_a_table_describes_checkpoints(
    server: Server, client: Client, networks: list[Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    project = client.create_project("described")
    for i in range(2):
        project.upload_checkpoint(networks[i], name=f"n{i}", tags={"kept": "yes"}, **LENET)
    table = tmp_path / "lineage.csv"
    table.write_text("name,group,teacher,step,tag:seed\nn1,kd,n0,12,3\nnobody,x,,,\n")
    verb = ["--url", server.url, "--token", "", "describe", str(table), "--project", "described"]
    assert main(verb) == 1
    assert "There is no checkpoint named 'nobody'" in capsys.readouterr().err
    found = {c.name: c for c in project.checkpoints()}["n1"]
    assert (found.group, found.teacher, found.step, found.tags) == ("kd", "n0", 12, {"kept": "yes", "seed": "3"})
    table.write_text("name,metric:acc,metric:loss\nn1,0.75,1e-3\nn0,,\n")
    assert main(verb) == 0
    table.write_text("name,metric:acc,metric:loss\nn1,,2\nn0,high,\n")
    assert main(verb) == 1
    assert "metric:acc must be a number, not 'high'" in capsys.readouterr().err
    assert {c.name: c.metrics for c in project.checkpoints()} == {"n0": {}, "n1": {"loss": 2}}
    table.write_text("name,colour\nn1,red\n")
    assert main(verb) == 1
    assert "does not know 'colour'" in capsys.readouterr().err
    table.write_bytes(b"\xff\xfen\x00a\x00")
    assert main(verb) == 1
    assert "save it as CSV in UTF-8" in capsys.readouterr().err


def test_what_becomes_different_is_told_and_changes_nothing(
    client: Client, networks: list[Path], probe_file: Path
) -> None:
    project = client.create_project("drifting")
    for i in range(4):
        group = "base" if i < 2 else "sam"
        project.upload_checkpoint(networks[i], name=f"n{i}", group=group, tags={"seed": str(i % 2)}, **LENET)
    train = project.upload_probe(probe_file, name="digits")
    asked = {"probe": "digits", "train_probe": train, "measures": ["accuracy", "l2-norm"]}
    study = project.study("sharp-minima", roles={"base": "group:base", "condition": "group:sam"}, **asked)
    study.preregister()
    study.run().wait(timeout_s=60)
    before = [(e.contrast, e.effect, e.n) for e in study.found.effects]
    moved = next(c for c in project.checkpoints() if c.name == "n3")
    moved.edit(group="other", tags={"seed": "9"})
    again = client.study(study.id)
    assert [(e.contrast, e.effect, e.n) for e in again.found.effects] == before
    assert again.details.drift == ["n3 has another group, tag now; the study goes by what it was."]
    assert again.details.drift[0] in again.found.warnings
    registration = again.details.registration
    assert registration is not None
    assert registration.specification.digest() == registration.hash == again.details.hash


def test_conditions_have_intervals_over_samples_too(school: Project) -> None:
    study = school.study(
        "good-prune",
        roles={"base": "group:teacher", "condition": "group:kd"},
        probe="digits",
        measures=["accuracy", "kurtosis"],
        match="seed",
    )
    study.run().wait(timeout_s=120)
    effects = {(e.measure, e.contrast): e for e in study.found.effects}
    cells = [[study.comparison.cell("accuracy", f"{kind}{i}") for i in range(3)] for kind in "ts"]
    values, left = (np.array([[getattr(c, of) for c in some] for some in cells]) for of in ("value", "replicates"))
    for contrast, found in {
        "teacher": (values[0], left[0]),
        "kd − teacher": (values[1] - values[0], left[1] - left[0]),
    }.items():
        effect = effects["accuracy", contrast]
        assert (effect.low_both, effect.high_both) == pytest.approx(crossed_interval(*found), abs=1e-6), contrast
    # Weights have no samples, and so no such interval.
    assert effects["kurtosis", "teacher"].low is not None
    assert effects["kurtosis", "teacher"].low_both is None


def test_a_role_that_lost_its_checkpoints_is_told(client: Client, networks: list[Path], probe_file: Path) -> None:
    project = client.create_project("shrinking")
    for i in range(4):
        project.upload_checkpoint(networks[i], name=f"n{i}", group="g", **LENET)
    project.upload_probe(probe_file, name="digits")
    asked = {"roles": {"seeds": "group:g"}, "probe": "digits", "measures": ["accuracy"]}
    registered, draft = project.study("seeds", **asked), project.study("seeds", **asked)
    registered.preregister()
    gone = {c.name: c for c in project.checkpoints()}
    gone["n3"].delete()
    registered.refresh()
    assert registered.details.drift == ["n3 was deleted."]
    gone["n2"].delete()
    for study in (registered, draft):
        with pytest.raises(ClientError, match="needs 3 or more and has 2 checkpoints"):
            study.run()
    with pytest.raises(ClientError, match="needs 3 or more"):
        draft.preregister()


def test_a_preregistered_study_keeps_its_comparison(school: Project, client: Client) -> None:
    study = school.study("distillation", probe="digits", measures=["js-distance"], name="kept")
    study.preregister()
    study.run().wait(timeout_s=60)
    with pytest.raises(ClientError, match="The preregistered study 'kept' rests on this comparison"):
        study.comparison.delete()
    plain = school.study("distillation", probe="digits", measures=["rank-disagreement"]).run().wait(timeout_s=60)
    plain.comparison.delete()
    with pytest.raises(ClientError, match="was deleted: restore it, or run the study again"):
        _ = client.study(plain.id).found


def test_one_network_has_one_role_and_it_is_told(school: Project) -> None:
    roles = {"teacher": "group:teacher", "student": "group:kd", "independent": "group:kd"}
    plan = school.plan_study("distillation", roles=roles, probe="digits", measures=["disagreement"])
    assert plan.roles["independent"] == []
    assert plan.chosen_by["independent"] == "filter group:kd, who have another role already"
