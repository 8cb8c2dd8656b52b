"""One run: its state, steps, evaluations, statistics and checkpoints."""

from . import checkpoints as checkpoints
from . import parallel as parallel
from .flops import Layers as Layers
from .flops import ModelFlops as ModelFlops
from .flops import average_density as average_density
from .flops import count_flops as count_flops
from .flops import inference_flops as inference_flops
from .flops import parameter_counts as parameter_counts
from .flops import training_flops as training_flops
from .interruption import HANG_SECONDS as HANG_SECONDS
from .interruption import TO_BE_CONTINUED as TO_BE_CONTINUED
from .interruption import InterruptedRunError as InterruptedRunError
from .interruption import Watch as Watch
from .loop import train as train
from .loop import train_together as train_together
from .optimization import check_optimization as check_optimization
from .outcome import write_outcome as write_outcome
from .preflight import HARDLY_EVER as HARDLY_EVER
from .preflight import check_runs as check_runs
from .preflight import seconds_per_step as seconds_per_step
from .recipe_checks import walk as walk
from .run_state import Run as Run
from .stack import Stack as Stack
from .step import training_step as training_step
