"""Records of runs, and the collection of many of them."""

from .collected import RUNS_FILE as RUNS_FILE
from .collected import copy_results as copy_results
from .collected import read_collected as read_collected
from .collected import write_collected as write_collected
from .collection import collect_runs as collect_runs
from .failures import TRAIN_LOG as TRAIN_LOG
from .failures import failure_summary as failure_summary
from .failures import last_lines as last_lines
from .files import remove_temporaries as remove_temporaries
from .files import replacing as replacing
from .files import set_aside as set_aside
from .files import write_atomically as write_atomically
from .provenance import add_machine as add_machine
from .provenance import machine_entries as machine_entries
from .provenance import provenance as provenance
from .provenance import this_machine as this_machine
from .record import CURVE_COLUMNS as CURVE_COLUMNS
from .record import CURVES as CURVES
from .record import OVERALL as OVERALL
from .record import RECORD as RECORD
from .record import SCHEMA as SCHEMA
from .record import read_record as read_record
from .record import read_run as read_run
from .record import set_run_aside as set_run_aside
from .record import why_incomplete as why_incomplete
from .record import write_record as write_record
