"""Ablations: variants of a system, trained and tested on phantom exams."""

import hashlib
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path

from mmengine.config import Config
from tqdm import tqdm

from mammo_plugins import version
from mammo_plugins.engine.data_configs import innermost_datasets
from mammo_plugins.io import read_json, write_json

from .config_loading import ConfigError
from .experiments import ROOT, ToolRunner, check_settings, config_file

_NEEDED = ('work_dir', 'phantom', 'seeds', 'rows', 'tables')


@dataclass(frozen=True)
class Run:
    """One training and its test.

    Attributes:
        row (str): Key in the config's ``rows``.
        seed (int): Seed of data and training.
        settings (Config): Settings of the row.
        folder (Path): Work dir.
        needs (tuple[str]): Rows of the same seed that must be finished first.
    """

    row: str
    seed: int
    settings: Config
    folder: Path
    needs: tuple[str, ...]

    @property
    def result(self) -> Path:
        """Path: File written when the run is complete."""
        return self.folder / 'result.json'


def data_root(cfg: Config, seed: int) -> Path:
    """Return the folder of a seed's phantom exams."""
    return Path(cfg.work_dir) / f'seed_{seed}' / 'data'


def check_ablation(cfg: Config) -> None:
    """Refuse a config that is not an ablation.

    Raises:
        ConfigError: Naming what is missing.
    """
    lacking = [key for key in _NEEDED if key not in cfg]
    if lacking:
        raise ConfigError(
            f'{cfg.filename}: no {", ".join(lacking)}; an ablation has '
            f'{", ".join(_NEEDED)} (docs/reference/ablation.md). A single config is '
            'trained by mammo train'
        )
    for name, row in cfg.rows.items():
        if 'config' not in row and 'command' not in row:
            raise ConfigError(
                f'{cfg.filename}: rows.{name}: neither config nor command; expected one '
                'of them'
            )
        for needed in row.get('needs', ()):
            if needed not in cfg.rows:
                raise ConfigError(
                    f'{cfg.filename}: rows.{name}.needs: no row {needed}; '
                    f'available rows: {", ".join(cfg.rows)}'
                )
        config = row.get('config')
        if config and not config_file(config, ROOT).is_file():
            raise ConfigError(
                f'{cfg.filename}: rows.{name}.config: {config}: no such file below '
                f'{ROOT}'
            )


def plan(cfg: Config, seeds: list[int], rows: list[str] | None) -> list[Run]:
    """Return the runs, each after those that it needs."""
    unknown = sorted(set(rows or ()) - set(cfg.rows))
    if unknown:
        raise ConfigError(
            f'--rows {unknown[0]}: no such row; available rows: {", ".join(cfg.rows)}'
        )
    chosen: list[str] = []

    def choose(row: str) -> None:
        for needed in cfg.rows[row].get('needs', ()):
            choose(needed)
        if row not in chosen:
            chosen.append(row)

    for row in rows or cfg.rows:
        choose(row)
    return [
        Run(
            row,
            seed,
            cfg.rows[row],
            Path(cfg.work_dir) / f'seed_{seed}' / row,
            tuple(cfg.rows[row].get('needs', ())),
        )
        for seed in seeds
        for row in chosen
    ]


def make_data(cfg: Config, seed: int, jobs: int, tools: ToolRunner) -> None:
    """Create a seed's phantom exams; the converter leaves finished ones unchanged."""
    root = data_root(cfg, seed)
    tools.call(
        [
            'tools/dataset_converters/phantom.py',
            '--seed',
            str(seed),
            '--out',
            str(root),
            '--workers',
            str(jobs),
            *phantom_words(cfg),
        ],
        root.parent / 'data.log',
    )


def phantom_words(cfg: Config) -> list[str]:
    """Return the arguments that describe the phantom exams."""
    words: list[str] = []
    for name, value in cfg.phantom.items():
        words.append(f'--{name.replace("_", "-")}')
        if value is True:  # a flag
            continue
        values = value if isinstance(value, (list, tuple)) else [value]
        words += [str(v) for v in values]
    return words


def options_of(run: Run, cfg: Config) -> list[str]:
    """Return the ``--cfg-options`` of a run: its data, seed and own settings."""
    root = str(data_root(cfg, run.seed))
    merged = Config.fromfile(config_file(run.settings.config, ROOT))
    options = {
        f'{field}.data_root': root
        for part in ('train', 'val', 'test')
        if merged.get(f'{part}_dataloader')  # a generator is not tested
        for field, _ in innermost_datasets(
            f'{part}_dataloader.dataset', merged[f'{part}_dataloader'].dataset
        )
    }
    options['randomness.seed'] = run.seed
    for key, value in run.settings.get('options', {}).items():
        options[key] = _filled(value, run, cfg) if isinstance(value, str) else value
    return ['--cfg-options', *(f'{k}={v}' for k, v in options.items())]


def _filled(text: str, run: Run, cfg: Config) -> str:
    """Insert the seed and its folder into a setting."""
    return text.format(seed=run.seed, folder=f'{cfg.work_dir}/seed_{run.seed}')


def command_of(run: Run, cfg: Config) -> list[str]:
    """Return the arguments of a row's command, with '{options}' replaced."""
    words: list[str] = []
    for word in run.settings.command:
        words += (
            options_of(run, cfg) if word == '{options}' else [_filled(word, run, cfg)]
        )
    return words


def settings_of(run: Run, cfg: Config) -> dict:
    """Return what a result depends on besides the seed; for code, its version."""
    facts = {
        key: run.settings[key] for key in ('config', 'command') if key in run.settings
    }
    if 'config' in run.settings:
        merged = Config.fromfile(config_file(run.settings.config, ROOT)).pretty_text
        facts['config_sha256'] = hashlib.sha256(merged.encode()).hexdigest()
    return dict(
        facts,
        options=run.settings.get('options', {}),
        phantom=cfg.phantom,
        version=version.__version__,
        needs={
            row: settings_of(replace(run, row=row, settings=cfg.rows[row]), cfg)
            for row in cfg.rows[run.row].get('needs', ())
        },
    )


def execute(run: Run, cfg: Config, tools: ToolRunner) -> None:
    """Train and test one row, or run its command, and store its figures."""
    log, start = run.folder / 'ablate.log', time.time()
    if 'command' in run.settings:
        tools.call(command_of(run, cfg), log)
        write_json(
            run.result,
            dict(
                row=run.row,
                seed=run.seed,
                summaries={},
                minutes=(time.time() - start) / 60,
            ),
        )
        return
    tools.train_and_test(run.settings.config, run.folder, options_of(run, cfg), log)
    summaries = {
        path.stem: read_json(path)
        for path in sorted((run.folder / 'test').glob('*.json'))
    }
    write_json(
        run.result,
        dict(
            row=run.row,
            seed=run.seed,
            minutes=(time.time() - start) / 60,
            summaries=summaries,
        ),
    )


def train_all(runs: list[Run], cfg: Config, jobs: int) -> None:
    """Run what is unfinished, needed rows first; estimate the time left."""
    for run in runs:
        check_settings(run.folder, settings_of(run, cfg), 'delete it to run it again')
    waiting = [run for run in runs if not run.result.is_file()]
    for seed in dict.fromkeys(run.seed for run in waiting):
        make_data(cfg, seed, jobs, ToolRunner(ROOT))
    tools = ToolRunner(ROOT, threads=1 if jobs > 1 else None)
    running: dict = {}
    bar = tqdm(
        total=len(runs), initial=len(runs) - len(waiting), desc='rows', unit='row'
    )
    with ThreadPoolExecutor(jobs) as pool, bar:
        while waiting or running:
            open_rows = {(run.row, run.seed) for run in [*waiting, *running.values()]}
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
                    waiting.clear()  # running ones finish, then the error is shown
                    for other in running:
                        other.cancel()
                    raise
                bar.set_postfix_str(f'{run.row}, seed {run.seed}')
                bar.update()
