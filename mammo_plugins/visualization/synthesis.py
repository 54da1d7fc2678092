"""Figures of synthetic lesions next to their sources."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mammo_plugins.io import atomic_path
from mammo_plugins.printable import figure_text

Panel = tuple[str, np.ndarray, Sequence[float] | None]


def plot_panels(rows: Sequence[Sequence[Panel]], path: str | Path) -> None:
    """Draw rows of images with one box each, and the enlarged boxes below each row.

    Args:
        rows (Sequence[Sequence[tuple]]): (title, image, box): image (H, W) in
            [0, 1], box (x1, y1, x2, y2) in pixels or ``None``.
        path (str | Path): Where the PNG is written.
    """
    columns = max(map(len, rows))
    figure = Figure(
        figsize=(2.2 * columns, 5.2 * len(rows)), dpi=110, layout='constrained'
    )
    FigureCanvasAgg(figure)
    grid = figure.subplots(
        2 * len(rows),
        columns,
        squeeze=False,
        gridspec_kw=dict(height_ratios=[2, 1] * len(rows)),
    )
    for axes in grid.flat:
        axes.set_axis_off()
    for above, below, row in zip(grid[::2], grid[1::2], rows):
        for axes, detail, (title, image, box) in zip(above, below, row):
            axes.set_title(figure_text(title), fontsize=9)
            axes.imshow(image, cmap='gray', vmin=0, vmax=1)
            if box is None:
                continue
            x1, y1, x2, y2 = box
            axes.add_patch(
                Rectangle(
                    (x1 - 0.5, y1 - 0.5),
                    x2 - x1,
                    y2 - y1,
                    fill=False,
                    edgecolor='red',
                    linewidth=0.8,
                )
            )
            margin = max(x2 - x1, y2 - y1)
            rows_, columns_ = (
                slice(max(int(low - margin), 0), int(high + margin))
                for low, high in ((y1, y2), (x1, x2))
            )
            detail.imshow(image[rows_, columns_], cmap='gray', vmin=0, vmax=1)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format='png')
