"""The command line: `kinscape --help` says it all."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from kinscape import cli_derive, cli_housekeeping, cli_import, cli_studies, cli_upkeep
from kinscape.backend.contracts.comparisons import ComparisonState
from kinscape.backend.contracts.probes import Layout, Scale
from kinscape.backend.contracts.shares import ShareScope
from kinscape.backend.contracts.uploads import State
from kinscape.client import Checkpoint, Client, ClientError, Comparison, Project
from kinscape.client.file_names import described_by

URL = "http://127.0.0.1:8050"
DATA = Path("~/.local/share/kinscape")
# What training loops call their files, whatever the run.
ANYBODYS = ("last", "best", "final", "model", "checkpoint", "ckpt", "weights", "pytorch_model", "state_dict")


def parser() -> argparse.ArgumentParser:
    """The grammar of the command line."""
    top = argparse.ArgumentParser(
        prog="kinscape", description="Compare trained networks: their predictions, their representations, their minima."
    )
    top.add_argument("--url", default=os.environ.get("KINSCAPE_URL", URL), help=f"server (default {URL})")
    top.add_argument("--token", default=None, help="owner token (default: KINSCAPE_TOKEN)")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    _up(verbs.add_parser("up", help="start Kinscape on this machine"))
    verbs.add_parser("migrate", help="bring the database of KINSCAPE_DATABASE_URL to the newest migration")
    demo = verbs.add_parser("demo", help="train the demo zoo and upload it to a running server")
    demo.add_argument("--url", default=argparse.SUPPRESS, help="server to upload to")
    demo.add_argument("--study", default="", help="train the networks of one study instead, and run it")
    _uploads(verbs)
    _comparisons(verbs)
    cli_studies.add(verbs)
    cli_import.add(verbs)
    cli_housekeeping.add(verbs)
    cli_derive.add(verbs)
    cli_upkeep.add(verbs, DATA)
    return top


def _up(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--data", type=Path, default=DATA.expanduser(), help="folder that keeps everything")
    verb.add_argument("--host", default="127.0.0.1", help="address to listen on; beyond loopback a token is needed")
    verb.add_argument("--port", type=port, default=8050, help="port to listen on")
    verb.add_argument("--public-url", default="", help="address that browsers use, for links")
    verb.add_argument(
        "--workers", type=int, help="worker processes; unless said, one per core up to 4, or one for an NVIDIA card"
    )
    verb.add_argument(
        "--networks",
        type=Path,
        action="append",
        default=[],
        metavar="FILE.py",
        help="your own architectures: functions that return a module; may be given several times",
    )
    verb.add_argument("--demo", action="store_true", help="train and load the demo zoo")
    verb.add_argument("--no-browser", action="store_true", help="do not open a browser")


def _uploads(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    probe = verbs.add_parser("probe", help="probe sets").add_subparsers(dest="what", required=True)
    sent = probe.add_parser("upload", help="upload a probe set (.npz, .npy, .csv, .safetensors, .pt)")
    sent.add_argument("file", type=Path)
    sent.add_argument("--project", required=True)
    sent.add_argument("--name")
    sent.add_argument("--role", choices=("held-out", "train", "shifted"), default="held-out")
    sent.add_argument("--scale", choices=list(Scale), default=Scale.UNIT, help="raw keeps images of bytes at 0…255")
    sent.add_argument("--layout", choices=list(Layout), default=Layout.RECOGNISED, help="as-given keeps colours last")
    sent.add_argument("--mean", type=float, nargs="+", help="of each channel, to normalise by")
    sent.add_argument("--std", type=float, nargs="+", help="of each channel, to normalise by")
    upload = verbs.add_parser("upload", help="upload checkpoints: weights, programs of torch.export, recordings")
    upload.add_argument("files", type=Path, nargs="+")
    upload.add_argument("--project", required=True)
    upload.add_argument("--architecture")
    upload.add_argument("--weights", default="", help="which set of weights of the file, such as ema")
    upload.add_argument("--argument", action="append", default=[], metavar="NAME=VALUE", help="of the architecture")
    upload.add_argument("--tag", action="append", default=[], metavar="NAME=VALUE")
    upload.add_argument(
        "--pattern",
        default="",
        metavar="TEXT",
        help="of file names, such as {optim}-seed{seed}-step{step}: {group}, {parent}, {init_of}, {teacher}, {run} and "
        "{step} say this, other words give tags; --group and the like may use them too (--parent dense-{seed})",
    )
    upload.add_argument("--group", default="")
    upload.add_argument("--parent", help="checkpoint that this one is a copy of")
    upload.add_argument("--init-of", help="checkpoint whose first weights this one started from")
    upload.add_argument("--teacher", help="checkpoint whose outputs this one learned")
    upload.add_argument("--run", default="", help="training run that these are steps of")
    upload.add_argument("--step", type=int, help="step in the run, of a single file")
    confirm = verbs.add_parser("confirm", help="name the architecture of a checkpoint of which the weights are known")
    confirm.add_argument("name")
    confirm.add_argument("--project", required=True)
    confirm.add_argument("--architecture", help="the first that fits when left out")
    confirm.add_argument("--argument", action="append", default=[], metavar="NAME=VALUE")


def _comparisons(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    compare = verbs.add_parser("compare", help="compare all checkpoints of a project, or a group of them")
    compare.add_argument("--project", required=True)
    compare.add_argument("--probe", required=True)
    compare.add_argument("--train-probe")
    compare.add_argument(
        "--also-on", action="append", default=[], metavar="PROBE", help="another probe set; several times"
    )
    compare.add_argument("--measure", action="append", required=True, help="may be given several times")
    compare.add_argument("--layer", action="append", default=[])
    compare.add_argument("--group", action="append", default=[], help="only checkpoints of these groups")
    compare.add_argument("--json", action="store_true", help="print the comparison as JSON")
    export = verbs.add_parser("export", help="print one matrix")
    export.add_argument("comparison", type=int)
    export.add_argument("--measure", required=True)
    export.add_argument("--layer")
    export.add_argument("--format", choices=("csv", "json", "npz"), default="csv")
    export.add_argument("--output", type=Path, help="file to write (needed for npz)")
    share = verbs.add_parser("share", help="make a link to a comparison")
    share.add_argument("comparison", type=int)
    share.add_argument("--days", type=int, default=30)
    share.add_argument("--view", default="", help="query string of the view to open")
    share.add_argument(
        "--scope", choices=list(ShareScope), default=ShareScope.COMPARISON, help="matrix: no other measure"
    )
    share.add_argument("--by", default="", metavar="NAME", help="who sends it, as its visitors read it")
    share.add_argument("--masked", action="store_true", help="hide all names; without export")


def port(text: str) -> int:
    """A port number."""
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number from 1 to 65535")
    return int(text)


def pairs(texts: Sequence[str]) -> dict[str, str]:
    """``name=value`` texts as a dictionary."""
    out = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ClientError(f"{text!r} must be NAME=VALUE.")
        out[name] = value
    return out


def start(given: argparse.Namespace) -> int:
    """`kinscape up`."""
    # The launcher and the demo are programs of their own: loading them here would slow every other verb.
    from kinscape.local.launcher import LaunchOptions, up, usual_workers
    from kinscape.local.programs import CannotStart
    from kinscape.local.tokens import owner_token, token_file

    workers = usual_workers() if given.workers is None else given.workers
    if workers < 1:
        raise ClientError("--workers must be at least 1.")
    data = given.data.expanduser().resolve()
    own = given.token or os.environ.get("KINSCAPE_TOKEN", "")
    try:
        token = owner_token(data, host=given.host, given=own)
    except CannotStart as sentence:
        raise ClientError(str(sentence)) from sentence
    then = None
    if given.demo:
        from kinscape.demo.running import in_background

        then = in_background(token)
    file = token_file(data) if token and not own else None
    options = LaunchOptions(data, given.host, given.port, given.public_url, workers, token, tuple(given.networks), file)
    return up(options, open_browser=not given.no_browser, then=then)


def settings(texts: Sequence[str]) -> dict[str, bool | int | float | str]:
    """``name=value`` texts as a dictionary: numbers and truth values as JSON writes them, all else as text."""
    out: dict[str, bool | int | float | str] = {}
    for name, text in pairs(texts).items():
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        out[name] = value if isinstance(value, bool | int | float) else text
    return out


def names_of(files: Sequence[Path]) -> dict[Path, str]:
    """Names of checkpoints: of their files, with their folders where the files of several runs are called the same."""
    # The name of a folder has no ending.
    stems = {file: file.absolute().name if file.is_dir() else file.stem for file in files}
    every = list(stems.values())
    return {
        file: f"{file.absolute().parent.name}/{stem}" if every.count(stem) > 1 or stem.lower() in ANYBODYS else stem
        for file, stem in stems.items()
    }


def named(project: Project, name: str) -> Checkpoint:
    """The checkpoint of this name."""
    found = [c for c in project.checkpoints() if c.name == name]
    if not found:
        raise ClientError(f"There is no checkpoint named {name!r} in {project.name}.")
    return found[0]


def confirm(project: Project, given: argparse.Namespace) -> int:
    """Name the architecture of a checkpoint."""
    checkpoint = named(project, given.name)
    if given.architecture is None and not checkpoint.proposals:
        raise ClientError(f"{checkpoint.name} fits no known architecture: say which with --architecture.")
    if given.architecture is None:
        architecture, arguments = checkpoint.proposals[0].architecture, dict(checkpoint.proposals[0].arguments)
    else:
        architecture, arguments = given.architecture, dict(settings(given.argument))
    made = project.confirm(checkpoint, architecture=architecture, arguments=arguments)
    print(f"{made.name} is ready ({made.kind}, {made.parameters} parameters)")
    return 0


def upload_probe(project: Project, given: argparse.Namespace) -> int:
    """Upload a probe set."""
    if (given.mean is None) != (given.std is None):
        raise ClientError("--mean and --std belong together: one number per channel each.")
    rule = None if given.mean is None else {"mean": given.mean, "std": given.std}
    how = {"role": given.role, "scale": given.scale, "layout": given.layout, "normalisation": rule}
    probe = project.upload_probe(given.file, name=given.name, **how)
    print(f"probe set {probe.id}: {probe.samples} samples, {probe.classes} classes. {probe.reason}".strip())
    return 0


def upload(client: Client, given: argparse.Namespace) -> int:
    """Upload files; one that is refused does not stop the others."""
    project = client.project(given.project)
    arguments = settings(given.argument)
    failed = 0
    for file, name in names_of(given.files).items():
        try:
            typed = {key: getattr(given, key) for key in ("group", "parent", "init_of", "teacher", "run")}
            about = described_by(name, given.pattern, **typed)
            if given.step is not None:
                about["step"] = given.step
            made = project.upload_checkpoint(
                file,
                name=name,
                architecture=given.architecture,
                arguments=arguments,
                weights=given.weights,
                **{**about, "tags": {**about["tags"], **pairs(given.tag)}},
            )
            note = f". {made.reason}" if made.reason else ""
            print(f"{file}: {made.name} is ready ({made.kind}, {made.parameters} parameters){note}")
        except (ClientError, OSError) as error:
            failed += 1
            print(f"{file}: {error}", file=sys.stderr)
    return 1 if failed else 0


def compare(client: Client, given: argparse.Namespace) -> int:
    """Compare and wait."""
    project = client.project(given.project)
    chosen = [
        c
        for c in reversed(project.checkpoints())
        if c.state is State.READY and (not given.group or c.group in given.group)
    ]
    comparison = project.compare(
        checkpoints=chosen,
        probe=given.probe,
        train_probe=given.train_probe,
        also_on=given.also_on,
        measures=given.measure,
        layers=given.layer,
    )
    comparison.wait()
    if given.json:
        print(
            json.dumps(
                {"id": comparison.id, "url": comparison.url, "status": comparison.status, "counts": comparison.counts}
            )
        )
    else:
        print(
            f"comparison {comparison.id}: {comparison.status}, {comparison.counts['new']} cells new, "
            f"{comparison.counts['reused']} known; {comparison.url}"
        )
        for line in comparison.log:
            print(line, file=sys.stderr)
    return 0 if comparison.status is ComparisonState.DONE else 1


def export(comparison: Comparison, given: argparse.Namespace) -> int:
    """Print or write one matrix."""
    if given.format == "npz":
        if given.output is None:
            raise ClientError("npz is not text: say where to write it with --output.")
        packed = comparison.packed_matrix(given.measure, layer=given.layer)
        np.savez(given.output, values=packed.values, low=packed.low, high=packed.high, labels=packed.header.labels)
        return 0
    text = comparison.export(given.measure, format=given.format, layer=given.layer)
    if given.output is None:
        sys.stdout.write(text)
    else:
        given.output.write_text(text)
    return 0


# Verbs about one project.
OF_PROJECT: dict[str, Callable[[Project, argparse.Namespace], int]] = {
    "probe": upload_probe,
    "confirm": confirm,
    cli_import.VERB: lambda project, given: cli_import.send(project, given, tags=pairs(given.tag)),
}


def talk(given: argparse.Namespace) -> int:
    """Every verb that talks to a running server."""
    with Client(given.url, given.token) as client:
        if given.verb in cli_housekeeping.VERBS:
            return cli_housekeeping.talk(client, given)
        if given.verb in OF_PROJECT:
            return OF_PROJECT[given.verb](client.project(given.project), given)
        if given.verb == "upload":
            return upload(client, given)
        if given.verb == "compare":
            return compare(client, given)
        if given.verb == "export":
            return export(client.comparison(given.comparison), given)
        if given.verb == cli_derive.VERB:
            return cli_derive.make(client, given, pairs)
        if given.verb in cli_studies.VERBS:
            return cli_studies.talk(client, given, pairs)
        if given.verb == "share":
            options = {"masked": given.masked, "scope": given.scope, "made_by": given.by}
            link = client.comparison(given.comparison).share(view=given.view, expires_in_days=given.days, **options)
            print(link.url)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; errors are one sentence on stderr."""
    given = parser().parse_args(arguments)
    try:
        if given.verb == "up":
            return start(given)
        if given.verb == "migrate":
            from kinscape.backend.settings import StoreSettings, read_settings
            from kinscape.migrations.moving import migrate

            migrate(read_settings(StoreSettings).database_url)
            return 0
        if given.verb == "demo":
            from kinscape.demo.running import run

            return run(given.url, given.token, given.study)
        if given.verb in cli_upkeep.VERBS:
            return cli_upkeep.act(given, DATA)
        if given.verb in cli_studies.OFFLINE:
            return cli_studies.verify(given)
        return talk(given)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("kinscape"):
            raise
        print(f"kinscape: {given.verb} needs {error.name}: pip install 'kinscape[server]'", file=sys.stderr)
        return 1
    except (ClientError, OSError) as error:
        print(f"kinscape: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
