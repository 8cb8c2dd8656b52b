"""A made-up experiment for dashboards, and a browser to look at them with."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pgf.analysis.tables.context import Context
from support.graded import CONTROLS
from support.synthetic import TARGET, TARGETS, context, runs_frame

STEPS = {"toy_100": 100, "toy_200": 200}
SHARES = {
    "toy_100": {"sr_ste": 20.0, "mdgf_linear": 80.0, "mdgf_exponential": 60.0},
    "toy_200": {"sr_ste": 40.0, "mdgf_linear": 30.0, "mdgf_exponential": 90.0},
}
"""Recovered shares in percent, other orders at the two lengths."""
HOSTILE = "<script>window.hostile = 1</script>"
"""The label of one of the recipes."""


def experiment() -> Context:
    """Return three recipes at two targets and two lengths; the second target does not grade."""
    runs = pd.concat(map(_runs_of, STEPS), ignore_index=True)
    runs.loc[runs["recipe"] == "mdgf_exponential", "recipe_label"] = HOSTILE
    more = {"commit": "c0ffee", "dirty": False, "training.learning_rate": 0.01}
    made = context(runs.assign(**more), published={}, about="Made up.")
    return replace(made, families={"toy": tuple(STEPS)}, trials={("toy_200", "sr_ste", TARGET): 7})


def _runs_of(task: str) -> pd.DataFrame:
    finals: dict[tuple[str, str], list[float | None]] = {
        ("dense", "dense"): [CONTROLS["dense"]] * 6
    }
    noise = np.linspace(-0.2, 0.2, 6)
    for target in TARGETS:
        # Noise as large as the gap keeps the other target from grading.
        factor = 1.0 if target == TARGET else 200.0
        random = CONTROLS["random_mask"]
        finals["random_mask", target] = list(random + factor * noise)
        finals["removed", target] = [CONTROLS["removed"]] * 6
        for i, (recipe, share) in enumerate(SHARES[task].items()):
            own = random + share / 100 * (CONTROLS["dense"] - random)
            finals[recipe, target] = list(own + factor * np.roll(noise, i))
    return runs_frame(finals, task=task).assign(n_steps=STEPS[task])


def chromium() -> str:
    """Return the path of a Chromium: Playwright's own, or the system's; skip without one."""
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    found = own if Path(own).exists() else shutil.which("chromium") or shutil.which("google-chrome")
    if not found:
        pytest.skip("no Chromium: `playwright install chromium`, or apt-get install chromium")
    return found
