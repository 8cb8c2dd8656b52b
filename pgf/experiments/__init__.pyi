"""From a YAML file to the runs that it asks for."""

from .config import CONFIGS as CONFIGS
from .config import experiment_path as experiment_path
from .config import load_experiment as load_experiment
from .experiment import Experiment as Experiment
from .experiment import Grid as Grid
from .experiment import Strict as Strict
from .run_spec import RunSpec as RunSpec
from .run_spec import code_hash as code_hash
from .run_spec import job_fingerprint as job_fingerprint
from .settings import MAX_EXACT as MAX_EXACT
from .settings import AnalysisSettings as AnalysisSettings
from .settings import PublishedSettings as PublishedSettings
from .settings import RecipeSettings as RecipeSettings
from .settings import StatisticsSettings as StatisticsSettings
from .settings import TaskSettings as TaskSettings
from .settings import TrainingSettings as TrainingSettings
from .validation import read_yaml as read_yaml
from .validation import validated as validated
