"""Converters from public data sets to the COCO-exam format; torch is imported late."""

from .base import Converter
from .conversion import convert
from .parts import Split, assign_parts
from .raw_folder import RawFolder, plain, read_table
from .records import Catalogue, ConversionError, RawLesion, RawView, Skip

__all__ = [
    'Catalogue',
    'ConversionError',
    'Converter',
    'RawFolder',
    'RawLesion',
    'RawView',
    'Skip',
    'Split',
    'assign_parts',
    'convert',
    'plain',
    'read_table',
]
