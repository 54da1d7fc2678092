"""Comparison of two systems on the same patients, from their result files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mammo_plugins.evaluation.functional import (
    auc_difference,
    bootstrap_auc,
    bootstrap_point,
    few_cases,
    point_summary,
)
from mammo_plugins.evaluation.functional.bootstrap import json_number
from mammo_plugins.evaluation.functional.comparison import (
    Estimate,
    figure_names,
    paired_difference,
    read_draws,
)
from mammo_plugins.evaluation.functional.froc_report import FORMAT as FROC
from mammo_plugins.evaluation.functional.froc_report import different_data, read_froc
from mammo_plugins.evaluation.functional.roc import OperatingRule, lacking_class
from mammo_plugins.io import JsonError, read_json
from mammo_plugins.printable import one_line

from .tested_samples import WRITTEN, read_samples

Samples = tuple[np.ndarray, np.ndarray, np.ndarray, list]
"""Labels (n, ), scores of both systems (n, ) each, and patients, n entries."""


def read_result(path: str | Path) -> dict[str, Any]:
    """Read a file of a metric.

    Args:
        path (str | Path): File of ``ROCMetric``, ``FROCMetric``, or a metric that
            writes means.

    Raises:
        FileNotFoundError: If the file does not exist.
        JsonError: If it is not such a file.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'{path}: no such file; {WRITTEN}')
    found = read_json(path)
    try:
        if found.get('format') == FROC:
            read_froc(path)
        read_draws(found, figure_names(found))
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        raise JsonError(
            f'no figures with draws in it ({one_line(error)}); {WRITTEN}', path
        ) from None
    return found


def paired_samples(summaries: Sequence[dict], paths: Sequence[str]) -> Samples | None:
    """Pair the samples of two tests.

    Args:
        summaries (Sequence[dict]): Two results of :func:`read_result`.
        paths (Sequence[str]): Their files.

    Returns:
        tuple or None: ``None`` if samples cannot be matched, such as detections, which
            differ between systems.

    Raises:
        JsonError: If they cover different images, or have different labels.
    """
    tables = []
    for summary, path in zip(summaries, paths):
        samples = read_samples(summary, path)
        rows = {sample.images: sample for sample in samples or ()}
        if samples is None or len(rows) < len(samples) or () in rows:
            return None
        tables.append(rows)
    first, second = tables
    alone = [len(one.keys() - other.keys()) for one, other in (tables, tables[::-1])]
    if any(alone):
        raise JsonError(
            f'{alone[0]} of {len(first)} samples are of images that {paths[1]} lacks, '
            f'{alone[1]} of its {len(second)} are not here; test both on the same part',
            paths[0],
        )
    other = [key for key, one in first.items() if one.label != second[key].label]
    if other:
        raise JsonError(
            f'{len(other)} of {len(first)} samples are labelled otherwise in '
            f'{paths[1]}; test both with the same labels',
            paths[0],
        )
    return (
        np.array([one.label for one in first.values()], bool),
        np.array([one.score for one in first.values()], float),
        np.array([second[key].score for key in first], float),
        [one.patient for one in first.values()],
    )


def compare(
    paths: Sequence[str],
    rules: Sequence[OperatingRule] = (('specificity', 0.9),),
    n_bootstrap: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """Compare two systems.

    Classifiers are compared by AUC, and by sensitivity and specificity at operating
    points, with a separate threshold for each system. Detectors are compared by recall
    at FPPIs, and by the AUC of images with and without a lesion, scored by their
    highest detection. Other files are compared by means. Differences are first minus
    second, with patients paired.

    Args:
        paths (Sequence[str]): Files of both systems.
        rules (Sequence[tuple]): Operating points of classifiers. Defaults to a
            specificity of 0.9.
        n_bootstrap (int): Bootstrap draws of patients; files that contain only draws
            set their own number. Defaults to 2000.
        seed (int): Seed of the bootstrap. Defaults to 0.

    Returns:
        dict: Ready for JSON: ``samples``, ``positives`` and ``patients`` if known,
        ``warning`` and ``figures``. Each of these has ``figure``, ``values`` of both,
        ``difference``, ``low`` and ``high`` (95%, paired bootstrap); AUC also
        ``delong_low``, ``delong_high`` and ``p_value``.

    Raises:
        FileNotFoundError, JsonError: As in :func:`read_result` and
            :func:`paired_samples`; or if the files differ in kind or data.
    """
    summaries = [read_result(path) for path in paths]
    kinds = [summary.get('format') for summary in summaries]
    if kinds[0] != kinds[1]:
        raise JsonError(
            f'is {kinds[0]}, {paths[1]} is {kinds[1]}; compare two of one metric',
            paths[0],
        )
    samples = paired_samples(summaries, paths)
    rows, warnings = [], []
    if 'auc' not in summaries[0] or samples is None:
        rows += _by_draws(summaries, paths)
        if samples is None:
            warnings.append('the files do not state that both are of the same patients')
    if samples is None:
        return dict(warning='; '.join(warnings), figures=rows)
    labels, *scores, patients = samples
    by_image = 'AUC by image' if 'auc' not in summaries[0] else 'AUC'
    rows.append(_auc_row(by_image, samples, n_bootstrap, seed))
    if 'auc' in summaries[0]:
        for rule, value in rules:
            rows += _point_rows(samples, rule, value, n_bootstrap, seed)
    warnings.append(few_cases(labels, patients))
    return dict(
        samples=len(labels),
        positives=int(labels.sum()),
        patients=len(set(patients)),
        warning='; '.join(filter(None, warnings)),
        figures=rows,
    )


def _row(figure: str, values: Sequence[float], estimate: Estimate, k: int = 0) -> dict:
    return dict(
        figure=figure,
        values=[json_number(value) for value in values],
        difference=json_number(estimate.value[k]),
        low=json_number(estimate.low[k]),
        high=json_number(estimate.high[k]),
    )


def _by_draws(summaries: Sequence[dict], paths: Sequence[str]) -> list[dict]:
    """Compare by the draws in the files, which must be draws of the same patients."""
    if 'match' in summaries[0]:
        try:
            other = different_data(dict(zip(paths, summaries)))
        except ValueError as error:
            raise JsonError(str(error)) from None
        if other:
            raise JsonError(other[0])
    facts = [
        [s.get(key) for key in ('n_bootstrap', 'seed', 'resampling_unit')]
        for s in summaries
    ]
    if facts[0] != facts[1]:
        raise JsonError(
            f'drawn {facts[0][0]} times with seed {facts[0][1]} from '
            f'{facts[0][2]}, {paths[1]} {facts[1][0]} times with seed '
            f'{facts[1][1]} from {facts[1][2]}; test both with the same settings, '
            'so that both draw the same patients',
            paths[0],
        )
    names = [n for n in figure_names(summaries[0]) if n in figure_names(summaries[1])]
    if not names:
        raise JsonError(f'no figure that {paths[1]} has too', paths[0])
    (a, a_draws), (b, b_draws) = (read_draws(each, names) for each in summaries)
    if a_draws.shape != b_draws.shape:
        raise JsonError(f'not as many draws as in {paths[1]}', paths[0])
    estimates = [
        paired_difference([a[[k]]], [a_draws[:, [k]]], [b[[k]]], [b_draws[:, [k]]])
        for k in range(len(names))
    ]
    return [
        _row(name, (a[k], b[k]), estimate)
        for k, (name, estimate) in enumerate(zip(names, estimates))
    ]


def _auc_row(name: str, samples: Samples, n_bootstrap: int, seed: int) -> dict:
    labels, first, second, patients = samples
    found = auc_difference(labels, first, second, patients)
    draws = [
        bootstrap_auc(labels, scores, patients, n_bootstrap, seed)[:, None]
        for scores in (first, second)
    ]
    if lacking_class(labels, patients, 'patients'):
        draws[0][:] = np.nan
    values = [np.array([auc]) for auc in found.aucs]
    estimate = paired_difference(values[:1], draws[:1], values[1:], draws[1:])
    return dict(
        _row(name, found.aucs, estimate),
        delong_low=json_number(found.low),
        delong_high=json_number(found.high),
        p_value=json_number(found.p_value),
    )


def _point_rows(
    samples: Samples, rule: str, value: float | None, n_bootstrap: int, seed: int
) -> list[dict]:
    labels, *both, patients = samples
    names = ('sensitivity', 'specificity')
    points = [
        point_summary(labels, scores, patients, rule, value, 0) for scores in both
    ]
    values = [
        np.array([point[name] for name in names], float)  # None becomes NaN
        for point in points
    ]
    draws = [
        bootstrap_point(labels, scores, patients, rule, value, n_bootstrap, seed)[:, :2]
        for scores in both
    ]
    if lacking_class(labels, patients, 'patients'):
        draws[0][:] = np.nan
    estimate = paired_difference(values[:1], draws[:1], values[1:], draws[1:])
    at = rule if value is None else f'{rule}={value:g}'
    return [
        _row(f'{name}@{at}', (values[0][k], values[1][k]), estimate, k)
        for k, name in enumerate(names)
        if name != rule  # it is fixed by the choice of threshold
    ]
