"""Train and compare variants of a system on the phantom; write the tables."""
import hashlib
import json
import os
import subprocess
import sys
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from mmengine.config import Config
from tqdm import tqdm

from mammo_plugins.apis.command_line import (ConfigError, innermost_datasets,
                                             load_config, parser, user_errors)
from mammo_plugins.evaluation.functional.comparison import (Estimate,
                                                            format_estimate,
                                                            mean_over_seeds,
                                                            paired_difference,
                                                            read_draws)
from mammo_plugins.io import atomic_path, write_json

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


def call(words: List[str], log: Path, threads: Optional[int]) -> None:
    """Run a tool with its output in a log; raise if it fails."""
    environment = dict(os.environ)
    if threads:
        environment['OMP_NUM_THREADS'] = str(threads)
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, 'a') as out:
        done = subprocess.run([sys.executable, *words], cwd=ROOT, stdout=out,
                              stderr=subprocess.STDOUT, env=environment)
    if done.returncode:
        tail = log.read_text(errors='replace').strip().splitlines()[-1:]
        raise ConfigError(f'{" ".join(words[:2])} ended with status '
                          f'{done.returncode}: {"".join(tail)}; all of it is in '
                          f'{log}')


def make_data(cfg: Config, seed: int, jobs: int) -> None:
    """Make a seed's phantom exams; the converter leaves finished ones alone."""
    root = data_root(cfg, seed)
    words = ['tools/dataset_converters/phantom.py', '--seed', str(seed), '--out',
             str(root), '--workers', str(jobs)]
    for name, value in cfg.phantom.items():
        words.append(f'--{name.replace("_", "-")}')
        values = value if isinstance(value, (list, tuple)) else [value]
        words += [str(v) for v in values]
    call(words, root.parent / 'data.log', None)


def options_of(run: Run, cfg: Config) -> List[str]:
    """Return the ``--cfg-options`` of a run: its data, seed and own settings."""
    root = str(data_root(cfg, run.seed))
    merged = Config.fromfile(ROOT / run.settings.config)
    options = {
        f'{field}.data_root': root for part in ('train', 'val', 'test')
        for field, _ in innermost_datasets(
            f'{part}_dataloader.dataset',
            merged.get(f'{part}_dataloader', {}).get('dataset', {}))
    }
    options['randomness.seed'] = run.seed
    for key, value in run.settings.get('options', {}).items():
        if isinstance(value, str):
            value = value.format(seed=f'{cfg.work_dir}/seed_{run.seed}')
        options[key] = value
    return ['--cfg-options', *(f'{k}={v}' for k, v in options.items())]


def settings_of(run: Run, cfg: Config) -> dict:
    """Return what a result depends on, beside code and seed."""
    merged = Config.fromfile(ROOT / run.settings.config).pretty_text
    # as JSON gives it back
    return json.loads(json.dumps(dict(
        config=run.settings.config,
        config_sha256=hashlib.sha256(merged.encode()).hexdigest(),
        options=run.settings.get('options', {}), phantom=cfg.phantom,
        **({'command': run.settings.command} if 'command' in run.settings else {}),
        needs={row: settings_of(replace(run, row=row, settings=cfg.rows[row]), cfg)
               for row in cfg.rows[run.row].get('needs', ())})))


def check_settings(run: Run, cfg: Config) -> None:
    """Raise :class:`ConfigError` if a run was begun with other settings."""
    path, settings = run.folder / 'settings.json', settings_of(run, cfg)
    if not path.is_file():
        write_json(path, settings)
    elif json.loads(path.read_text()) != settings:
        raise ConfigError(f'{run.folder}: begun with other settings than the '
                          'configs have now; delete it to run it anew')


def execute(run: Run, cfg: Config, threads: Optional[int]) -> None:
    """Train and test one row, or run its command, and keep its figures."""
    options, log = options_of(run, cfg), run.folder / 'ablate.log'
    start = time.time()
    if 'command' in run.settings:
        places = dict(seed=f'{cfg.work_dir}/seed_{run.seed}')
        call([word.format(**places) for word in run.settings.command] + options, log,
             threads)
        write_json(run.result, dict(row=run.row, seed=run.seed, summaries={},
                                    minutes=(time.time() - start) / 60))
        return
    call(['tools/train.py', run.settings.config, '--work-dir', str(run.folder),
          '--resume', *options], log, threads)
    last = Path((run.folder / 'last_checkpoint').read_text().strip())
    checkpoint = run.folder / 'trained.pth'
    with atomic_path(checkpoint) as temporary:
        os.link(run.folder / last.name, temporary)
    call(['tools/test.py', run.settings.config, str(checkpoint), '--work-dir',
          str(run.folder), *options], log, threads)
    summaries = {
        path.stem: json.loads(path.read_text())
        for path in sorted((run.folder / 'test').glob('*.json'))
    }
    write_json(run.result, dict(
        row=run.row, seed=run.seed,
        minutes=(time.time() - start) / 60, summaries=summaries))


def train_all(runs: List[Run], cfg: Config, jobs: int) -> None:
    """Run what is not done, needed rows first, with an estimate of the end."""
    for run in runs:
        check_settings(run, cfg)
    waiting = [run for run in runs if not run.result.is_file()]
    for seed in dict.fromkeys(run.seed for run in waiting):
        make_data(cfg, seed, jobs)
    threads = 1 if jobs > 1 else None
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
                    running[pool.submit(execute, run, cfg, threads)] = run
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


def figures(cfg: Config, row: str, metric: str, seeds: List[int]):
    """Return a row's figures and draws by seed, or ``None`` if one is missing."""
    values, draws = [], []
    for seed in seeds:
        path = Path(cfg.work_dir) / f'seed_{seed}' / row / 'result.json'
        if not path.is_file():
            return None
        summary = json.loads(path.read_text())['summaries'].get(metric)
        if summary is None:
            raise ConfigError(f'{path}: no {metric} among the results; the test '
                              "of this row's config does not write it")
        value, draw = read_draws(summary)
        values.append(value)
        draws.append(draw)
    return values, draws


def table(cfg: Config, spec: Config, seeds: List[int]) -> List[str]:
    """Return the lines of one table."""
    names = spec.columns
    lines = [f'### {spec.title}', '']
    lines.append('| system | ' + ' | '.join(names) + ' | '
                 + ' | '.join(f'paper, {name}' for name in names)
                 + f' | difference, {_compared(spec)} |')
    lines.append('|' + '---|' * (2 * len(names) + 2))
    reference = figures(cfg, spec.reference, spec.metric, seeds)
    for row, paper in spec.rows.items():
        found = figures(cfg, row, spec.metric, seeds)
        title = cfg.rows[row].title
        if found is None:
            ours, difference = ['not run'] * len(names), ''
        else:
            estimate = mean_over_seeds(*found)
            ours = [format_estimate(estimate, i) for i in range(len(names))]
            difference = _difference(row, spec, found, reference)
        paper = list(paper or ()) + ['–'] * (len(names) - len(paper or ()))
        lines.append('| ' + ' | '.join(
            [title, *ours, *map(str, paper), difference]) + ' |')
    lines += ['', f'Differences are to "{cfg.rows[spec.reference].title}", on the '
              'same patients.', '']
    return lines


def _difference(row: str, spec: Config, found, reference) -> str:
    if row == spec.reference:
        return 'reference'
    if reference is None:
        return ''
    estimate: Estimate = paired_difference(*found, *reference)
    return format_estimate(
        estimate, list(spec.columns).index(_compared(spec)), signed=True)


def _compared(spec: Config) -> str:
    """Return the column whose differences are shown: the first, if not named."""
    return spec.get('compared', spec.columns[0])


def minutes_of(runs: List[Run]) -> float:
    """Return the minutes that the finished runs took, added up."""
    return sum(json.loads(run.result.read_text())['minutes']
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
    made = ' '.join(f'--{k.replace("_", "-")} '
                    + ' '.join(map(str, v if isinstance(v, (list, tuple)) else [v]))
                    for k, v in cfg.phantom.items())
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
