"""The tables and figures of an ablation, in its document."""

import os
from pathlib import Path

from mmengine.config import Config

from mammo_plugins.evaluation.functional.comparison import (
    format_estimate,
    mean_over_seeds,
    paired_difference,
    read_draws,
)
from mammo_plugins.io import atomic_path, read_json
from mammo_plugins.visualization import plot_curves

from .ablation import Run, phantom_words
from .config_loading import ConfigError
from .experiments import ROOT

BEGIN, END = '<!-- tables: begin -->', '<!-- tables: end -->'


def results(cfg: Config, row: str, seeds: list[int]) -> list[dict] | None:
    """Return a row's summaries by name for each seed, ``None`` if one is missing."""
    found = []
    for seed in seeds:
        path = Path(cfg.work_dir) / f'seed_{seed}' / row / 'result.json'
        if not path.is_file():
            return None
        found.append(read_json(path)['summaries'])
    return found


def draws_of(found: list[dict] | None, column: str):
    """Return values and draws of 'summary/figure' by seed, ``None`` if missing."""
    name, figure = column.split('/')
    if found is None or any(name not in summaries for summaries in found):
        return None
    return tuple(zip(*(read_draws(summaries[name], [figure]) for summaries in found)))


def table(cfg: Config, spec: Config, seeds: list[int]) -> list[str]:
    """Return the lines of one table."""
    found = {row: results(cfg, row, seeds) for row in spec.rows}
    for column in spec.columns.values():
        ran = [f for f in found.values() if f is not None]
        if ran and all(draws_of(f, column) is None for f in ran):
            raise ConfigError(
                f'table "{spec.title}", column {column}: the test of no '
                "row's config writes it"
            )
    compared = spec.get('compared', list(spec.columns)[:1])
    digits = spec.get('digits', 2)
    stated = [
        title
        for i, title in enumerate(spec.columns)
        if any(
            paper and len(paper) > i and paper[i] != '–' for paper in spec.rows.values()
        )
    ]
    header = [
        'system',
        *spec.columns,
        *(f'paper, {title}' for title in stated),
        *(f'difference, {title}' for title in compared),
    ]
    lines = [
        f'### {spec.title}',
        '',
        f'| {" | ".join(header)} |',
        '|' + '---|' * len(header),
    ]
    for row, paper in spec.rows.items():
        paper = dict(zip(spec.columns, paper or ()))
        cells = [cfg.rows[row].title]
        cells += [
            _figure(found[row], column, digits) for column in spec.columns.values()
        ]
        cells += [str(paper.get(title, '–')) for title in stated]
        cells += [
            'reference'
            if row == spec.reference
            else _difference(
                found[row], found[spec.reference], spec.columns[title], digits
            )
            for title in compared
        ]
        lines.append(f'| {" | ".join(cells)} |')
    return lines + [
        '',
        f'Differences are to "{cfg.rows[spec.reference].title}", on the same patients.',
        '',
    ]


def _figure(found: list[dict] | None, column: str, digits: int) -> str:
    if found is None:
        return 'not run'
    draws = draws_of(found, column)
    return (
        '–'
        if draws is None
        else format_estimate(mean_over_seeds(*draws), 0, digits=digits)
    )


def _difference(
    found: list[dict] | None, reference: list[dict] | None, column: str, digits: int
) -> str:
    ours, theirs = draws_of(found, column), draws_of(reference, column)
    if ours is None or theirs is None:
        return ''
    return format_estimate(
        paired_difference(*ours, *theirs), 0, signed=True, digits=digits
    )


def plot(cfg: Config, spec: Config, seeds: list[int], page: Path) -> list[str]:
    """Draw the curves of one figure; return the lines that show it on a page."""
    curves = {}
    for title, rows in spec.curves.items():
        draws = [draws_of(results(cfg, row, seeds), spec.column) for row in rows]
        if None in draws:
            return [f'({spec.title}: not run)', '']
        curves[title] = [mean_over_seeds(*draw) for draw in draws]
    out = (
        ROOT / spec.out
        if page == ROOT / cfg.get('document', '')
        else page.with_name(Path(spec.out).name)
    )
    plot_curves(spec.x, curves, out, spec.x_title, spec.y_title)
    shown = os.path.relpath(out, page.parent)
    return [f'![{spec.title}]({shown})', '', f'*{spec.title}*', '']


def minutes_of(runs: list[Run]) -> float:
    """Return the total minutes of the finished runs."""
    return sum(read_json(run.result)['minutes'] for run in runs if run.result.is_file())


def read_document(cfg: Config) -> tuple[str, str]:
    """Return the text before and after the tables in the document."""
    if not cfg.get('document'):
        raise ConfigError(
            f'{cfg.filename}: --update-docs needs document, the page that the tables go '
            'into (docs/reference/ablation.md)'
        )
    path = ROOT / cfg.document
    if not path.is_file():
        raise ConfigError(
            f'{path}: no such file; --update-docs writes into a page that is there, as '
            'in a checkout of the repository; without it the tables go to '
            f'{cfg.work_dir}/tables.md'
        )
    text = path.read_text(encoding='utf-8')
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ConfigError(
            f'{cfg.document}: expected the marks {BEGIN} and {END} '
            'once each; the tables go between them'
        )
    return text.split(BEGIN)[0], text.split(END)[1]


def write_tables(
    cfg: Config,
    runs: list[Run],
    seeds: list[int],
    command: str,
    update_docs: bool = False,
) -> None:
    """Write the tables to ``tables.md`` in the work dir, or into the document.

    If a row is missing, the document keeps its earlier table.

    Args:
        cfg (Config): The ablation.
        runs (list[Run]): Runs of all rows.
        seeds (list[int]): Their seeds.
        command (str): Command that created them; if rows are missing, the existing ones
            are named with it.
        update_docs (bool): Whether to write them between the marks of the document, and
            figures to the files that the config names. Defaults to False.
    """
    rows = {row for spec in cfg.tables for row in spec.rows}
    rows |= {
        row
        for spec in cfg.get('plots', ())
        for of in spec.curves.values()
        for row in of
    }
    missing = [
        row for row in cfg.rows if row in rows and results(cfg, row, seeds) is None
    ]
    update = update_docs and not missing
    if update:
        command += ' --update-docs'
    made = ' '.join(phantom_words(cfg))
    there = [row for row in cfg.rows if results(cfg, row, seeds) is not None]
    if there != list(cfg.rows):
        command += f' --rows {" ".join(there)}'
    lines = [
        BEGIN,
        '',
        'Made by',
        '',
        '```bash',
        command,
        '```',
        '',
        f'Seeds {", ".join(map(str, seeds))}, each for the exams and for the '
        f'training; phantom exams with `{made}`. Means over the seeds, with 95% '
        'intervals from 1,000 bootstrap draws over patients. '
        f'{minutes_of(runs):.0f} minutes of training and testing in all (of the '
        'last attempt, where a row was interrupted).',
        '',
    ]
    for spec in cfg.tables:
        lines += table(cfg, spec, seeds)
    path = ROOT / cfg.document if update else Path(cfg.work_dir) / 'tables.md'
    for spec in cfg.get('plots', ()):
        lines += plot(cfg, spec, seeds, path)
    text = '\n'.join(lines[2:])
    if update:
        head, tail = read_document(cfg)
        text = head + '\n'.join(lines) + END + tail
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding='utf-8')
    print(f'tables: {cfg.document if update else path}')
    if update_docs and missing:
        print(f'{cfg.document} is left unchanged: {", ".join(missing)} not run')
