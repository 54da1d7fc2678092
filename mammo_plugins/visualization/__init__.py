"""Four-view figures, pairs and curves, and pictures of samples in logs."""

from .backends import MLflowVisBackend, WandbVisBackend
from .curves import plot_curves, plot_froc
from .four_view import ViewPanel, draw_four_view
from .mammogram_visualizer import MammogramVisualizer, draw_sample, sample_name
from .pairs import BreastPanels, PairPanels, draw_pairs, pair_panels

__all__ = [
    'BreastPanels',
    'MLflowVisBackend',
    'MammogramVisualizer',
    'PairPanels',
    'ViewPanel',
    'WandbVisBackend',
    'draw_four_view',
    'draw_pairs',
    'draw_sample',
    'pair_panels',
    'plot_curves',
    'plot_froc',
    'sample_name',
]
