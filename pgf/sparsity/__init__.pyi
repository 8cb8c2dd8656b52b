"""A recipe on a model: masks, layers, effective weights and gradient rules."""

from .attach import attach as attach
from .attached import Attached as Attached
from .kernels import MaskedLayers as MaskedLayers
from .kernels import kernel_for as kernel_for
from .kernels import magnitude_mask as magnitude_mask
from .kernels.build import Source as Source
from .kernels.build import library as library
from .kernels.threads import in_parts as in_parts
from .layer_listing import alike as alike
from .layer_listing import name_pattern as name_pattern
from .layers import ModelLayers as ModelLayers
from .layers import PrunableWeight as PrunableWeight
from .layers import find_layers as find_layers
from .layers import read_layers as read_layers
from .making import make_layers as make_layers
from .masks import check_mask as check_mask
from .masks import nm_mask as nm_mask
from .report import Inspection as Inspection
from .report import Report as Report
from .report import inspect as inspect
from .roles import NO_RULE as NO_RULE
from .roles import is_conv1d as is_conv1d
from .roles import is_layer as is_layer
from .selection import select_layers as select_layers
from .sparse_layer import SparseLayer as SparseLayer
from .sparsifier import Sparsifier as Sparsifier
