"""Train and test a config on each fold of its data; report mean and spread."""
import hashlib
import json
import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Dict, List, Optional

import numpy as np
from mmengine.config import Config
from tqdm import tqdm

from mammo_plugins.apis import ToolRunner, check_settings
from mammo_plugins.apis.command_line import (ConfigError, add_config_options,
                                             load_config, parser, user_errors)
from mammo_plugins.engine.data_configs import innermost_datasets
from mammo_plugins.evaluation.functional.bootstrap import json_number
from mammo_plugins.io import atomic_path, read_json, write_json

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ('python tools/cross_validate.py '
           'configs/blending/mask-rcnn_r50_inbreast_blending.py')
FIRST = 'fold_1'


def parse_args():
    """Read the command line."""
    arguments = parser(
        'Train and test a config on each fold that a converter wrote with --split '
        f"kfold: whatever the config calls {FIRST} becomes fold_2 and so on. Its list "
        'preparation names commands that come before the training of a fold, written '
        f'for {FIRST}. What is done is not done again; an interrupted run is gone on '
        'with. Writes WORK_DIR/cross_validation.md: mean and standard deviation over '
        'the folds.', EXAMPLE)
    arguments.add_argument('config', help=f'config file of {FIRST}')
    arguments.add_argument(
        '--work-dir', help='(default: work_dirs/cross_validation/NAME_OF_CONFIG)')
    arguments.add_argument(
        '--folds', type=int, nargs='+', metavar='K',
        help='only these, for several machines (default: all there are)')
    arguments.add_argument(
        '--jobs', type=int, default=1,
        help='folds at a time, one thread each if several (default: %(default)s)')
    add_config_options(arguments)
    args = arguments.parse_args()
    if args.jobs < 1:
        arguments.error(f'--jobs {args.jobs}: expected at least 1')
    return args


def in_fold(text: str, fold: int) -> str:
    """Return a text of the first fold as it is for another."""
    return text.replace(FIRST, f'fold_{fold}')


def folds_of(cfg: Config) -> List[int]:
    """Return the folds whose annotation of the test part is there.

    Raises:
        ConfigError: If the config is not of the first fold, or there are not two.
    """
    (_, dataset), *_ = innermost_datasets(
        'test_dataloader.dataset', cfg.test_dataloader.dataset)
    # where the tools run
    ann_file = ROOT / (dataset.get('data_root') or '') / dataset.ann_file
    if FIRST not in str(ann_file):
        raise ConfigError(
            f'{cfg.filename}: test_dataloader.dataset.ann_file: {dataset.ann_file}; '
            f'expected one of {FIRST}, as converters write with --split kfold')
    found: List[int] = []
    while Path(in_fold(str(ann_file), len(found) + 1)).is_file():
        found.append(len(found) + 1)
    if len(found) < 2:
        raise ConfigError(f'{in_fold(str(ann_file), len(found) + 1)}: no such file; '
                          'expected at least two folds; convert with --split kfold '
                          '(and --val-folds where the config validates)')
    return found


def config_in_fold(path: str, fold: int, folder: Path,
                   options: Optional[dict] = None) -> Path:
    """Write a config as it is for a fold.

    Args:
        path (str): A config file of the first fold.
        fold (int): Which.
        folder (Path): Where to write it, by its own name.
        options (dict, optional): ``--cfg-options``.
    """
    cfg = load_config(path, options)
    out = folder / Path(path).name
    with atomic_path(out) as temporary:
        temporary.write_text(in_fold(cfg.pretty_text, fold), encoding='utf-8')
    return out


def preparation_of(cfg: Config, fold: int, folder: Path) -> List[List[str]]:
    """Return the words of the commands that come before a fold's training.

    Configs of the first fold that they name are written for this one.
    """
    commands = []
    for command in cfg.get('preparation', ()):
        words = shlex.split(command)
        if words[:1] == ['python']:
            words = words[1:]
        commands.append([
            str(config_in_fold(str(ROOT / word), fold, folder))
            if is_config(word) else in_fold(word, fold) for word in words])
    return commands


def is_config(word: str) -> bool:
    """Tell whether a word of a command is a config of the repository."""
    return word.startswith('configs/') and word.endswith('.py')


def settings_of(cfg: Config) -> dict:
    """Return what a fold depends on: its config, and those that preparation names."""
    named = [word for command in cfg.get('preparation', ())
             for word in shlex.split(command) if is_config(word)]
    texts = [cfg.pretty_text] + [load_config(str(ROOT / word)).pretty_text
                                 for word in named]
    return dict(configs_sha256=[
        hashlib.sha256(text.encode()).hexdigest() for text in texts])


def run_fold(args, cfg: Config, fold: int, folder: Path, tools: ToolRunner) -> None:
    """Prepare, train and test one fold, as far as that is not done."""
    result = folder / 'result.json'
    check_settings(folder, settings_of(cfg),
                   'delete it to run it anew, or give another --work-dir')
    if result.is_file():
        return
    log = folder / 'cross_validate.log'
    config = config_in_fold(args.config, fold, folder, args.cfg_options)
    for number, words in enumerate(preparation_of(cfg, fold, folder), 1):
        done = folder / f'prepared_{number}.json'
        if not done.is_file():
            tools.call(words, log)
            write_json(done, dict(command=words))
    tools.train_and_test(str(config), folder, [], log)
    # of the runner: a file by the time of the test
    figures = json.loads(sorted(folder.glob('2*/2*.json'))[-1].read_text())
    write_json(result, dict(fold=fold, figures={
        name: json_number(value) for name, value in figures.items()}))


def table(results: Dict[int, Dict[str, float]]) -> List[str]:
    """Return the lines of a table: each figure's mean, deviation and folds."""
    folds = list(results)
    names = [name for name in results[folds[0]]
             if not name.endswith(('_low', '_high')) and name != 'data_time'
             and all(name in found for found in results.values())]
    lines = ['| figure | mean ± standard deviation | '
             + ' | '.join(f'fold {fold}' for fold in folds) + ' |',
             '|---|' + '---|' * (len(folds) + 1)]
    for name in names:
        values = np.array([results[fold][name] for fold in folds], float)  # null: NaN
        known = values[np.isfinite(values)]  # a fold may lack what a figure wants
        spread = f'{known.std(ddof=1):.3f}' if len(known) > 1 else '–'
        mean = f'{known.mean():.3f} ± {spread}' if len(known) else '–'
        if 0 < len(known) < len(values):
            mean += f' (of {len(known)} folds)'
        title = 'seconds a batch of the test' if name == 'time' else name
        lines.append(f'| {title} | {mean} | '
                     + ' | '.join(f'{value:.3f}' for value in values) + ' |')
    return lines


def main() -> None:
    """Run all folds and write the table."""
    args = parse_args()
    with user_errors(args):
        cfg = load_config(args.config, args.cfg_options)
        args.config = str(Path(args.config).resolve())
        there = folds_of(cfg)
        folds = args.folds or there
        unknown = sorted(set(folds) - set(there))
        if unknown:
            raise ConfigError(f'--folds {unknown[0]}: no such fold; there are '
                              f'{len(there)}')
        out = Path(args.work_dir or ROOT / 'work_dirs/cross_validation'
                   / Path(args.config).stem).resolve()
        done = [fold for fold in folds if (out / f'fold_{fold}/result.json').is_file()]
        if done:
            print(f'{out}: fold {", ".join(map(str, done))} of {len(folds)} done before')
        tools = ToolRunner(ROOT, threads=1 if args.jobs > 1 else None)
        with ThreadPoolExecutor(args.jobs) as pool:
            list(tqdm(pool.map(lambda fold: run_fold(
                args, cfg, fold, out / f'fold_{fold}', tools), folds),
                total=len(folds), desc='folds', unit='fold'))
        results = {}
        for fold in there:
            path = out / f'fold_{fold}/result.json'
            if path.is_file():
                results[fold] = read_json(path)['figures']
        lines = [f'{args.config}, {len(results)} of {len(there)} folds', '',
                 *table(results)]
        with atomic_path(out / 'cross_validation.md') as temporary:
            temporary.write_text('\n'.join(lines) + '\n', encoding='utf-8')
        write_json(out / 'cross_validation.json', results)
    print('\n'.join(lines))
    print(f'table: {out / "cross_validation.md"}')


if __name__ == '__main__':
    main()
