"""Verbs for looking after things: projects, comparisons and their links, `delete`, `gc`, `changes`."""

import argparse
from collections.abc import Callable

from kinscape.backend.contracts.words import counted
from kinscape.client import Client, ClientError, Project

VERBS = ("project", "comparison", "link", "delete", "gc", "changes")
MEBIBYTE = 1 << 20


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The grammar of these verbs."""
    project = verbs.add_parser("project", help="projects").add_subparsers(dest="what", required=True)
    project.add_parser("create", help="make a project").add_argument("name")
    shown = project.add_parser("list", help="list projects")
    shown.add_argument("--deleted", action="store_true", help="those that were deleted and can be restored")
    renamed = project.add_parser("rename", help="give a project another name")
    renamed.add_argument("name")
    renamed.add_argument("new")
    noted = project.add_parser("change", help="give a project another name, or notes")
    noted.add_argument("name")
    noted.add_argument("--name", dest="new", metavar="NAME")
    noted.add_argument("--notes")
    project.add_parser("delete", help="delete a project with all that is in it").add_argument("name")
    project.add_parser("restore", help="bring a deleted project back").add_argument("name")
    _add_comparisons(verbs)
    delete = verbs.add_parser("delete", help="delete a checkpoint that no comparison shows, or a probe set")
    delete.add_argument("name")
    delete.add_argument("--project", required=True)
    delete.add_argument("--probe", action="store_true", help="the name is that of a probe set")
    delete.add_argument("--undo", action="store_true", help="bring it back: possible for seven days")
    changes = verbs.add_parser("changes", help="say who changed what on the server, newest first")
    changes.add_argument("--most", type=_count, default=50, metavar="N", help="lines (default 50)")
    collected = verbs.add_parser("gc", help="remove files, rows and cache of the server that nothing needs any more")
    collected.add_argument("--dry-run", action="store_true", help="count alone")


def _add_comparisons(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The grammar of comparisons and links, which are named by their numbers."""
    comparison = verbs.add_parser("comparison", help="comparisons").add_subparsers(dest="what", required=True)
    listed = comparison.add_parser("list", help="list the comparisons of a project")
    listed.add_argument("--project", required=True)
    listed.add_argument("--deleted", action="store_true", help="those that were deleted and can be restored")
    changed = comparison.add_parser("change", help="give a comparison another name, or notes")
    changed.add_argument("number", type=int)
    changed.add_argument("--name")
    changed.add_argument("--notes")
    for what, help_ in (("delete", "delete a comparison with its links"), ("restore", "bring a deleted one back")):
        comparison.add_parser(what, help=help_).add_argument("number", type=int)
    link = verbs.add_parser("link", help="links to comparisons").add_subparsers(dest="what", required=True)
    link.add_parser("list", help="list the links to a comparison").add_argument("number", type=int)
    for what, help_ in (("extend", "let a link work for longer"), ("revoke", "end a link for good")):
        verb = link.add_parser(what, help=help_)
        verb.add_argument("number", type=int)
        verb.add_argument("link", type=int)
        if what == "extend":
            verb.add_argument("--days", type=_count, default=30)


def _count(text: str) -> int:
    """A number of lines."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be 1 or more")
    return int(text)


def talk(client: Client, given: argparse.Namespace) -> int:
    """Carry out one of these verbs."""
    if given.verb == "gc":
        return _collect(client, given)
    if given.verb == "changes":
        for e in client.changes()[: given.most]:
            print(f"{e.created:%Y-%m-%d %H:%M:%S}  {e.client:15}  {e.action:24}  {e.path}  {e.name}")
        return 0
    if given.verb == "delete":
        return _delete(client.project(given.project), given)
    if given.verb == "comparison":
        return _comparison(client, given)
    if given.verb == "link":
        return _link(client, given)
    return PROJECT[given.what](client, given)


def _comparison(client: Client, given: argparse.Namespace) -> int:
    if given.what == "list":
        project = client.project(given.project)
        for one in project.deleted_comparisons() if given.deleted else project.comparisons():
            print(f"{one.id}\t{one.details.progress.state}\t{one.name}")
    elif given.what == "change":
        client.comparison(given.number).change(name=given.name, notes=given.notes)
    elif given.what == "restore":
        client.restore_comparison(given.number)
    else:
        comparison = client.comparison(given.number)
        links = sum(not one.revoked for one in comparison.shares())
        comparison.delete()
        print(f"deleted, {counted(links, 'links')} closed; for seven days: kinscape comparison restore {given.number}")
    return 0


def _link(client: Client, given: argparse.Namespace) -> int:
    links = client.comparison(given.number).shares()
    if given.what == "list":
        for one in links:
            ends = "revoked" if one.revoked else f"until {one.expires[:10]}"
            print(f"{one.id}\t{ends}\tlast opened {(one.last_used or 'never')[:16]}\t{one.view}")
        return 0
    found = [one for one in links if one.id == given.link]
    if not found:
        raise ClientError(f"Comparison {given.number} has no link {given.link}.")
    if given.what == "revoke":
        found[0].revoke()
    else:
        found[0].extend(given.days)
        print(f"until {found[0].expires[:10]}")
    return 0


def _create(client: Client, given: argparse.Namespace) -> int:
    print(f"project {client.create_project(given.name).id}")
    return 0


def _list(client: Client, given: argparse.Namespace) -> int:
    for project in client.deleted_projects() if given.deleted else client.projects():
        print(f"{project.id}\t{project.name}")
    return 0


def _rename(client: Client, given: argparse.Namespace) -> int:
    client.project(given.name).rename(given.new)
    return 0


def _change_project(client: Client, given: argparse.Namespace) -> int:
    client.project(given.name).change(name=given.new, notes=given.notes)
    return 0


def _delete_project(client: Client, given: argparse.Namespace) -> int:
    client.project(given.name).delete()
    print(f"{given.name} is deleted; for seven days: kinscape project restore {given.name!r}")
    return 0


def _restore_project(client: Client, given: argparse.Namespace) -> int:
    found = [p for p in client.deleted_projects() if p.name == given.name]
    if not found:
        raise ClientError(f"There is no deleted project named {given.name!r}.")
    # Several may have been deleted one after the other: the last one is meant.
    print(f"project {client.restore_project(found[0].id).id}")
    return 0


PROJECT: dict[str, Callable[[Client, argparse.Namespace], int]] = {
    "create": _create,
    "list": _list,
    "rename": _rename,
    "change": _change_project,
    "delete": _delete_project,
    "restore": _restore_project,
}


def _delete(project: Project, given: argparse.Namespace) -> int:
    if given.probe:
        (project.restore_probe if given.undo else project.delete_probe)(given.name)
        return 0
    there = project.deleted_checkpoints() if given.undo else project.checkpoints()
    found = [c for c in there if c.name == given.name]
    if not found:
        what = "deleted checkpoint" if given.undo else "checkpoint"
        raise ClientError(f"There is no {what} named {given.name!r} in {project.name}.")
    if given.undo:
        found[0].restore()
    else:
        found[0].delete()
    return 0


def _collect(client: Client, given: argparse.Namespace) -> int:
    found = client.collect(is_trial=given.dry_run)
    verb = "would be removed" if found.is_trial else "removed"
    print(f"{found.files} files ({found.file_bytes / MEBIBYTE:.1f} MiB) that nothing refers to {verb}")
    print(f"{found.cached} cached outputs and features ({found.cached_bytes / MEBIBYTE:.1f} MiB) {verb}")
    print(f"{found.deleted} things deleted long ago, {found.jobs} finished jobs, {found.questions} questions {verb}")
    return 0
