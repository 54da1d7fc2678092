"""What the tools are made of, for use from Python."""
from .exam_files import FoundExams, FoundView, find_exams
from .exam_inferencer import ExamInferencer
from .nipple_locator import NippleLocator
from .trained_model import TrainedModel

__all__ = [
    'ExamInferencer', 'FoundExams', 'FoundView', 'NippleLocator', 'TrainedModel',
    'find_exams'
]
