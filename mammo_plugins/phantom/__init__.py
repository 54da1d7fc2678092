"""A 3-D breast phantom whose four views have exact ground truth; imports no torch."""

from .config import PhantomConfig
from .dataset import (
    PhantomDatasetConfig,
    PhantomFolderError,
    read_normal,
    remake_exam,
    write_phantom_dataset,
)
from .exam import LesionView, PhantomExam, PhantomView, make_exam

__all__ = [
    'LesionView',
    'PhantomConfig',
    'PhantomDatasetConfig',
    'PhantomExam',
    'PhantomFolderError',
    'PhantomView',
    'make_exam',
    'read_normal',
    'remake_exam',
    'write_phantom_dataset',
]
