"""Figures of exams, hung as radiologists do."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle

from mammo_plugins.io import atomic_path
from mammo_plugins.printable import figure_text
from mammo_plugins.structures import LATERALITIES, VIEWS

# chest walls meet in the middle, right breast on the left, CC above MLO
HANGING = tuple(tuple(side + view for side in LATERALITIES) for view in VIEWS)
PREDICTED, TRUE = '#ffb000', '#00d0ff'  # colours of boxes and outlines
_PANEL_INCHES = 4.5
_SCORES_WRITTEN = 5


@dataclass
class ViewPanel:
    """View of a figure, in its canonical frame (chest wall on the left).

    Attributes:
        pixels (np.ndarray): (H, W) in [0, 1].
        boxes (np.ndarray): (N, 4) predicted boxes (x1, y1, x2, y2), pixels.
        scores (Sequence[float]): (N,).
        malignancy (Sequence[float]): (N,) probabilities, written after the
            scores; empty when unknown.
        outlines (Sequence[np.ndarray]): Points (x, y) in pixels, (n, 2) each, drawn in
            ``outline_colour``.
        outline_colour (str): Defaults to 'red'.
        truth (Sequence[np.ndarray]): Outlines of annotated lesions.
        ignored (Sequence[np.ndarray]): Outlines of annotated regions that do not count,
            drawn dotted.
        heat_map (np.ndarray, optional): (H, W) in [0, 1], drawn over the pixels; higher
            values are more opaque.
        label (str): Text below the name. Defaults to '', none.
    """

    pixels: np.ndarray
    boxes: np.ndarray = field(default_factory=lambda: np.zeros((0, 4)))
    scores: Sequence[float] = ()
    malignancy: Sequence[float] = ()
    outlines: Sequence[np.ndarray] = ()
    outline_colour: str = 'red'
    truth: Sequence[np.ndarray] = ()
    ignored: Sequence[np.ndarray] = ()
    heat_map: np.ndarray | None = None
    label: str = ''


def _mirrored(boxes: np.ndarray) -> np.ndarray:
    """Return boxes mirrored about x = 0."""
    boxes = np.asarray(boxes, float).reshape(-1, 4)
    return np.stack([-boxes[:, 2], boxes[:, 1], -boxes[:, 0], boxes[:, 3]], axis=1)


def _draw_box(axes, box, label: str) -> None:
    x1, y1, x2, y2 = box
    axes.add_patch(
        Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, ec=PREDICTED, lw=1.2)
    )
    # towards the middle of the panel, so that the text is not covered
    left = (x1 + x2) / 2 < sum(axes.get_xlim()) / 2
    axes.text(
        x1 if left else x2,
        y1 - 2,
        figure_text(label),
        color=PREDICTED,
        fontsize=8,
        va='bottom',
        ha='left' if left else 'right',
    )


def _draw_panel(
    axes, name: str, panel: ViewPanel | None, height: int, width: int
) -> None:
    axes.set_facecolor('black')
    axes.set_xticks([])
    axes.set_yticks([])
    right = name.rpartition(' ')[2].startswith('R')  # 'CEM-LE RCC' too
    axes.set_xlim((-width, 0) if right else (0, width))
    axes.set_ylim(height, 0)
    axes.set_aspect('equal')
    axes.text(
        0.03 if right else 0.97,
        0.97,
        figure_text(f'{name}\n{panel.label}' if panel and panel.label else name),
        color='white',
        fontsize=11,
        ha='left' if right else 'right',
        va='top',
        transform=axes.transAxes,
        zorder=5,
        bbox=dict(fc='black', ec='none', alpha=0.6, pad=1),
    )
    if panel is None:
        axes.text(
            0.5,
            0.5,
            'not available',
            color='#888888',
            ha='center',
            va='center',
            transform=axes.transAxes,
        )
        return
    h, w = panel.pixels.shape
    # the right breast is mirrored about x = 0, where the chest wall is
    pixels = panel.pixels[:, ::-1] if right else panel.pixels
    extent = (-w, 0, h, 0) if right else (0, w, h, 0)
    axes.imshow(
        pixels, cmap='gray', vmin=0, vmax=1, extent=extent, interpolation='antialiased'
    )
    if panel.heat_map is not None:
        heat_map = panel.heat_map[:, ::-1] if right else panel.heat_map
        axes.imshow(
            heat_map,
            cmap='inferno',
            vmin=0,
            vmax=1,
            extent=extent,
            alpha=0.6 * heat_map,
            interpolation='antialiased',
        )
    for outlines, colour, style in (
        (panel.truth, TRUE, '-'),
        (panel.ignored, TRUE, ':'),
        (panel.outlines, panel.outline_colour, '-'),
    ):
        for outline in outlines:
            axes.add_patch(
                Polygon(
                    np.asarray(outline) * [-1 if right else 1, 1],
                    fill=False,
                    ec=colour,
                    lw=1.2,
                    ls=style,
                )
            )
    boxes = _mirrored(panel.boxes) if right else panel.boxes
    # more scores than these would cover each other
    written = sorted(panel.scores, reverse=True)[:_SCORES_WRITTEN]
    for i, (box, score) in enumerate(zip(boxes, panel.scores)):
        label = f'{score:.2f}'
        if len(panel.malignancy):
            label += f' M {panel.malignancy[i]:.2f}'
        _draw_box(axes, box, label if score in written else '')


def view_figure(
    panels: dict[str, ViewPanel],
    rows: Sequence[Sequence[str]],
    title: str = '',
    most_dpi: float = 300,
) -> Figure:
    """Return a figure of views in rows, all at the same scale in pixels.

    Args:
        panels (dict[str, ViewPanel]): By name. Views of the right breast, such
            as 'R', 'RCC' and 'CEM-LE RCC', are mirrored: their chest wall is on the
            right.
        rows (Sequence[Sequence[str]]): Names, the same number in each row; names
            without a panel are drawn as not available.
        title (str): A line or two above the figure.
        most_dpi (float): Highest resolution, with 4.5 inches per view. Defaults to 300.

    Returns:
        Figure: With its own canvas. One pixel per image pixel, within 120 to
        ``most_dpi``.
    """
    shapes = [panel.pixels.shape for panel in panels.values()] or [(1, 1)]
    height, width = np.max(shapes, axis=0)
    figure = Figure(
        figsize=(
            len(rows[0]) * _PANEL_INCHES * width / height,
            len(rows) * _PANEL_INCHES + 0.5,
        ),
        facecolor='black',
        dpi=np.clip(height / _PANEL_INCHES, 120, most_dpi),
    )
    FigureCanvasAgg(figure)
    grid = figure.subplots(
        len(rows),
        len(rows[0]),
        squeeze=False,
        gridspec_kw=dict(
            wspace=0,
            hspace=0.01,
            left=0,
            right=1,
            bottom=0,
            top=1 - 0.1 / len(rows) if title else 1,
        ),
    )
    for row, names in zip(grid, rows):
        for axes, name in zip(row, names):
            _draw_panel(axes, name, panels.get(name), height, width)
    if title:
        figure.suptitle(
            figure_text(title), color='white', fontsize=8, y=0.99, wrap=True
        )
    return figure


def draw_four_view(
    panels: dict[str, ViewPanel], path: str | Path, title: str = ''
) -> None:
    """Draw an exam as RCC | LCC over RMLO | LMLO, chest walls together.

    All views are drawn at the same scale in pixels.

    Args:
        panels (dict[str, ViewPanel]): By name, 'RCC', 'LCC', 'RMLO', 'LMLO'; a missing
            view is drawn as not available.
        path (str | Path): PNG file, written completely or not at all.
        title (str): A line or two above the figure.
    """
    figure = view_figure(panels, HANGING, title)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format='png', facecolor='black')
