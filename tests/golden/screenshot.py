"""The README's picture of the dashboard of `laptop`: `make screenshot`, where there is a Chromium.

Two machines' fonts differ, so no test compares it.
"""

import sys
from pathlib import Path

from support.dashboards import chromium

from pgf.analysis import context_of, write_dashboard
from pgf.experiments import load_experiment

NAME, PICTURE = "laptop", Path("results/dashboard.png")
COMMITTED = Path("results/committed")


def main() -> None:
    """Write the picture."""
    from playwright.sync_api import sync_playwright

    context = context_of(load_experiment(NAME), COMMITTED)
    page, path = write_dashboard(context, COMMITTED / NAME), chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1180, "height": 1250})
        tab.goto(page.resolve().as_uri())
        tab.wait_for_function("document.getElementById('plot').dataset.ready")
        tab.select_option("#choice [name=statistic]", "gradient_norm_pruned")
        tab.locator("#leaderboard").scroll_into_view_if_needed()
        top = tab.locator("#leaderboard").bounding_box()["y"]
        end = tab.locator("#phases").bounding_box()
        height = end["y"] + end["height"] - top
        clip = {"x": 0, "y": top, "width": 1180, "height": height}
        tab.screenshot(path=PICTURE, clip=clip, full_page=True)
        browser.close()
    print(PICTURE, file=sys.stderr)


if __name__ == "__main__":
    main()
