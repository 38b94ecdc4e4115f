"""The verbs of studies and lineage: `kinscape study`, `kinscape describe`."""

import argparse
import csv
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kinscape import bundles
from kinscape.backend.contracts.studies import StudyState
from kinscape.backend.contracts.words import counted
from kinscape.client import Checkpoint, Client, ClientError, Project

Pairs = Callable[[Sequence[str]], dict[str, str]]
FIELDS = ("group", "parent", "init_of", "teacher", "run", "step", "notes")
# These need no server.
OFFLINE = ("verify",)
VERBS = ("study", "describe", "check", "reproduce")
# A column of this beginning is a tag.
TAG = "tag:"
# And one of this, a number that was measured elsewhere.
METRIC = "metric:"


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The grammar of these verbs."""
    study = verbs.add_parser("study", help="questions with their test").add_subparsers(dest="what", required=True)
    study.add_parser("list", help="list the kinds of studies, with their roles")
    run = study.add_parser("run", help="run a study and print what it found")
    run.add_argument("template", help="its kind: see `kinscape study list`")
    run.add_argument("--project", required=True)
    run.add_argument("--probe", required=True)
    run.add_argument("--train-probe")
    run.add_argument("--also-on", action="append", default=[], metavar="PROBE", help="another probe set; several times")
    run.add_argument("--role", action="append", default=[], metavar="ROLE=FILTER", help="such as teacher=group:teacher")
    run.add_argument("--measure", action="append", default=[], help="instead of the study's own; several times")
    run.add_argument("--match", default="seed", help="tag that pairs networks where lineage does not (seed)")
    run.add_argument(
        "--contrast",
        action="append",
        default=[],
        nargs=2,
        metavar=("FIRST", "SECOND"),
        help="of two roles or conditions, beside the study's own; several times",
    )
    run.add_argument("--level", type=float, default=0.05)
    run.add_argument("--name", default="")
    run.add_argument("--preregister", action="store_true", help="freeze what is asked before anything is computed")
    run.add_argument("--csv", type=Path, help="file to write all effects to")
    describe = verbs.add_parser("describe", help="give checkpoints their groups, lineage and tags from a table")
    describe.add_argument(
        "table", type=Path, help=f"CSV: name and any of {', '.join(FIELDS)}, {TAG}seed, {METRIC}accuracy, …"
    )
    describe.add_argument("--project", required=True)
    check = verbs.add_parser("check", help="say which checkpoints hold the same weights, and which steps are misplaced")
    check.add_argument("--project", required=True)
    bundle = study.add_parser("bundle", help="write everything that a study's numbers depend on to one file")
    bundle.add_argument("number", type=int)
    bundle.add_argument("output", type=Path)
    bundle.add_argument("--without-files", action="store_true", help="refer to checkpoints and probe sets by hash")
    verify = verbs.add_parser("verify", help="say whether anything in a bundle was changed; needs no server")
    verify.add_argument("bundle", type=Path)
    verify.add_argument("--root", default="", help="the published root that it must have")
    again = verbs.add_parser("reproduce", help="compute every number of a bundle again, and list the differences")
    again.add_argument("bundle", type=Path)
    again.add_argument("--url", default=argparse.SUPPRESS, help="server to compute on")
    again.add_argument("--project", default="", help="name of the project to make")


def talk(client: Client, given: argparse.Namespace, pairs: Pairs) -> int:
    """One of these verbs, on a running server."""
    if given.verb == "describe":
        return describe(client.project(given.project), given)
    if given.verb == "check":
        return check(client.project(given.project))
    if given.verb == "reproduce":
        return reproduce(client, given)
    return study(client, given, pairs)


def check(project: Project) -> int:
    """Print what a project holds twice."""
    found = project.repeats()
    for sentence in found.sentences:
        print(sentence)
    if found.unread:
        print(f"{counted(found.unread, 'checkpoints')} came before tensors were hashed; ask again in a minute.")
    elif not found.sentences:
        print("Nothing was found: no two checkpoints hold the same weights, and no step stands out of its run.")
    return 0


def verify(given: argparse.Namespace) -> int:
    """Say whether anything in a bundle was changed."""
    bundle = bundles.opened(given.bundle)
    wrong = bundles.faults(bundle)
    for sentence in wrong:
        print(sentence)
    if not wrong:
        study_of = bundle.manifest.study
        print(
            f"{len(bundle.cells)} cells of {study_of.name!r} are as they were made, if this root is the published one:"
        )
        print(bundle.root)
        for warning in bundle.manifest.results.warnings:
            print(warning)
    if given.root and given.root.lower() != bundle.root:
        print(f"The root is {bundle.root}, not {given.root}: this is another bundle.")
        return 1
    return 1 if wrong else 0


def reproduce(client: Client, given: argparse.Namespace) -> int:
    """Compute every number of a bundle again."""
    found = bundles.reproduce(bundles.opened(given.bundle), client, project=given.project)
    for d in found.beyond:
        print(f"{d.cell}, {d.column}: {d.before!r} before, {d.after!r} now, tolerance {d.tolerance:g}")
    for cell in found.missing:
        print(f"{cell}: no number now")
    for sentence in found.effects:
        print(sentence)
    told = f"{found.equal} numbers equal bit for bit, {found.within} within their tolerance"
    if found.within:
        told += f" (at most {found.largest:.2g} apart)"
    print(
        f"{told}, {len(found.beyond)} beyond, {len(found.missing)} missing, {len(found.effects)} differences of effects"
    )
    print(found.study.url)
    return 0 if found.holds else 1


def study(client: Client, given: argparse.Namespace, pairs: Pairs) -> int:
    """List the kinds of studies, or run one."""
    if given.what == "list":
        for template in client.study_templates():
            print(f"{template.name}: {template.question}")
            for role in template.roles:
                print(f"  {role.name}{'' if role.fewest else ' (optional)'}: {role.help}")
        return 0
    if given.what == "bundle":
        print(client.study(given.number).bundle(given.output, files=not given.without_files))
        return 0
    made = client.project(given.project).study(
        given.template,
        roles=dict(pairs(given.role)),
        probe=given.probe,
        train_probe=given.train_probe,
        also_on=given.also_on,
        contrasts=given.contrast,
        measures=given.measure or None,
        match=given.match,
        level=given.level,
        name=given.name,
    )
    if given.preregister:
        registered = made.preregister()
        print(f"preregistered {registered.time:%Y-%m-%d %H:%M} UTC, hash {registered.hash}")
    made.run().wait()
    for sentence in [*made.verdict, *made.found.warnings]:
        print(sentence)
    if given.csv is not None:
        given.csv.write_text(made.csv(), encoding="utf-8")
    print(made.url)
    return 0 if made.details.state is StudyState.DONE else 1


def describe(project: Project, given: argparse.Namespace) -> int:
    """Give checkpoints what a table says of them; a row that is refused does not stop the others."""
    try:
        with given.table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or [])
            rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ClientError(f"{given.table} is no table of text: save it as CSV in UTF-8 ({error}).") from error
    unknown = [c for c in columns if c not in ("name", *FIELDS) and not c.startswith((TAG, METRIC))]
    if "name" not in columns or unknown:
        wrong = f"does not know {', '.join(map(repr, unknown))}" if unknown else "has no column 'name'"
        raise ClientError(f"{given.table} {wrong}; columns are name, {', '.join(FIELDS)}, {TAG}NAME and {METRIC}NAME.")
    there = {c.name: c for c in project.checkpoints()}
    failed = 0
    for row in rows:
        name = row["name"] or ""
        try:
            if name not in there:
                raise ClientError(f"There is no checkpoint named {name!r}.")
            there[name].edit(**_change(row, there[name]))
            print(f"{name}: described")
        except ClientError as error:
            failed += 1
            print(f"{name}: {error}", file=sys.stderr)
    return 1 if failed else 0


def _change(row: dict[str, Any], checkpoint: Checkpoint) -> dict[str, Any]:
    """What a row changes: columns that are there, empty ones included; a row that ends early leaves the rest."""
    change: dict[str, Any] = {key: row[key] for key in FIELDS if row.get(key) is not None}
    if "step" in change:
        step = change.pop("step").strip()
        if step and not step.isdecimal():
            raise ClientError(f"step must be a whole number, not {step!r}.")
        if step:
            change["step"] = int(step)
    tags = {key.removeprefix(TAG): value for key, value in row.items() if key and key.startswith(TAG)}
    if tags:
        change["tags"] = {k: v for k, v in {**checkpoint.tags, **tags}.items() if v}
    metrics = {k.removeprefix(METRIC): v for k, v in row.items() if k and k.startswith(METRIC) and v is not None}
    if metrics:
        change["metrics"] = {**checkpoint.metrics, **{k: _number(k, v) for k, v in metrics.items() if v.strip()}}
        # An empty cell takes a metric away.
        for gone in [k for k, v in metrics.items() if not v.strip()]:
            change["metrics"].pop(gone, None)
    return change


def _number(name: str, text: str) -> float:
    """A metric.

    Raises:
        ClientError: it is no finite number.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ClientError(f"{METRIC}{name} must be a number, not {text!r}.")
    return value
