"""Running trained models on files of exams, with one inferencer per task."""

from .base import ExamInferencer, inferencer_type
from .breast import BreastInferencer
from .detection import DetectionInferencer
from .loaded_exam import LoadedExam
from .pair import PairInferencer
from .whole_exam import WholeExamInferencer

__all__ = [
    'BreastInferencer',
    'DetectionInferencer',
    'ExamInferencer',
    'LoadedExam',
    'PairInferencer',
    'WholeExamInferencer',
    'inferencer_type',
]
