"""Figures of pairs of breasts with the results of DisAsymNet."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from mammo_plugins.io import atomic_path
from mammo_plugins.printable import figure_text
from mammo_plugins.structures import LATERALITIES

COLUMNS = ('original', 'normal', 'truth', 'abnormal', 'heat map')
_HEIGHT = 3.0  # inches per row


@dataclass
class BreastPanels:
    """One breast of a pair, with all images facing the same way as the original.

    Attributes:
        original (np.ndarray): (H, W) in [0, 1], chest wall on the left.
        heat_map (np.ndarray): (h, w) in [0, 1], at any resolution.
        normal, abnormal (np.ndarray, optional): (h, w); ``None`` without a decoder.
        truth (np.ndarray, optional): (h, w), the truth that 'normal' estimates, if it
            is known, as for phantoms.
        lesions (Sequence): Boxes (x1, y1, x2, y2) in pixels of ``original``, drawn as
            circles.
    """

    original: np.ndarray
    heat_map: np.ndarray
    normal: np.ndarray | None = None
    abnormal: np.ndarray | None = None
    truth: np.ndarray | None = None
    lesions: Sequence[Sequence[float]] = field(default_factory=list)


@dataclass
class PairPanels:
    """Row of the figure.

    Attributes:
        title (str): Title above the row.
        breasts (dict[str, BreastPanels]): By 'R' and 'L'; a side may be missing.
    """

    title: str
    breasts: dict[str, BreastPanels]


def draw_pairs(pairs: Sequence[PairPanels], path: str | Path, title: str = '') -> None:
    """Draw pairs in rows: original, normal, truth, abnormal and heat map, if known.

    The right breast is on the left, as radiologists hang it; chest walls meet.

    Args:
        pairs (Sequence[PairPanels]): The rows.
        path (str | Path): PNG file, written completely or not at all.
        title (str): A line or two above the figure.
    """
    columns = _columns(pairs)
    height, width = np.max(
        [breast.original.shape for pair in pairs for breast in pair.breasts.values()],
        axis=0,
    )
    figure = Figure(
        figsize=(
            2 * len(columns) * _HEIGHT * width / height + 0.2,
            (_HEIGHT + 0.3) * len(pairs) + 0.5,
        ),
        facecolor='black',
        layout='constrained',
    )
    canvas = FigureCanvasAgg(figure)
    rows = figure.subfigures(len(pairs), 1, squeeze=False, facecolor='black')[:, 0]
    for row, pair in zip(rows, pairs):
        row.suptitle(figure_text(pair.title), color='white', fontsize=8)
        grid = row.subplots(1, 2 * len(columns), gridspec_kw=dict(wspace=0))
        for k, axes in enumerate(grid):
            _draw(
                axes, pair.breasts, LATERALITIES[k % 2], columns[k // 2], height, width
            )
    if title:
        figure.suptitle(figure_text(title), color='white', fontsize=9)
    with atomic_path(path) as temporary:
        canvas.print_figure(temporary, format='png', dpi=130, facecolor='black')


def _columns(pairs: Sequence[PairPanels]) -> list[str]:
    """Return the columns for which there are images."""
    return [
        name
        for name in COLUMNS
        if name == 'heat map'
        or any(
            getattr(breast, name) is not None
            for pair in pairs
            for breast in pair.breasts.values()
        )
    ]


def _draw(
    axes,
    breasts: dict[str, BreastPanels],
    side: str,
    column: str,
    height: int,
    width: int,
) -> None:
    right = side == 'R'
    axes.set_facecolor('black')
    axes.set_axis_off()
    # the right breast is mirrored about x = 0, where the chest wall is
    axes.set_xlim((-width, 0) if right else (0, width))
    axes.set_ylim(height, 0)
    axes.set_aspect('equal')
    axes.text(
        0.04 if right else 0.96,
        0.98,
        f'{side} {column}',
        color='white',
        fontsize=7,
        ha='left' if right else 'right',
        va='top',
        transform=axes.transAxes,
        zorder=5,
    )
    breast = breasts.get(side)
    if breast is None:
        axes.text(
            0.5,
            0.5,
            'not available',
            color='#888888',
            ha='center',
            va='center',
            transform=axes.transAxes,
            fontsize=7,
        )
        return
    h, w = breast.original.shape
    extent = (-w, 0, h, 0) if right else (0, w, h, 0)

    def show(image: np.ndarray, **how) -> None:
        axes.imshow(
            image[:, ::-1] if right else image,
            extent=extent,
            interpolation='antialiased',
            **how,
        )

    if column == 'heat map':
        show(breast.original, cmap='gray', vmin=0, vmax=1)
        show(breast.heat_map, cmap='inferno', vmin=0, vmax=1, alpha=0.6)
    elif getattr(breast, column) is not None:
        show(getattr(breast, column), cmap='gray', vmin=0, vmax=1)
    for x1, y1, x2, y2 in breast.lesions:
        x = (x1 + x2) / 2
        axes.add_patch(
            Ellipse(
                (-x if right else x, (y1 + y2) / 2),
                1.6 * (x2 - x1),
                1.6 * (y2 - y1),
                fill=False,
                ec='red',
                lw=0.8,
            )
        )


Boxes = Sequence[tuple[float, float, float, float]]


def pair_panels(
    sample,
    originals: dict[str, np.ndarray],
    title: str,
    lesions: dict[str, Boxes] | None = None,
) -> PairPanels:
    """Return the row of a predicted pair.

    Args:
        sample (MultiViewDataSample): Sample as predicted by :class:`DisAsymNet`.
        originals (dict[str, np.ndarray]): By side, the canonical image.
        title (str): Text before the probabilities.
        lesions (dict[str, Sequence], optional): Boxes by side, in pixels of the
            canonical image.
    """
    breasts, scores = {}, []
    if 'pred_score' in sample:
        scores.append(f'asymmetric {float(sample.pred_score[1]):.2f}')
    for side, original in originals.items():
        view = sample.get(side)
        fields = dict(
            heat_map='heat_map',
            normal='normal_img',
            abnormal='abnormal_img',
            truth='clean_img',
        )
        breasts[side] = BreastPanels(
            original,
            lesions=(lesions or {}).get(side, ()),
            **{
                name: view.get(key).cpu().numpy().reshape(view.heat_map.shape)
                for name, key in fields.items()
                if key in view
            },
        )
        scores.append(f'abnormal {side} {float(view.pred_score[1]):.2f}')
    return PairPanels(f'{title}: {", ".join(scores)}', breasts)
