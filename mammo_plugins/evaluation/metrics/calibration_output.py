"""Calibration figures and reliability diagrams that metrics have in common."""

from pathlib import Path


def calibration_figures(summary: dict) -> dict[str, float]:
    """Return Brier score and calibration error, before and after calibration.

    Args:
        summary (dict): ``calibration`` and ``calibrated`` are results of
            :func:`~mammo_plugins.evaluation.functional.calibration_summary`, or
            ``None``.
    """
    return {
        f'{name}{end}': summary[key][name]['value']
        for key, end in (('calibration', ''), ('calibrated', '_calibrated'))
        if summary.get(key)
        for name in ('brier', 'ece')
    }


def write_reliability(name: str, summary: dict, path: str | Path) -> None:
    """Draw the reliability diagrams, if scores are probabilities.

    Args:
        name (str): Name of the scores.
        summary (dict): As in :func:`calibration_figures`.
        path (str | Path): Where the PNG is written.
    """
    # loaded here: training without files needs no matplotlib
    from mammo_plugins.visualization.reliability import plot_reliability

    diagrams = {
        name: summary['calibration'],
        f'{name}, calibrated': summary['calibrated'],
    }
    found = {title: each for title, each in diagrams.items() if each}
    if found:
        plot_reliability(found, path)
