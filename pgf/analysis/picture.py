"""The picture of N:M and of the recipes that the README shows, drawn from the recipes themselves.

python -m pgf.analysis.picture      writes results/recipes.svg
"""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from pgf.recipes import NMPattern, find_recipe

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.patches import Rectangle

FILE = Path("results/recipes.svg")
TARGET = NMPattern(1, 8)
STEPS = 400
DECAYING = (("sr_ste", "SR-STE"), ("mdgf_linear", "MdGf-Linear"), ("mdgf_exponential", "MdGf-Exp."))
TIGHTENING = (("sr_ste", "SR-STE"), ("sdgf_stepwise", "SdGf-Stepwise"))
WEIGHTS = (
    (0.2, -0.9, 0.4, 0.1, 0.7, -0.3, 0.2, 0.5),
    (-0.6, 0.1, 0.3, 0.2, 0.1, 0.8, -0.4, 0.3),
    (0.3, 0.2, -0.1, 0.9, -0.5, 0.2, 0.1, 0.4),
)
COLORS = ("#666666", "#0072b2", "#d55e00")
"""Okabe and Ito's; lines differ by dashes as well."""
DASHES = ("--", "-", "-.")


def picture() -> bytes:
    """Return the picture as SVG; the same bytes every time."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "pgf", "font.size": 9, "svg.fonttype": "path"}):
        figure = Figure(figsize=(9.6, 2.7), layout="constrained")
        weights, decay, density = figure.subplots(1, 3, width_ratios=(1.15, 1, 1))
        _draw_weights(weights)
        _draw_decay(decay)
        _draw_density(density)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _draw_weights(axes: "Axes") -> None:
    """Draw rows of weights under 1:4: the kept ones in color."""
    for i, row in enumerate(WEIGHTS):
        for j, weight in enumerate(row):
            group = row[j // 4 * 4 : j // 4 * 4 + 4]
            kept = abs(weight) == max(map(abs, group))
            place = (j + 0.3 * (j // 4), -i)
            axes.add_patch(_square(place, COLORS[1] if kept else "#e8e8e8"))
            color = "white" if kept else "#999999"
            middle = (place[0] + 0.46, place[1] + 0.46)
            axes.text(*middle, f"{weight:.1f}", ha="center", va="center", color=color, size=7)
    axes.set(xlim=(-0.1, 8.4), ylim=(-2.2, 1.1), aspect="equal")
    axes.axis("off")
    axes.set_title("1:4 keeps 1 of every 4 weights in a row", size=9)


def _square(place: tuple[float, float], color: str) -> "Rectangle":
    from matplotlib.patches import Rectangle

    return Rectangle(place, 0.92, 0.92, color=color)


def _draw_decay(axes: "Axes") -> None:
    for (name, label), color, dash in zip(DECAYING, COLORS, DASHES, strict=True):
        recipe = find_recipe(name)(dense=0.1, fine_tune=0.3)
        phases = [recipe.phase(step, STEPS, pattern=TARGET) for step in range(STEPS)]
        shares = [1.0 if phase.pattern is None else phase.mask_decay for phase in phases]
        axes.plot(_progress(), shares, color=color, linestyle=dash, label=label)
    _dress(axes, "mask decay: D, what is left of pruned weights")


def _draw_density(axes: "Axes") -> None:
    for (name, label), color, dash in zip(TIGHTENING, COLORS, DASHES, strict=False):
        recipe = find_recipe(name)(dense=0.1, fine_tune=0.3)
        phases = [recipe.phase(step, STEPS, pattern=TARGET) for step in range(STEPS)]
        shares = [phase.pattern.density if phase.pattern else 1.0 for phase in phases]
        axes.plot(_progress(), shares, color=color, linestyle=dash, label=label)
    _dress(axes, "structure decay to 1:8: share of weights kept")


def _progress() -> list[float]:
    return [step / STEPS for step in range(STEPS)]


def _dress(axes: "Axes", title: str) -> None:
    axes.set_title(title, size=9)
    axes.set(xlabel="share of training", ylim=(-0.05, 1.08), xlim=(0, 1))
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def main() -> None:
    """Write the picture."""
    FILE.write_bytes(picture())
    print(FILE)


if __name__ == "__main__":
    main()
