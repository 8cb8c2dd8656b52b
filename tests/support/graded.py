"""Made-up runs of a task that grades."""

from typing import Any

from pgf.analysis.tables.context import Context
from support.synthetic import TARGET, context, runs_frame

CONTROLS = {"dense": 40.0, "random_mask": -60.0, "removed": -100.0}
"""A metric of the columns that admission goes by: it is passed, and five points are a margin."""


def graded(finals: dict[str, list[Any]], *, analysis: Any = None, **controls: Any) -> Context:
    """Return a context of recipes at one target of a task that grades, or would but for `controls`.

    Args:
        finals: recipe -> the metric by seed.
        analysis: settings of the analysis.
        controls: control -> its metric by seed, or None to leave it out.
    """
    count = max(len(values) for values in finals.values())
    more = {name: [value] * count for name, value in CONTROLS.items()} | controls
    every = {**{k: v for k, v in more.items() if v is not None}, **finals}
    target = {"dense": "dense"}
    runs = runs_frame({(name, target.get(name, TARGET)): v for name, v in every.items()})
    return context(runs, **{"published": {}, **(analysis or {})})


def at_two_targets(moderate: list[float], high: list[float]) -> Context:
    """Return a task that grades at two targets, MdGf-Linear's gains over SR-STE at each."""
    finals: dict[tuple[str, str], list[Any]] = {("dense", "dense"): [CONTROLS["dense"]] * 6}
    for target, gains in (("1:4(FF)", moderate), (TARGET, high)):
        for name in ("random_mask", "removed"):
            finals[name, target] = [CONTROLS[name]] * 6
        finals["sr_ste", target] = [0.0] * 6
        finals["mdgf_linear", target] = gains
    return context(runs_frame(finals), published={})
