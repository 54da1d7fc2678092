"""Curves of a test as inline SVG."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .elements import estimate, number, table, text

_WIDTH, _HEIGHT = 460, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 12, 44
_MOST_FPPI = 4.0


@dataclass
class _Chart:
    """Axes from 0 to ``x_end`` and from 0 to 1.

    Attributes:
        title, x_title, y_title (str): Title and axis labels.
        x_end (float): Right end of the x axis.
        parts (list[str]): Elements of SVG.
    """

    title: str
    x_title: str
    y_title: str
    x_end: float = 1.0
    parts: list[str] = field(default_factory=list)

    def at(self, x: float, y: float) -> str:
        """Return a point of the data in units of the picture."""
        across = _LEFT + min(x / self.x_end, 1) * (_WIDTH - _LEFT - _RIGHT)
        down = _TOP + (1 - y) * (_HEIGHT - _TOP - _BOTTOM)
        return f'{across:.1f},{down:.1f}'

    def line(self, points: Sequence[tuple[float, float]], kind: str) -> None:
        """Add a line; ``kind`` is its class."""
        places = ' '.join(self.at(*point) for point in points)
        self.parts.append(f'<polyline class="{kind}" points="{places}"/>')

    def area(self, points: Sequence[tuple[float, float]]) -> None:
        """Add a band."""
        places = ' '.join(self.at(*point) for point in points)
        self.parts.append(f'<polygon class="band" points="{places}"/>')

    def dot(self, x: float, y: float, said: str, kind: str = '') -> None:
        """Add a point with its description; ``kind`` is a further class."""
        across, down = self.at(x, y).split(',')
        self.parts.append(
            f'<circle class="{f"dot {kind}".strip()}" cx="{across}" cy="{down}" r="4">'
            f'<title>{text(said)}</title></circle>'
        )

    def svg(self) -> str:
        """Return the chart."""
        axes = []
        parts = 5 if self.x_end == 1 else 4
        for k in range(parts + 1):
            y, x = k / parts, self.x_end * k / parts
            left, at_y = self.at(0, y).split(',')
            right, _ = self.at(self.x_end, y).split(',')
            at_x, bottom = self.at(x, 0).split(',')
            axes.append(
                f'<line class="grid" x1="{left}" x2="{right}" y1="{at_y}" y2="{at_y}"/>'
                f'<line class="grid" x1="{at_x}" x2="{at_x}" y1="{_TOP}" y2="{bottom}"/>'
                f'<text x="{_LEFT - 6}" y="{at_y}" dy="4" class="end">{y:g}</text>'
                f'<text x="{at_x}" y="{float(bottom) + 16:.1f}" class="middle">'
                f'{x:g}</text>'
            )
        middle = (_WIDTH + _LEFT) / 2
        return (
            f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
            f'aria-label="{text(self.title)}">{"".join(axes)}{"".join(self.parts)}'
            f'<text x="{middle}" y="{_HEIGHT - 8}" class="middle">{text(self.x_title)}'
            f'</text><text transform="translate(14 {_HEIGHT / 2}) rotate(-90)" '
            f'class="middle">{text(self.y_title)}</text></svg>'
        )


def _section(name: str, chart: str, *below: str) -> str:
    return (
        f'<section class="card"><h3>{text(name)}</h3>{chart}{"".join(below)}</section>'
    )


def _steps(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the corners of a step function, constant up to the next point."""
    corners = list(points[:1])
    for (_, before), (x, y) in zip(points, points[1:]):
        corners += [(x, before), (x, y)]
    return corners


def froc_section(name: str, summary: dict[str, Any]) -> str:
    """Return the FROC curve with its band, operating points and rule.

    Args:
        name (str): Name of the file.
        summary (dict): From :func:`~mammo_plugins.evaluation.functional.read_froc`.
    """
    chart = _Chart(
        f'FROC curve of {name}',
        f'False positives per image, {summary["counts"]["images"]} images',
        f'Recall of {summary["counts"]["lesions"]} lesions',
        _MOST_FPPI,
    )
    band, curve = summary['band'], summary['curve']
    if band['low'] and band['low'][0] is not None:
        low, high = (_steps([*zip(band['fppi'], band[k])]) for k in ('low', 'high'))
        chart.area([*high, *reversed(low)])
    points = [(x, y) for x, y in zip(curve['fppi'], curve['recall']) if y is not None]
    if points:
        chart.line(_steps(points), 'curve')
        chart.line(
            [points[-1], (max(_MOST_FPPI, points[-1][0]), points[-1][1])], 'dash'
        )
    rows = []
    for point in summary['operating_points']:
        if point['recall'] is not None:
            said = f'recall {number(point["recall"])} at {point["fppi"]:g} FPPI'
            chart.dot(point['fppi'], point['recall'], said)
        rows.append(
            (
                f'{point["fppi"]:g}',
                estimate(point['recall'], point['low'], point['high']),
                number(point['threshold']),
            )
        )
    return _section(
        f'FROC ({name})',
        chart.svg(),
        table(('FPPI', 'recall [95% CI]', 'score from'), rows, 'Operating points'),
        recall_table(summary),
        f'<p class="rule">{text(summary["rule"])}</p>',
    )


def roc_section(name: str, summary: dict[str, Any]) -> str:
    """Return the ROC curve with AUC and operating points.

    Args:
        name (str): Name of the file.
        summary (dict): Summary of ``ROCMetric``.
    """
    counts = summary['counts']
    chart = _Chart(f'ROC curve of {name}', '1 - specificity', 'Sensitivity')
    curve = summary['curve']
    points = [
        (1 - specificity, sensitivity)
        for specificity, sensitivity in zip(curve['specificity'], curve['sensitivity'])
        if None not in (specificity, sensitivity)
    ]
    chart.line([(0, 0), (1, 1)], 'dash')
    if points:
        chart.line(points, 'curve')
    rows = []
    for point in summary['operating_points']:
        rule = point['rule']
        if point.get('value') is not None:
            rule += f' {point["value"]:g}'
        pair = point['sensitivity'], point['specificity']
        if None not in pair:
            chart.dot(1 - pair[1], pair[0], rule)
        rows.append(
            (
                rule,
                number(point['threshold']),
                *(
                    estimate(point[k], point.get(f'{k}_low'), point.get(f'{k}_high'))
                    for k in ('sensitivity', 'specificity')
                ),
                point.get('warning') or '',
            )
        )
    auc = estimate(summary['auc'], summary.get('auc_low'), summary.get('auc_high'))
    lacking = summary.get('no_interval')
    interval = (
        f'no interval: {lacking}'
        if lacking
        else f'95% CI over {summary.get("resampling_unit", "patients")}'
    )
    return _section(
        f'ROC ({name})',
        chart.svg(),
        f'<p><strong>AUC {text(auc)}</strong>, {text(interval)}; {counts["positives"]} '
        f'positive, {counts["negatives"]} negative</p>',
        table(
            ('operating point', 'threshold', 'sensitivity', 'specificity', 'remark'),
            rows,
            'Operating points',
        ),
        recall_table(summary),
        f'<p class="rule">{text(summary.get("rule", ""))}</p>',
    )


def recall_table(summary: dict[str, Any]) -> str:
    """Return the figures of exams at the calibration's threshold, '' without them.

    Args:
        summary (dict): Content of the file.
    """
    recall = summary.get('recall')
    if not recall:
        return ''
    figures = ('sensitivity', 'specificity', 'recall_rate')
    rows = [
        ('threshold', number(recall['threshold'])),
        *(
            (
                key.replace('_', ' '),
                estimate(
                    recall[key], recall.get(f'{key}_low'), recall.get(f'{key}_high')
                ),
            )
            for key in figures
        ),
        ('positive exams', f'{recall["positives"]} of {recall["samples"]}'),
    ]
    if recall.get('warning'):
        rows.append(('remark', recall['warning']))
    caption = 'Exams recalled at the stored threshold'
    return table(('figure', 'value [95% CI]'), rows, caption)


def calibration_section(name: str, summaries: dict[str, dict[str, Any]]) -> str:
    """Return reliability diagrams with Brier scores and calibration errors.

    Args:
        name (str): Name of the file.
        summaries (dict[str, dict]): ``calibration`` in the file, and ``calibrated``
            if there is one, by a title such as 'before'.
    """
    chart = _Chart(
        f'Reliability diagram of {name}', 'Mean predicted probability', 'Share positive'
    )
    chart.line([(0, 0), (1, 1)], 'dash')
    for kind, (title, summary) in zip(('curve', 'curve second'), summaries.items()):
        bins = summary['reliability']
        points = [*zip(bins['mean_score'], bins['positive_share'])]
        chart.line(points, kind)
        for (x, y), count in zip(points, bins['counts']):
            chart.dot(x, y, f'{title}: {count:g} samples', kind.partition(' ')[2])
    figures = [
        (
            said,
            *(
                estimate(*(each[key].get(k) for k in ('value', 'low', 'high')))
                for each in summaries.values()
            ),
        )
        for key, said in (('brier', 'Brier score'), ('ece', 'calibration error'))
    ]
    legend = ''.join(
        f'<span class="{kind}">{text(title)}</span>'
        for kind, title in zip(('first', 'second'), summaries)
    )
    return _section(
        f'Calibration ({name})',
        chart.svg(),
        f'<p class="legend">{legend}</p>' if len(summaries) > 1 else '',
        table(('figure', *summaries), figures, 'Figures [95% CI]'),
    )


def subgroup_section(column: str, rows: Sequence[dict[str, Any]]) -> str:
    """Return the figures of each subgroup.

    Args:
        column (str): Column that defines the groups, such as 'density'.
        rows (list[dict]): Each with ``group``, null for all, and its figures.
    """
    figures = ('auc', 'recall', 'sensitivity', 'specificity', 'recall_rate')
    shown = [key for key in figures if any(row.get(key) is not None for row in rows)]
    counted = [k for k in ('patients', 'samples', 'positives') if k in rows[0]]
    return _section(
        f'By {column}',
        table(
            ('group', *counted, *(key.replace('_', ' ') for key in shown), 'remark'),
            (
                (
                    'all' if row['group'] is None else row['group'],
                    *(row.get(key, '') for key in counted),
                    *(
                        estimate(row.get(k), row.get(f'{k}_low'), row.get(f'{k}_high'))
                        for k in shown
                    ),
                    row.get('warning') or '',
                )
                for row in rows
            ),
            f'Figures by {column} [95% CI]',
        ),
    )
