"""What the tools are made of, for use from Python."""
from .exam_inferencer import ExamInferencer

__all__ = ['ExamInferencer']
