"""A library of more checkpoints than come with the page."""

import re
from pathlib import Path

import psycopg
from playwright.sync_api import Page, expect

from kinscape import Client
from tests.conftest import Server

MANY = 700


def copied(server: Server, checkpoint: int, project: int) -> None:
    """So many rows like one, which uploading would take a minute to make."""
    with psycopg.connect(f"host={server.sockets} user=kinscape dbname=kinscape") as database:
        names = database.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'checkpoints' "
            "AND is_identity = 'NO' AND is_generated = 'NEVER'"
        ).fetchall()
        columns = [name for (name,) in names]
        values = [{"name": "'n' || g", "project_id": str(project)}.get(name, name) for name in columns]
        database.execute(
            f"INSERT INTO checkpoints ({', '.join(columns)}) SELECT {', '.join(values)} "
            f"FROM checkpoints, generate_series(1, {MANY}) g WHERE id = {checkpoint}"
        )


def test_the_newest_come_first_and_the_others_follow(
    page: Page, server: Server, client: Client, networks: list[Path]
) -> None:
    project = client.create_project("large library")
    one = project.upload_checkpoint(networks[0], name="first", architecture="lenet", arguments={"classes": 10})
    copied(server, one.id, project.id)
    page.goto(f"/projects/{project.id}?filter=name~first")
    expect(page.locator("#library-count")).to_have_text(re.compile(f"^1 of {MANY + 1} checkpoints, 0 probe sets"))
    expect(page.locator(".ag-center-cols-container .ag-row")).to_have_count(1)
    page.locator("#library-filter").fill("")
    expect(page.locator("#library-count")).to_have_text(re.compile(f"^{MANY + 1} checkpoints"))
    assert len(project.checkpoints(newest=5)) == 5
    assert project.checkpoints(newest=5)[0].name == f"n{MANY}"
