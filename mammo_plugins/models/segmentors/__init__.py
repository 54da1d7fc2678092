"""Networks that segment lesions."""

from .asymmetry_sensitive_segmentor import AsymmetrySensitiveSegmentor
from .bi_dual_net import BiDualNet
from .exam_segmentor import ExamSegmentor
from .integrated_fusion_net import IntegratedFusionNet
from .unet_segmentor import UNetSegmentor

__all__ = [
    'AsymmetrySensitiveSegmentor',
    'BiDualNet',
    'ExamSegmentor',
    'IntegratedFusionNet',
    'UNetSegmentor',
]
