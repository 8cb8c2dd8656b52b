"""The chart of curves as Vega, and the JavaScript that draws it, both inside the page.

Vega-Lite (https://vega.github.io/vega-lite) is compiled here, so that the page draws at once.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

from pgf.analysis.dashboard.curves import papers_name
from pgf.analysis.figures.kinds.second_moment import NAMES
from pgf.analysis.figures.style import DOTS, LOOKS, Look

SOLID = (1.0, 0.0)
SNIPPET = "window.vegaEmbed = vegaEmbed;"
VEGA_LITE = "6.4"


@cache
def library() -> str:
    """Return the JavaScript of Vega and its embedding, to stand in a script element."""
    from vl_convert import javascript_bundle

    # The one sequence that ends a script element, wherever it stands.
    return javascript_bundle(SNIPPET, vl_version=VEGA_LITE).replace("</script", "<\\/script")


def chart_specs(looks: Mapping[str, Look]) -> dict[str, Any]:
    """Return the Vega specs `linear`, `log` and `phases` for recipes of these looks, by name."""
    main, phases = (json.loads(_template(name)) for name in ("curves", "phases"))
    names = list(looks)
    color = {"domain": names, "range": [looks[name].color for name in names]}
    dash = {"domain": names, "range": [_dashes(looks[name]) for name in names]}
    for layer in main["layer"]:
        encoding = layer["encoding"]
        encoding["color"]["scale"] = color
        if "strokeDash" in encoding:
            encoding["strokeDash"]["scale"] = dash
    phases["encoding"]["color"]["scale"] = color
    phases["encoding"]["y"]["sort"] = names  # rows are those of the bars alone
    made = {"linear": main, "log": _on_log_axis(main), "phases": phases}
    return {name: _compiled(spec) for name, spec in made.items()}


def papers_looks() -> dict[str, Look]:
    """Return the looks of the paper's own curves: dotted, in the colors of their recipes."""
    return {papers_name(recipe): replace(LOOKS[recipe], line=DOTS) for recipe, _ in NAMES.values()}


def _template(name: str) -> str:
    return (files("pgf.analysis") / "templates" / f"{name}.vl.json").read_text(encoding="utf-8")


def _dashes(look: Look) -> list[float]:
    return list(SOLID) if isinstance(look.line, str) else [2 * part for part in look.line[1]]


def _on_log_axis(spec: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(spec))
    for layer in made["layer"]:
        layer["encoding"]["y"]["scale"] = {"type": "log"}
    return made


def _compiled(spec: dict[str, Any]) -> dict[str, Any]:
    from vl_convert import vegalite_to_vega

    made: dict[str, Any] = vegalite_to_vega(spec, vl_version=VEGA_LITE)
    return made
