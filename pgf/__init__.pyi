from .recipes import NMPattern as NMPattern
from .recipes import Phase as Phase
from .recipes import Recipe as Recipe
from .recipes import Target as Target
from .recipes import find_recipe as find_recipe
from .recipes import register as register
from .sparsity import Attached as Attached
from .sparsity import Sparsifier as Sparsifier
from .sparsity import attach as attach
from .sparsity import inspect as inspect
from .sparsity import nm_mask as nm_mask

__version__: str
