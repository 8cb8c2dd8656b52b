"""Costs of models, recipes and runs: counted, timed, and in GPU hours."""

from .bench import find_part as find_part
from .bench import part_names as part_names
from .bench.experiment import measure_steps as measure_steps
from .bench.report import BENCH_FOLDER as BENCH_FOLDER
from .bench.report import write_bench as write_bench
from .bench.summary import write_summary as write_summary
from .compute import compute_files as compute_files
from .compute.write import compute_tables as compute_tables
from .compute.write import write_compute as write_compute
from .gpu.every_piece import measure_part as measure_part
from .gpu.every_piece import use_gpu as use_gpu
from .gpu_hours import HOURS_FOLDER as HOURS_FOLDER
from .gpu_hours import hours_table as hours_table
from .gpu_hours import write_hours as write_hours
from .survey.libraries import choose_models as choose_models
from .survey.page import survey_summary as survey_summary
from .survey.rows import SurveyedModel as SurveyedModel
from .survey.writing import SURVEY_FOLDER as SURVEY_FOLDER
from .survey.writing import survey_models as survey_models
from .survey.writing import write_survey as write_survey
