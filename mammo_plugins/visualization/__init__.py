"""Four-view figures, pairs and curves."""

from .curves import plot_curves, plot_froc
from .four_view import ViewPanel, draw_four_view
from .pairs import BreastPanels, PairPanels, draw_pairs, pair_panels

__all__ = [
    'BreastPanels',
    'PairPanels',
    'ViewPanel',
    'draw_four_view',
    'draw_pairs',
    'pair_panels',
    'plot_curves',
    'plot_froc',
]
