"""The dashboard in a real browser: what a reader clicks does what it says."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.dashboards import HOSTILE, SHARES, chromium, experiment

from pgf.analysis.dashboard.write import write_dashboard

pytestmark = pytest.mark.slow
READY = "document.getElementById('plot').dataset.ready"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("results") / "toy"
    return write_dashboard(experiment(), folder).as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # No sandbox: containers are often root's.
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def page(browser: Any, file: str) -> Iterator[Any]:
    with opened_at(browser, file) as opened:
        yield opened


@contextmanager
def opened_at(browser: Any, file: str) -> Iterator[Any]:
    """Yield the page, drawn; afterwards it has logged nothing and asked for nothing."""
    opened, logged = browser.new_page(viewport={"width": 1200, "height": 900}), []
    opened.on("console", lambda message: logged.append(message.text))
    opened.on("pageerror", lambda error: logged.append(str(error)))
    opened.on("request", lambda request: logged.append(request.url))
    opened.goto(file)
    opened.wait_for_function(READY)
    yield opened
    assert [text for text in logged if text.split("#")[0] != file and text != "data:,"] == []
    opened.close()


def names(page: Any) -> list[str]:
    return page.locator("#ranking tbody:visible tr[data-recipe]:visible .open").all_inner_texts()


def ranked(task: str) -> list[str]:
    labels = {"sr_ste": "SR-STE", "mdgf_linear": "MdGf-Linear", "mdgf_exponential": HOSTILE}
    return [labels[name] for name in sorted(SHARES[task], key=lambda name: -SHARES[task][name])]


def test_the_longest_length_is_ranked_first(page: Any) -> None:
    assert names(page) == ranked("toy_200")
    assert not page.evaluate("window.hostile")


def test_a_filter_shows_the_leaderboard_of_its_choice(page: Any) -> None:
    page.select_option("#filters [name=steps]", "100")
    page.select_option("#filters [name=target]", "1:16(FF)")
    assert names(page) == ranked("toy_100")
    page.select_option("#filters [name=flops]", "50")
    assert names(page) == []


def test_a_heading_sorts_and_sorts_back(page: Any) -> None:
    head = page.locator("#ranking th", has_text="recovered share")
    head.get_by_role("button").click()
    assert names(page) == ranked("toy_200")[::-1]
    assert head.get_attribute("aria-sort") == "ascending"
    head.get_by_role("button").press("Enter")
    assert names(page) == ranked("toy_200")


def test_a_row_opens_to_its_cells_and_closes(page: Any) -> None:
    button = page.locator("#ranking tbody:visible .open").first
    button.press("Enter")
    assert button.get_attribute("aria-expanded") == "true"
    assert "by seed" in page.locator("#ranking .cells:visible").inner_text()
    button.click()
    assert page.locator("#ranking .cells:visible").count() == 0


def curves_drawn(page: Any) -> int:
    return page.locator("#plot .mark-line path").count()


def test_the_legend_hides_a_curve(page: Any) -> None:
    before = curves_drawn(page)
    rows = page.evaluate(READY)
    page.locator("#legend input[name=mdgf_linear]").press("Space")
    page.wait_for_function(f"{READY} !== '{rows}'")
    assert curves_drawn(page) == before - 1
    assert "MdGf-Linear" not in page.locator("#numbers").inner_text(timeout=5000)


def test_the_legend_shows_a_curve_of_another_checkout(browser: Any, tmp_path: Path) -> None:
    file = write_dashboard(experiment(), tmp_path / "toy", origins={HOSTILE: experiment()})
    with opened_at(browser, file.as_uri()) as page:
        before, rows = curves_drawn(page), page.evaluate(READY)
        page.get_by_role("checkbox", name=f"SR-STE ({HOSTILE})").check()
        page.wait_for_function(f"{READY} !== '{rows}'")
        assert curves_drawn(page) == before + 1
        assert not page.evaluate("window.hostile")


def test_a_statistic_has_its_curves_and_their_numbers(page: Any) -> None:
    page.select_option("#choice [name=statistic]", "gradient_variance")
    page.wait_for_function("document.querySelector('#choice [name=scale]').value === 'log'")
    page.select_option("#choice [name=axis]", "flops")
    page.locator("#numbers summary").click()
    assert page.locator("#numbers tbody tr").count() >= 3
    assert page.locator("#plotted").inner_text() == "gradient variance over entries"


def test_a_link_opens_its_claim(browser: Any, file: str, page: Any) -> None:
    claim = page.locator(".claim").first.get_attribute("id")
    page.goto(f"{file}#{claim}")
    page.wait_for_function(f"document.getElementById('{claim}').open")
    assert page.locator(f"#{claim} table").is_visible()


@pytest.mark.parametrize("width", [390, 900, 1600])
def test_nothing_is_wider_than_the_screen(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    for part in page.locator("details").all():
        part.evaluate("part => part.open = true")
    page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
    wide = (
        "[...document.querySelectorAll('body *')].filter(one => !one.closest('.scroll, svg, pre')"
    )
    right = f"{wide}).map(one => one.getBoundingClientRect().right)"
    page.wait_for_function(f"Math.max(...{right}) <= innerWidth + 1")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_who_cannot_see_or_point_can_use_it(page: Any, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page.emulate_media(color_scheme=scheme)
    for part in page.locator("details").all():
        part.evaluate("part => part.open = true")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
