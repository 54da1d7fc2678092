"""Four-view figures and curves."""
from .curves import plot_froc
from .four_view import ViewPanel, draw_four_view

__all__ = ['ViewPanel', 'draw_four_view', 'plot_froc']
