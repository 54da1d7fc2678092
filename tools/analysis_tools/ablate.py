"""Train and compare variants of a system on the phantom; write the tables."""
import hashlib
import os
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from mmengine.config import Config
from tqdm import tqdm

from mammo_plugins.apis import ToolRunner, check_settings
from mammo_plugins.apis.config_loading import ConfigError, load_config
from mammo_plugins.cli.arguments import parser
from mammo_plugins.cli.errors import user_errors
from mammo_plugins.engine.data_configs import innermost_datasets
from mammo_plugins.evaluation.functional.comparison import (format_estimate,
                                                            mean_over_seeds,
                                                            paired_difference,
                                                            read_draws)
from mammo_plugins.io import atomic_path, read_json, write_json
from mammo_plugins.version import __version__
from mammo_plugins.visualization import plot_curves

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ('python tools/analysis_tools/ablate.py configs/momminet/ablation.py '
           '--jobs 2')
BEGIN, END = '<!-- tables: begin -->', '<!-- tables: end -->'


@dataclass(frozen=True)
class Run:
    """One training and its test.

    Attributes:
        row (str): Key in the config's ``rows``.
        seed (int): Of data and training.
        settings (Config): The row.
        folder (Path): Where it works.
        needs (tuple[str]): Rows of the same seed that have to be there first.
    """
    row: str
    seed: int
    settings: Config
    folder: Path
    needs: Tuple[str, ...]

    @property
    def result(self) -> Path:
        """Path: Written when all is done."""
        return self.folder / 'result.json'


def parse_args():
    """Read the command line."""
    arguments = parser(
        'Train and test the rows of an ablation on phantom exams, for several '
        'seeds, and write its tables between the marks of its document. What is '
        'done is not done again; an interrupted run is gone on with.', EXAMPLE)
    arguments.add_argument('config', help='config file of the ablation')
    arguments.add_argument(
        '--jobs', type=int, default=1,
        help='trainings at a time, one thread each if several (default: '
        '%(default)s)')
    arguments.add_argument(
        '--seeds', type=int, nargs='+', help="instead of the config's seeds")
    arguments.add_argument(
        '--rows', nargs='+', help='only these rows (and what they need)')
    arguments.add_argument(
        '--tables-only', action='store_true',
        help='write the tables of what is there, and train nothing')
    return arguments.parse_args()


def data_root(cfg: Config, seed: int) -> Path:
    """Return the folder of a seed's phantom exams."""
    return Path(cfg.work_dir) / f'seed_{seed}' / 'data'


def plan(cfg: Config, seeds: List[int], rows: Optional[List[str]]) -> List[Run]:
    """Return the runs, needed ones before those that need them."""
    unknown = sorted(set(rows or ()) - set(cfg.rows))
    if unknown:
        raise ConfigError(f'--rows {unknown[0]}: no such row; there are '
                          f'{", ".join(cfg.rows)}')
    chosen: List[str] = []

    def choose(row: str) -> None:
        for needed in cfg.rows[row].get('needs', ()):
            choose(needed)
        if row not in chosen:
            chosen.append(row)

    for row in rows or cfg.rows:
        choose(row)
    return [
        Run(row, seed, cfg.rows[row],
            Path(cfg.work_dir) / f'seed_{seed}' / row,
            tuple(cfg.rows[row].get('needs', ())))
        for seed in seeds for row in chosen
    ]


def make_data(cfg: Config, seed: int, jobs: int, tools: ToolRunner) -> None:
    """Make a seed's phantom exams; the converter leaves finished ones alone."""
    root = data_root(cfg, seed)
    tools.call(['tools/dataset_converters/phantom.py', '--seed', str(seed), '--out',
                str(root), '--workers', str(jobs), *phantom_words(cfg)],
               root.parent / 'data.log')


def phantom_words(cfg: Config) -> List[str]:
    """Return the words that say what the phantom exams are."""
    words: List[str] = []
    for name, value in cfg.phantom.items():
        words.append(f'--{name.replace("_", "-")}')
        if value is True:  # a flag
            continue
        values = value if isinstance(value, (list, tuple)) else [value]
        words += [str(v) for v in values]
    return words


def options_of(run: Run, cfg: Config) -> List[str]:
    """Return the ``--cfg-options`` of a run: its data, seed and own settings."""
    root = str(data_root(cfg, run.seed))
    merged = Config.fromfile(ROOT / run.settings.config)
    options = {
        f'{field}.data_root': root for part in ('train', 'val', 'test')
        if merged.get(f'{part}_dataloader')  # a generator is not tested
        for field, _ in innermost_datasets(
            f'{part}_dataloader.dataset', merged[f'{part}_dataloader'].dataset)
    }
    options['randomness.seed'] = run.seed
    for key, value in run.settings.get('options', {}).items():
        options[key] = _filled(value, run, cfg) if isinstance(value, str) else value
    return ['--cfg-options', *(f'{k}={v}' for k, v in options.items())]


def _filled(text: str, run: Run, cfg: Config) -> str:
    """Put the seed and its folder into a setting."""
    return text.format(seed=run.seed, folder=f'{cfg.work_dir}/seed_{run.seed}')


def command_of(run: Run, cfg: Config) -> List[str]:
    """Return the words of a row's command; '{options}' stands for its options."""
    words: List[str] = []
    for word in run.settings.command:
        words += options_of(run, cfg) if word == '{options}' else [
            _filled(word, run, cfg)]
    return words


def settings_of(run: Run, cfg: Config) -> dict:
    """Return what a result depends on beside the seed; of the code the version."""
    facts = {key: run.settings[key] for key in ('config', 'command')
             if key in run.settings}
    if 'config' in run.settings:
        merged = Config.fromfile(ROOT / run.settings.config).pretty_text
        facts['config_sha256'] = hashlib.sha256(merged.encode()).hexdigest()
    return dict(
        facts, options=run.settings.get('options', {}), phantom=cfg.phantom,
        version=__version__,
        needs={row: settings_of(replace(run, row=row, settings=cfg.rows[row]), cfg)
               for row in cfg.rows[run.row].get('needs', ())})


def execute(run: Run, cfg: Config, tools: ToolRunner) -> None:
    """Train and test one row, or run its command, and keep its figures."""
    log, start = run.folder / 'ablate.log', time.time()
    if 'command' in run.settings:
        tools.call(command_of(run, cfg), log)
        write_json(run.result, dict(row=run.row, seed=run.seed, summaries={},
                                    minutes=(time.time() - start) / 60))
        return
    tools.train_and_test(run.settings.config, run.folder, options_of(run, cfg), log)
    summaries = {
        path.stem: read_json(path)
        for path in sorted((run.folder / 'test').glob('*.json'))
    }
    write_json(run.result, dict(
        row=run.row, seed=run.seed,
        minutes=(time.time() - start) / 60, summaries=summaries))


def train_all(runs: List[Run], cfg: Config, jobs: int) -> None:
    """Run what is not done, needed rows first, with an estimate of the end."""
    for run in runs:
        check_settings(run.folder, settings_of(run, cfg), 'delete it to run it anew')
    waiting = [run for run in runs if not run.result.is_file()]
    for seed in dict.fromkeys(run.seed for run in waiting):
        make_data(cfg, seed, jobs, ToolRunner(ROOT))
    tools = ToolRunner(ROOT, threads=1 if jobs > 1 else None)
    running: Dict = {}
    bar = tqdm(total=len(runs), initial=len(runs) - len(waiting), desc='rows',
               unit='row')
    with ThreadPoolExecutor(jobs) as pool, bar:
        while waiting or running:
            open_rows = {(run.row, run.seed)
                         for run in [*waiting, *running.values()]}
            for run in list(waiting):
                blocked = any((n, run.seed) in open_rows for n in run.needs)
                if len(running) < jobs and not blocked:
                    waiting.remove(run)
                    running[pool.submit(execute, run, cfg, tools)] = run
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                run = running.pop(future)
                try:
                    future.result()
                except ConfigError:
                    waiting.clear()  # the others finish, then the error is shown
                    for other in running:
                        other.cancel()
                    raise
                bar.set_postfix_str(f'{run.row}, seed {run.seed}')
                bar.update()


def results(cfg: Config, row: str, seeds: List[int]) -> Optional[List[dict]]:
    """Return a row's summaries by name for each seed, ``None`` if one is missing."""
    found = []
    for seed in seeds:
        path = Path(cfg.work_dir) / f'seed_{seed}' / row / 'result.json'
        if not path.is_file():
            return None
        found.append(read_json(path)['summaries'])
    return found


def draws_of(found: Optional[List[dict]], column: str):
    """Return values and draws of 'summary/figure' by seed, ``None`` if not there."""
    name, figure = column.split('/')
    if found is None or any(name not in summaries for summaries in found):
        return None
    return tuple(zip(*(read_draws(summaries[name], [figure])
                       for summaries in found)))


def table(cfg: Config, spec: Config, seeds: List[int]) -> List[str]:
    """Return the lines of one table."""
    found = {row: results(cfg, row, seeds) for row in spec.rows}
    for column in spec.columns.values():
        ran = [f for f in found.values() if f is not None]
        if ran and all(draws_of(f, column) is None for f in ran):
            raise ConfigError(f'table "{spec.title}", column {column}: the test of no '
                              "row's config writes it")
    compared = spec.get('compared', list(spec.columns)[:1])
    digits = spec.get('digits', 2)
    stated = [title for i, title in enumerate(spec.columns)
              if any(paper and len(paper) > i and paper[i] != '–'
                     for paper in spec.rows.values())]
    header = ['system', *spec.columns, *(f'paper, {title}' for title in stated),
              *(f'difference, {title}' for title in compared)]
    lines = [f'### {spec.title}', '', f'| {" | ".join(header)} |',
             '|' + '---|' * len(header)]
    for row, paper in spec.rows.items():
        paper = dict(zip(spec.columns, paper or ()))
        cells = [cfg.rows[row].title]
        cells += [_figure(found[row], column, digits)
                  for column in spec.columns.values()]
        cells += [str(paper.get(title, '–')) for title in stated]
        cells += ['reference' if row == spec.reference else _difference(
            found[row], found[spec.reference], spec.columns[title], digits)
            for title in compared]
        lines.append(f'| {" | ".join(cells)} |')
    return lines + ['', f'Differences are to "{cfg.rows[spec.reference].title}", on '
                    'the same patients.', '']


def _figure(found: Optional[List[dict]], column: str, digits: int) -> str:
    if found is None:
        return 'not run'
    draws = draws_of(found, column)
    return '–' if draws is None else format_estimate(
        mean_over_seeds(*draws), 0, digits=digits)


def _difference(found: Optional[List[dict]], reference: Optional[List[dict]],
                column: str, digits: int) -> str:
    ours, theirs = draws_of(found, column), draws_of(reference, column)
    if ours is None or theirs is None:
        return ''
    return format_estimate(paired_difference(*ours, *theirs), 0, signed=True,
                           digits=digits)


def plot(cfg: Config, spec: Config, seeds: List[int]) -> List[str]:
    """Draw the curves of one figure; return the lines that show it."""
    curves = {}
    for title, rows in spec.curves.items():
        draws = [draws_of(results(cfg, row, seeds), spec.column) for row in rows]
        if None in draws:
            return [f'({spec.title}: not run)', '']
        curves[title] = [mean_over_seeds(*draw) for draw in draws]
    plot_curves(spec.x, curves, ROOT / spec.out, spec.x_title, spec.y_title)
    shown = os.path.relpath(spec.out, Path(cfg.document).parent)
    return [f'![{spec.title}]({shown})', '', f'*{spec.title}*', '']


def minutes_of(runs: List[Run]) -> float:
    """Return the minutes that the finished runs took, added up."""
    return sum(read_json(run.result)['minutes']
               for run in runs if run.result.is_file())


def read_document(cfg: Config) -> Tuple[str, str]:
    """Return what is before and after the tables of the document."""
    path = ROOT / cfg.document
    text = path.read_text(encoding='utf-8') if path.is_file() else ''
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ConfigError(f'{cfg.document}: expected the marks {BEGIN} and {END} '
                          'once each; the tables go between them')
    return text.split(BEGIN)[0], text.split(END)[1]


def write_tables(cfg: Config, runs: List[Run], seeds: List[int],
                 command: str) -> None:
    """Put the tables between the marks of the document."""
    made = ' '.join(phantom_words(cfg))
    lines = [
        BEGIN, '', 'Made by', '', '```bash', command, '```', '',
        f'Seeds {", ".join(map(str, seeds))}, each for the exams and for the '
        f'training; phantom exams with `{made}`. Means over the seeds, with 95% '
        'intervals from 1,000 bootstrap draws over patients. '
        f'{minutes_of(runs):.0f} minutes of training and testing in all (of the '
        'last attempt, where a row was interrupted).', ''
    ]
    for spec in cfg.tables:
        lines += table(cfg, spec, seeds)
    for spec in cfg.get('plots', ()):
        lines += plot(cfg, spec, seeds)
    head, tail = read_document(cfg)
    with atomic_path(ROOT / cfg.document) as temporary:
        temporary.write_text(head + '\n'.join(lines) + END + tail,
                             encoding='utf-8')
    print(f'tables: {cfg.document}')


def main() -> None:
    """Train, test, write."""
    args = parse_args()
    with user_errors():
        cfg = load_config(args.config)
        seeds = args.seeds or list(cfg.seeds)
        runs = plan(cfg, seeds, args.rows)
        read_document(cfg)  # before hours of work
        if not args.tables_only:
            train_all(runs, cfg, args.jobs)
        write_tables(cfg, plan(cfg, seeds, None), seeds,
                     f'python tools/analysis_tools/ablate.py {args.config} '
                     f'--jobs {args.jobs}' + ''.join(
                         f' --seeds {" ".join(map(str, seeds))}'
                         if args.seeds else ''))


if __name__ == '__main__':
    main()
