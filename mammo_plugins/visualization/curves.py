"""Plots of FROC and ROC curves, and of metrics with their intervals."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mammo_plugins.evaluation.functional.comparison import Estimate
from mammo_plugins.io import atomic_path
from mammo_plugins.printable import figure_text

# The logarithmic axis starts here; the curve starts at FPPI 0.
LOG_START = 0.01


def plot_froc(
    summaries: dict[str, dict],
    path: str | Path,
    log_x: bool = False,
    max_fppi: float = 4.0,
) -> None:
    """Draw FROC curves with their confidence bands.

    The curve is the step function from which recall is read. It is dashed where the
    detector makes no further false positives. Dots mark the operating points of the
    table.

    Args:
        summaries (dict[str, dict]): Curves by name, as in ``froc.json``
            (:func:`mammo_plugins.evaluation.functional.froc_summary`).
        path (str or Path): Where the PNG is written.
        log_x (bool): Whether to use a logarithmic FPPI axis from 0.01. Defaults to
            False: linear from 0.
        max_fppi (float): Right end of the FPPI axis. Defaults to 4.

    Raises:
        ValueError: If there is no curve, or the axis is empty.
    """
    if not summaries:
        raise ValueError('no FROC curve to draw')
    start = LOG_START if log_x else 0.0
    if max_fppi <= start:
        raise ValueError(f'max_fppi is {max_fppi}, expected above {start}')
    # A separate Figure, because pyplot keeps global state and may open a window.
    figure = Figure(figsize=(7, 5), dpi=120, layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name, summary in summaries.items():
        _draw(axes, name, summary, max_fppi)
    if log_x:
        axes.set_xscale('log')
    axes.set_xlim(start, max_fppi)
    axes.set_ylim(0, 1.01)
    axes.set_xlabel(f'False positives per image ({_base(summaries)})')
    axes.set_ylabel(f'Recall of lesions ({_overlap(summaries)})')
    axes.grid(alpha=0.3, which='both' if log_x else 'major')
    axes.legend(loc='best', fontsize=9, title=_bands(summaries))

    with atomic_path(path) as temporary:
        figure.savefig(temporary, format='png')


def _draw(axes, name: str, summary: dict, max_fppi: float) -> None:
    counts = summary['counts']
    label = (
        f'{figure_text(name)} ({counts["lesions"]} lesions, {counts["images"]} images)'
    )
    if not counts['lesions']:
        axes.plot([], [], label=f'{label}: recall undefined')
        return
    points = summary['operating_points']
    label += ''.join(
        f'\n  R@{p["fppi"]:g} = {p["recall"]:.3f}'
        + (f' [{p["low"]:.3f}, {p["high"]:.3f}]' if p['low'] is not None else '')
        for p in points
    )
    curve, band = summary['curve'], summary['band']
    (line,) = axes.plot(
        curve['fppi'], curve['recall'], drawstyle='steps-post', label=label
    )
    axes.plot(
        [curve['fppi'][-1], max(max_fppi, curve['fppi'][-1])],
        curve['recall'][-1:] * 2,
        '--',
        color=line.get_color(),
    )
    axes.plot(
        [p['fppi'] for p in points],
        [p['recall'] for p in points],
        'o',
        color=line.get_color(),
        markersize=4,
    )
    if band['low'] and band['low'][0] is not None:
        axes.fill_between(
            band['fppi'],
            band['low'],
            band['high'],
            step='post',
            alpha=0.15,
            color=line.get_color(),
            linewidth=0,
        )


def _bands(summaries: dict[str, dict]) -> str:
    units = {
        s['resampling_unit']
        for s in summaries.values()
        if s['n_bootstrap'] and not s.get('no_interval')
    }
    return (
        f'95% CI by bootstrap over {figure_text(" or ".join(sorted(units)))}'
        if units
        else ''
    )


def _base(summaries: dict[str, dict]) -> str:
    images = {s['counts']['images'] for s in summaries.values()}
    return 'all images' if len(images) > 1 else f'all {images.pop()} images'


def _overlap(summaries: dict[str, dict]) -> str:
    rules = sorted({(s['match'], s['iou_thr']) for s in summaries.values()})
    names = {'bbox': 'box', 'mask': 'mask'}
    return ', '.join(f'{names[match]} IoU > {thr:g}' for match, thr in rules)


def plot_roc(summaries: dict[str, dict], path: str | Path) -> None:
    """Draw ROC curves.

    Dots mark the operating points.

    Args:
        summaries (dict[str, dict]): Curves by name, as in ``roc.json``
            (:func:`mammo_plugins.evaluation.functional.roc_summary`).
        path (str or Path): Where the PNG is written.

    Raises:
        ValueError: If there is no curve.
    """
    if not summaries:
        raise ValueError('no ROC curve to draw')
    figure = Figure(figsize=(6, 5.5), dpi=120, layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name, summary in summaries.items():
        _draw_roc(axes, name, summary)
    axes.plot([0, 1], [0, 1], ':', color='0.5', label='chance')
    axes.set_xlim(-0.01, 1)
    axes.set_ylim(0, 1.01)
    axes.set_aspect('equal')
    axes.set_xlabel('1 - specificity')
    axes.set_ylabel('Sensitivity')
    axes.grid(alpha=0.3)
    axes.legend(loc='lower right', fontsize=9, title=_bands(summaries))
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format='png')


def _draw_roc(axes, name: str, summary: dict) -> None:
    counts = summary['counts']
    label = f'{name} ({counts["positives"]} positive, {counts["negatives"]} negative)'
    if summary['auc'] is None:
        axes.plot([], [], label=f'{label}: AUC undefined')
        return
    label += f'\n  AUC {summary["auc"]:.3f}'
    if summary['auc_low'] is not None:
        label += f' [{summary["auc_low"]:.3f}, {summary["auc_high"]:.3f}]'
    curve = summary['curve']
    (line,) = axes.plot(
        [1 - s for s in curve['specificity']], curve['sensitivity'], label=label
    )
    axes.plot(
        [1 - p['specificity'] for p in summary['operating_points']],
        [p['sensitivity'] for p in summary['operating_points']],
        'o',
        color=line.get_color(),
        markersize=4,
    )


def plot_curves(
    x: Sequence[float],
    curves: dict[str, Sequence[Estimate]],
    path: str | Path,
    x_title: str,
    y_title: str,
) -> None:
    """Draw one metric of several systems with its intervals.

    Args:
        x (Sequence[float]): Positions of the points of all curves.
        curves (dict[str, Sequence[Estimate]]): Estimates of the metric, by name of the
            system.
        path (str or Path): Where the PNG is written.
        x_title, y_title (str): Names of the axes.
    """
    figure = Figure(figsize=(6, 4), dpi=120, layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    apart = 0.01 * (max(x) - min(x))  # so that intervals do not cover each other
    for k, (name, estimates) in enumerate(curves.items()):
        value, low, high = (
            np.array([getattr(e, part)[0] for e in estimates])
            for part in ('value', 'low', 'high')
        )
        axes.errorbar(
            np.add(x, apart * (k - (len(curves) - 1) / 2)),
            value,
            [value - low, high - value],
            marker='o',
            capsize=3,
            label=figure_text(name),
        )
    axes.set_xticks(x)
    axes.set_xlabel(x_title)
    axes.set_ylabel(y_title)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=9, title='95% CI by bootstrap over patients')
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format='png')
