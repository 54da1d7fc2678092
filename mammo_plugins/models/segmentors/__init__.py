"""Networks that draw maps of lesions."""
from .bi_dual_net import BiDualNet
from .integrated_fusion_net import IntegratedFusionNet

__all__ = ['BiDualNet', 'IntegratedFusionNet']
