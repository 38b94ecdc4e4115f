"""Pictures of the dashboard: ``python docs/screenshots/make.py http://127.0.0.1:8050``, with the demo loaded there."""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

HERE = Path(__file__).parent
WIDE, PHONE = (1440, 900), (390, 844)
DRAWN = "#matrix-cells[data-drawn], .thumb[data-drawn], .point, .model-table, .ag-row, #picture .main-svg, "
DRAWN += ".kinds, .outcomes, .study-figures .main-svg, #study-plan p"
PAGES = {
    "summary": "/comparison/1",
    "matrix": "/comparison/1?tab=matrix&measure=disagreement&aside=21,24&a=2&b=7&sure=seeds",
    "map": "/comparison/1?tab=map&measure=disagreement&aside=21,24",
    "multiples": "/comparison/1?tab=multiples&aside=21,24",
    "models": "/comparison/1?tab=models&columns=landscape",
    "scatter": "/comparison/1?tab=scatter&aside=21,24&x=hessian-trace&y=ece-debiased",
    "curves": "/comparison/1?tab=curves",
    "pair": "/comparison/1?tab=pair&a=1&b=2",
    "library": "/projects/1",
    "compare": "/projects/1/compare",
    "studies": "/projects/1/studies",
    # The second that the demo asks of its zoo.
    "study": "/study/2",
    "study-new": "/projects/1/studies/new?template=distillation",
}
# Text and lines settle a moment after the first pixels.
SETTLED_MS = 1500


def pictures(browser: Browser, server: str, *, scheme: str, size: tuple[int, int]) -> None:
    """Every page in one scheme at one size."""
    context = browser.new_context(
        base_url=server,
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,  # type: ignore[arg-type]
        reduced_motion="reduce",
    )
    page = context.new_page()
    for name, path in PAGES.items():
        page.goto(path)
        page.locator(DRAWN).first.wait_for()
        page.wait_for_timeout(SETTLED_MS)
        page.screenshot(path=HERE / f"{name}-{scheme}-{size[0]}.png")
    context.close()


def main(server: str) -> None:
    """Light and dark on a screen, light on a phone; the README's picture is the summary."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for scheme, size in (("light", WIDE), ("dark", WIDE), ("light", PHONE)):
            pictures(browser, server, scheme=scheme, size=size)
        browser.close()
    shutil.copyfile(HERE / "summary-light-1440.png", HERE.parent / "demo.png")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8050")
