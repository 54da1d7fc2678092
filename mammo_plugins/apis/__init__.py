"""What the tools are made of, for use from Python."""
from .exam_files import FoundExams, FoundView, find_exams
from .exam_inferencer import ExamInferencer

__all__ = ['ExamInferencer', 'FoundExams', 'FoundView', 'find_exams']
