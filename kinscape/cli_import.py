"""The verb for answers that exist already: `kinscape import`."""

import argparse
import sys
from pathlib import Path

from kinscape.client import ClientError, Project

VERB = "import"


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The grammar of this verb."""
    verb = verbs.add_parser(VERB, help="import answers: logs of lm-evaluation-harness or Inspect, tables of outputs")
    verb.add_argument("files", type=Path, nargs="+", help="one file per model, all of one task")
    verb.add_argument("--project", required=True)
    verb.add_argument("--probe", default="", help="name of the probe set; that of the task when left out")
    verb.add_argument("--group", default="")
    verb.add_argument("--tag", action="append", default=[], metavar="NAME=VALUE")


def send(project: Project, given: argparse.Namespace, *, tags: dict[str, str]) -> int:
    """Read all files, then upload them; nothing is sent where one cannot be read."""
    # numpy takes longer to load than most verbs to run.
    from kinscape import importing

    try:
        answers = [importing.read(file) for file in given.files]
        made = importing.send(project, answers, probe=given.probe, group=given.group, tags=tags)
    except importing.CannotImport as problem:
        raise ClientError(str(problem)) from problem
    for sentence in dict.fromkeys(t for a in answers for t in a.told):
        print(sentence, file=sys.stderr)
    for checkpoint in made:
        print(f"{checkpoint.name} is ready. {checkpoint.reason}".strip())
    return 0
