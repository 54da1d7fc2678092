"""A 3-D breast phantom whose four views carry exact ground truth; no torch."""
from .config import DENSITIES, LATERALITIES, VIEWS, PhantomConfig
from .dataset import (PhantomDatasetConfig, PhantomFolderError, read_normal,
                      remake_exam, write_phantom_dataset)
from .exam import LesionView, PhantomExam, PhantomView, make_exam

__all__ = [
    'DENSITIES', 'LATERALITIES', 'VIEWS', 'LesionView', 'PhantomConfig',
    'PhantomDatasetConfig', 'PhantomExam', 'PhantomFolderError', 'PhantomView',
    'make_exam', 'read_normal', 'remake_exam', 'write_phantom_dataset'
]
