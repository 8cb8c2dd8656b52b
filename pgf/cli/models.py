"""The command `models`: the layer groups that are told in models of timm and transformers."""

import argparse
from typing import TYPE_CHECKING

from pgf.cli.registry import COMMITTED, Group, Options, add_write, command
from pgf.errors import UserError

if TYPE_CHECKING:
    from pgf.costs import SurveyedModel


def _add_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="only these: names of timm's models, or model types of transformers",
    )
    parser.add_argument(
        "--all", action="store_true", help="every model of timm, not one of each family"
    )
    add_write(parser, "results/committed/models")


@command(group=Group.COSTS, arguments=_add_models, experiment=False)
def models(options: Options) -> None:
    """Show the layer groups of models of timm and transformers, of every family or those named."""
    if options.write and options.names:
        raise UserError("--write keeps the survey of all families: give it without model names")

    from pgf.costs import SURVEY_FOLDER, choose_models, survey_models, survey_summary, write_survey

    rows = survey_models(choose_models(options.names, every=options.all))
    if options.names:
        print("\n".join(line for row in rows for line in _lines(row)))
    else:
        print(survey_summary(rows))
    if options.write:
        write_survey(rows, COMMITTED / SURVEY_FOLDER)
        print(f"\n{COMMITTED / SURVEY_FOLDER}: models.md and models.csv, {len(rows)} models")


def _lines(row: "SurveyedModel") -> list[str]:
    """Return a model's status, its groups with their widths, and the reasons for refusals."""
    groups = [
        f"  {role}: {count} layer{'s' * (count > 1)} of {', '.join(map(str, row.widths[role]))} "
        "inputs"
        for role, count in row.layers.items()
    ]
    reason = [f"  {row.reason}"] if row.reason else []
    return [f"{row.model}: {row.status}", *groups, *reason]
