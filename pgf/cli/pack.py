"""The command `pack`: a trained N:M model as a file of a fraction of the size."""

import argparse
from pathlib import Path

from pgf.cli.registry import Group, Options, command
from pgf.errors import UserError

WEIGHTS = "model.safetensors"
PACKED = "packed.safetensors"


def _add_pack(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        metavar="RUN_OR_MODEL",
        help="folder of a run that kept its model, folder of a model, or a safetensors file",
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", help=f"the file to write ({PACKED} beside the model)"
    )


@command(group=Group.RESULTS, arguments=_add_pack, experiment=False)
def pack(options: Options) -> None:
    """Write a trained N:M model packed, and show what each weight takes; it loses nothing."""
    source = find_weights(Path(options.source))
    output = Path(options.output) if options.output else source.with_name(PACKED)
    if output.is_dir():
        raise UserError(f"{output} is a folder: --output names the file to write")
    if output.exists() and output.samefile(source):
        raise UserError(f"{output} is the model itself: choose another file with --output")
    if not output.parent.is_dir():
        raise UserError(f"{output.parent} is not a folder: make it first")

    from pgf.inference import pack_file

    sizes = pack_file(source, output)
    print(f"{sizes}\n{output}: {output.stat().st_size:,} bytes; {source} has ", end="")
    print(f"{source.stat().st_size:,}")


def find_weights(source: Path) -> Path:
    """Return the safetensors file of a run, of a model's folder, or the file that is named.

    Raises:
        UserError: there is none.
    """
    if source.is_file():
        return source
    for path in (source / "model" / WEIGHTS, source / WEIGHTS):
        if path.is_file():
            return path
    if (source / "record.json").is_file():
        raise UserError(
            f"{source} kept no model: set `training: {{keep: model}}` in its config, delete this "
            "folder and train the run again"
        )
    raise UserError(f"{source} has no {WEIGHTS}, nor has model/ in it: name a run or a model")
