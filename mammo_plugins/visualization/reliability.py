"""Reliability diagrams of predicted probabilities."""

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mammo_plugins.io import atomic_path
from mammo_plugins.printable import figure_text


def plot_reliability(summaries: dict[str, dict], path: str | Path) -> None:
    """Draw reliability diagrams over histograms of the probabilities.

    Args:
        summaries (dict[str, dict]): Results of
            :func:`~mammo_plugins.evaluation.functional.calibration_summary`, by name.
        path (str or Path): Where the PNG is written.

    Raises:
        ValueError: If there are no summaries.
    """
    if not summaries:
        raise ValueError('no probabilities to draw')
    figure = Figure(figsize=(6, 7), dpi=120, layout='constrained')
    FigureCanvasAgg(figure)
    axes, below = figure.subplots(2, 1, height_ratios=(4, 1), sharex=True)
    axes.plot([0, 1], [0, 1], ':', color='0.5', label='calibrated')
    for name, summary in summaries.items():
        bins, brier, ece = (summary[key] for key in ('reliability', 'brier', 'ece'))
        axes.plot(
            bins['mean_score'],
            bins['positive_share'],
            'o-',
            markersize=4,
            label=f'{figure_text(name)}\n  Brier {_text(brier)}\n  ECE {_text(ece)}',
        )
        below.bar(
            bins['low'],
            bins['counts'],
            1 / summary['n_bins'],
            align='edge',
            alpha=0.4,
        )
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    axes.set_ylabel('Share of positives')
    axes.grid(alpha=0.3)
    axes.legend(loc='upper left', fontsize=9)
    below.set_xlabel('Probability')
    below.set_ylabel('Samples')
    below.set_yscale('symlog')
    below.grid(alpha=0.3)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format='png')


def _text(figure: dict) -> str:
    interval = (
        '' if figure['low'] is None else f' [{figure["low"]:.3f}, {figure["high"]:.3f}]'
    )
    return f'{figure["value"]:.3f}{interval}'
