"""The functions and classes behind the tools, for use from Python."""

from mammo_plugins.structures.exam_files import FoundExams, FoundView, find_exams

from .blended_images import (
    BlendedImages,
    blend_by,
    blend_by_mixed_gradients,
    blend_by_poisson,
    loaded_normals,
    makes_blended_images,
    makes_whole_images,
)
from .experiments import ToolRunner, check_settings
from .inferencers import (
    BreastInferencer,
    DetectionInferencer,
    ExamInferencer,
    PairInferencer,
    WholeExamInferencer,
    inferencer_type,
)
from .nipple_locator import NippleLocator
from .saliency import breast_saliency, training_saliency
from .synthetic_exams import SyntheticExams, loaded_breasts, synthesis_stages
from .trained_model import TrainedModel, trained_model_of

__all__ = [
    'BlendedImages',
    'BreastInferencer',
    'DetectionInferencer',
    'ExamInferencer',
    'FoundExams',
    'FoundView',
    'NippleLocator',
    'PairInferencer',
    'SyntheticExams',
    'ToolRunner',
    'TrainedModel',
    'WholeExamInferencer',
    'blend_by',
    'blend_by_mixed_gradients',
    'blend_by_poisson',
    'breast_saliency',
    'check_settings',
    'find_exams',
    'inferencer_type',
    'loaded_breasts',
    'loaded_normals',
    'makes_blended_images',
    'makes_whole_images',
    'synthesis_stages',
    'trained_model_of',
    'training_saliency',
]
