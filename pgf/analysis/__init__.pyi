"""From collected runs to statistics, verdicts, tables and figures."""

from .figures import figure_files as figure_files
from .figures.write import write_figures as write_figures
from .readme import README as README
from .readme import documents as documents
from .readme import results_block as results_block
from .readme import with_block as with_block
from .results import PAPER as PAPER
from .results import check_published as check_published
from .results import context_of as context_of
from .results import load_remarks as load_remarks
from .selection import describe_selection as describe_selection
from .tables import table_files as table_files
from .tables.model import EMPTY as EMPTY
from .tables.model import NO_RUN as NO_RUN
from .tables.model import Block as Block
from .tables.model import Cell as Cell
from .tables.model import Row as Row
from .tables.model import Section as Section
from .tables.model import Table as Table
from .tables.model import row as row
from .tables.published import load_published as load_published
from .tables.render import markdown_block as markdown_block
from .tables.render import to_latex as to_latex
from .tables.render import to_markdown as to_markdown
from .tables.terminal import terminal_view as terminal_view
from .tables.write import write_tables as write_tables
