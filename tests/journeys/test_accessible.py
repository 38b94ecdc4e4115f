"""Every page in both schemes by the rules of axe-core: nothing serious, nothing critical."""

import importlib.util
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from kinscape import Client
from kinscape.frontend.view import TABS as ALL_TABS
from tests.conftest import Server

ROOT = Path(__file__).resolve().parents[2]
# Every tab there is, also one that is added later; that of a study has a test of its own.
TABS = [tab for tab in ALL_TABS if tab != "study"]
GRAVE = ("serious", "critical")
# What a page has when it is drawn.
DRAWN = (
    "#matrix-cells[data-drawn], .thumb[data-drawn], .point, .model-table, #picture .picture, #picture .empty, "
    ".ag-row, .card, #comparison-list, #project-name, .study, #study-plan p, .answers, .one-checkpoint"
)


@pytest.fixture(scope="module")
def axe() -> str:
    """The rules, from the packages of the lock file."""
    spec = importlib.util.spec_from_file_location("browser", ROOT / "build_backend" / "browser.py")
    assert spec is not None and spec.loader is not None
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    build._install()
    return (build.MODULES / "axe-core" / "axe.min.js").read_text("utf-8")


@pytest.fixture(scope="module")
def paths(client: Client, networks: list[Path], digits_train: Path, probe_file: Path) -> list[str]:
    """Every kind of page, with something on it."""
    project = client.create_project("accessible")
    models = [
        project.upload_checkpoint(
            f, architecture="lenet", arguments={"classes": 10}, group="one" if i < 3 else "two", parent=None
        )
        for i, f in enumerate(networks[:6])
    ]
    comparison = project.compare(
        checkpoints=models,
        probe=project.upload_probe(probe_file),
        train_probe=project.upload_probe(digits_train, name="train", role="train"),
        measures=["disagreement", "linear-cka", "accuracy", "ece", "hessian-trace", "layer-traces"],
    ).wait(timeout_s=180)
    pair = f"a={models[0].id}&b={models[1].id}"
    place = f"/projects/{project.id}"
    study = project.study("seeds", roles={"seeds": models}, probe="digits", measures=["disagreement", "accuracy"])
    study.run().wait(timeout_s=60)
    own = [
        "/",
        "/new",
        "/measures?measure=linear-cka",
        place,
        f"{place}/compare",
        f"{place}/comparisons",
        f"{place}/studies",
    ]
    own += [f"{place}/studies/new?template=seeds", f"/study/{study.id}", f"/checkpoint/{models[0].id}"]
    block = ",".join(str(m.id) for m in models[:3])
    own.append(f"/comparison/{comparison.id}?tab=matrix&cut=2&block={block};{block}")
    return own + [f"/comparison/{comparison.id}?tab={tab}&{pair}" for tab in TABS]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_keeps_anybody_out(browser: Browser, server: Server, paths: list[str], axe: str, scheme: str) -> None:
    context = browser.new_context(
        base_url=server.url,
        viewport={"width": 1440, "height": 900},
        color_scheme=scheme,  # type: ignore[arg-type]
        reduced_motion="reduce",
        bypass_csp=True,
    )
    page = context.new_page()
    found = []
    for path in paths:
        page.goto(path)
        page.locator(DRAWN).first.wait_for(timeout=30_000)
        page.wait_for_timeout(300)
        page.evaluate(axe)
        told = page.evaluate("axe.run({ resultTypes: ['violations'] })")
        found += [
            f"{path}: {v['id']}: {v['nodes'][0]['html'][:200]}" for v in told["violations"] if v["impact"] in GRAVE
        ]
    context.close()
    assert found == []
