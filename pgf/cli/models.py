"""The survey of timm's models."""

import argparse

from pgf.cli.registry import RESULTS, Options, command


def _add_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="models by timm's name")
    parser.add_argument("--all", action="store_true", help="every model, in minutes")


@command(arguments=_add_models, experiment=False)
def models(options: Options) -> None:
    """Read the layer groups of timm's models, one of every family, into results/timm_models."""
    from pgf.costs import model_survey

    rows = model_survey.survey(model_survey.choose(options.names, every=options.all))
    model_survey.write(rows, RESULTS / model_survey.FOLDER)
    print(model_survey.summary(rows))
