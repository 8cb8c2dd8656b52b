"""Trained N:M models packed: files of a fraction of the size, and layers that run faster."""

from .files import load as load
from .files import pack_file as pack_file
from .files import save as save
from .files import save_tensors as save_tensors
from .kernels.native import serves as serves
from .linear import PackedLinear as PackedLinear
from .packed import PackedWeight as PackedWeight
from .packing import pack as pack
from .patterns import index_width as index_width
from .patterns import is_packable as is_packable
from .sizes import LayerSize as LayerSize
from .sizes import Sizes as Sizes
from .sizes import sizes_of as sizes_of
