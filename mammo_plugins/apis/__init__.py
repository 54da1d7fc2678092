"""What the tools are made of, for use from Python."""
from .blended_images import (BlendedImages, blend_by, blend_by_poisson,
                             lesion_box, loaded_normals)
from .exam_files import FoundExams, FoundView, find_exams
from .exam_inferencer import ExamInferencer
from .experiments import ToolRunner
from .nipple_locator import NippleLocator
from .saliency import breast_saliency
from .synthetic_exams import (SyntheticExams, loaded_breasts,
                              synthesis_stages)
from .trained_model import TrainedModel

__all__ = [
    'BlendedImages', 'ExamInferencer', 'FoundExams', 'FoundView', 'NippleLocator',
    'SyntheticExams', 'ToolRunner', 'TrainedModel', 'blend_by', 'blend_by_poisson',
    'breast_saliency', 'find_exams', 'lesion_box', 'loaded_breasts',
    'loaded_normals', 'synthesis_stages'
]
