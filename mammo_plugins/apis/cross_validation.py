"""Training and testing a config on each fold of its data."""

import hashlib
import json
import os.path as osp
import re
import shlex
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config, ConfigDict
from tqdm import tqdm

from mammo_plugins import version
from mammo_plugins.engine.data_configs import (
    annotation_file,
    dataloaders,
    innermost_datasets,
)
from mammo_plugins.evaluation.functional.bootstrap import json_number
from mammo_plugins.io import atomic_path, read_json, write_json
from mammo_plugins.structures import in_fold, names_of_fold

from .acceleration import accelerate
from .config_loading import ConfigError, load_config
from .experiments import (
    ROOT,
    ToolRunner,
    check_settings,
    config_file,
    is_config,
)
from .fold_checks import check_folds


def tested(cfg: Config) -> ConfigDict:
    """Return the config of the test data set."""
    (_, dataset), *_ = innermost_datasets(
        'test_dataloader.dataset', cfg.test_dataloader.dataset
    )
    return dataset


def folds_of(cfg: Config) -> list[int]:
    """Return the folds whose test annotations exist.

    Raises:
        ConfigError: If the test part belongs to no fold, or there are fewer than two
            folds.
    """
    dataset = tested(cfg)
    names = [dataset.ann_file, dataset.get('data_root')]
    if dataset.get('fold') is None or not names_of_fold(names):
        raise ConfigError(
            f'{cfg.filename}: test_dataloader.dataset.ann_file: {dataset.ann_file}; '
            'expected one of a fold, such as fold=1 and '
            "ann_file='annotations/fold_{fold}/test.json', as converters write with "
            '--split kfold'
        )

    def file_of(fold: int) -> Path:  # relative to where the tools run
        return ROOT / annotation_file(dict(dataset, fold=fold))

    found: list[int] = []
    while file_of(len(found) + 1).is_file():
        found.append(len(found) + 1)
    if len(found) < 2:
        raise ConfigError(
            f'{file_of(len(found) + 1)}: no such file; '
            'expected at least two folds; convert with --split kfold '
            '(and --val-folds where the config validates)'
        )
    return found


# options that apply only to the trainings of the folds
_OF_ONE_RUN = ('load_from', 'resume', 'work_dir')


def has_setting(cfg: Config, key: str) -> bool:
    """Return whether a config has the setting that an option names."""
    node = cfg
    for part in key.split('.'):
        try:
            node = node[int(part)] if isinstance(node, (list, tuple)) else node[part]
        except (KeyError, IndexError, ValueError, TypeError):
            return False
    return True


def prepared(cfg: Config) -> list[Config]:
    """Return the configs named by the commands of a preparation."""
    return [
        load_config(str(config_file(word, ROOT)))
        for command in cfg.get('preparation', ())
        for word in shlex.split(command)
        if is_config(word)
    ]


class Fold:
    """The commands and configs of a fold.

    Its number becomes the ``fold`` of the data sets and replaces ``{fold}`` in the
    commands of the preparation.

    A command of the preparation names its output by ``--out`` or ``--work-dir``. That
    name gets a key: a hash of the command, of the configs that it names with their
    options, of the annotation files that both read (and so of earlier outputs), and of
    the package's version. Outputs with another key are not reused.

    Args:
        cfg (Config): Config of one of the folds, with its options.
        fold (int): Number of the fold.
        options (dict, optional): ``--cfg-options``; they also apply to configs of the
            preparation that have the same settings.
        amp (bool): ``--amp``, for all trainings.
    """

    def __init__(self, cfg: Config, fold: int, options: dict | None, amp: bool) -> None:
        self.fold, self.options, self.amp = fold, options or {}, amp
        # the number in the names of outputs in the configs
        self.of_config = tested(cfg).fold
        self._keyed: dict[str, str] = {}  # outputs: names without and with the key
        self.configs: dict[str, str] = {}  # texts of those that the preparation names
        self.commands = [
            self._command(shlex.split(command))
            for command in cfg.get('preparation', ())
        ]
        self.text = self._text(cfg)
        self.settings = dict(
            sha256=self._key([self.text, self.commands, self.configs], [cfg], [])
        )

    def _command(self, words: list[str]) -> list[str]:
        """Return the words of a command, with the key in its output's name."""
        words = words[1:] if words[:1] == ['python'] else words
        own = [
            load_config(str(config_file(word, ROOT)))
            for word in words
            if is_config(word)
        ]
        own = [
            load_config(
                cfg.filename,
                {
                    key: value
                    for key, value in self.options.items()
                    if key not in _OF_ONE_RUN and has_setting(cfg, key)
                },
            )
            for cfg in own
        ]
        texts = {
            word: self._text(cfg) for word, cfg in zip(filter(is_config, words), own)
        }
        self.configs.update(texts)
        made = [word if is_config(word) else self._word(word) for word in words]
        for place, flag in enumerate(made[:-1]):
            if flag in ('--out', '--work-dir'):
                path = Path(made[place + 1])
                key = self._key([made, texts], own, made)
                made[place + 1] = str(
                    path.with_name(f'{path.stem}_{key[:8]}{path.suffix}')
                )
                # as in commands and configs, with {fold} or its number
                name = str(Path(words[place + 1]))
                self._keyed.update(
                    dict.fromkeys(
                        [name, in_fold(name, self.of_config), in_fold(name, self.fold)],
                        made[place + 1],
                    )
                )
        return made

    def _word(self, word: str) -> str:
        """Return a word of a command for this fold, outputs named with their keys."""
        named = in_fold(word, self.of_config)
        keyed = self._named(named)
        return in_fold(word, self.fold) if keyed == named else keyed

    def _text(self, cfg: Config) -> str:
        """Return a config for this fold.

        Raises:
            ConfigError: If it names a file of one particular fold.
        """
        if self.amp:
            accelerate(cfg, 'fp16')
        settings = cfg.to_dict()
        settings.pop('preparation', None)
        text = Config(
            {key: self._in_fold(value) for key, value in settings.items()}
        ).pretty_text
        other = re.search(rf'[^\'"]*fold_{self.of_config}(?![0-9_])[^\'"]*', text)
        if other and self.fold != self.of_config:
            raise ConfigError(
                f'{cfg.filename}: {other[0].strip()} is of one fold; expected what a '
                'command of preparation makes, behind its --out or --work-dir, or '
                '{fold} in a name, which fold of its data set takes the place of'
            )
        return text

    def _in_fold(self, node: Any) -> Any:
        """Return a part of a config for this fold."""
        if isinstance(node, str):
            return self._named(node)
        if isinstance(node, (list, tuple)):
            return type(node)([self._in_fold(each) for each in node])
        if not isinstance(node, dict):
            return node
        made = {key: self._in_fold(value) for key, value in node.items()}
        if 'ann_file' in node and node.get('fold') is not None:
            # names with a key no longer contain the fold
            made['fold'] = self.fold if made == node or names_of_fold(made) else None
        return made

    def _named(self, text: str) -> str:
        """Return a text with outputs named by their keys."""
        for name, keyed in self._keyed.items():
            text = re.sub(rf'(?<![\w./-]){re.escape(name)}(?![\w.-])', keyed, text)
        return text

    def _key(self, content: list, configs: list[Config], words: list[str]) -> str:
        """Return a hash of settings, their annotation files and the version."""
        files = {str(ROOT / word) for word in words}
        for cfg in configs:
            for _, loader in dataloaders(cfg, ('train', 'val', 'test')):
                for _, dataset in innermost_datasets('', loader.dataset):
                    files.add(
                        str(
                            ROOT
                            / self._named(
                                annotation_file(dict(dataset, fold=self.fold))
                            )
                        )
                    )
        files = {
            file
            for file in files
            if file.endswith('.json') and osp.isfile(file) and not self._is_part(file)
        }
        read = {
            osp.relpath(file, ROOT): hashlib.sha256(Path(file).read_bytes()).hexdigest()
            for file in files
        }
        text = json.dumps([version.__version__, content, read], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def _is_part(self, file: str) -> bool:
        """Return whether a file is an output of the preparation, covered by its key."""
        return any(file.startswith(str(ROOT / keyed)) for keyed in self._keyed.values())


def run_fold(config: str, own: Fold, folder: Path, tools: ToolRunner) -> None:
    """Prepare, train and test one fold; skip finished steps."""
    result = folder / 'result.json'
    check_settings(
        folder, own.settings, 'delete it to run it again, or give another --work-dir'
    )
    if result.is_file():
        return
    log = folder / 'cross_validate.log'
    for path, text in {config: own.text, **own.configs}.items():
        with atomic_path(folder / Path(path).name) as temporary:
            temporary.write_text(text, encoding='utf-8')
    for number, words in enumerate(own.commands, 1):
        done = folder / f'prepared_{number}.json'
        if not done.is_file():
            tools.call(
                [
                    str(folder / Path(word).name) if is_config(word) else word
                    for word in words
                ],
                log,
            )
            write_json(done, dict(command=words))
    tools.train_and_test(str(folder / Path(config).name), folder, [], log)
    # the runner's file, named by the time of the test
    figures = json.loads(sorted(folder.glob('2*/2*.json'))[-1].read_text())
    write_json(
        result,
        dict(
            fold=own.fold,
            figures={name: json_number(value) for name, value in figures.items()},
        ),
    )


def table(results: dict[int, dict[str, float]]) -> list[str]:
    """Return the lines of a table: mean, deviation and folds of each figure."""
    folds = list(results)
    names = [
        name
        for name in results[folds[0]]
        if not name.endswith(('_low', '_high'))
        and name != 'data_time'
        and all(name in found for found in results.values())
    ]
    lines = [
        '| figure | mean ± standard deviation | '
        + ' | '.join(f'fold {fold}' for fold in folds)
        + ' |',
        '|---|' + '---|' * (len(folds) + 1),
    ]
    for name in names:
        values = np.array([results[fold][name] for fold in folds], float)  # null: NaN
        known = values[np.isfinite(values)]  # a figure may be undefined in a fold
        spread = f'{known.std(ddof=1):.3f}' if len(known) > 1 else '–'
        mean = f'{known.mean():.3f} ± {spread}' if len(known) else '–'
        if 0 < len(known) < len(values):
            mean += f' (of {len(known)} folds)'
        title = 'seconds a batch of the test' if name == 'time' else name
        lines.append(
            f'| {title} | {mean} | '
            + ' | '.join(f'{value:.3f}' for value in values)
            + ' |'
        )
    return lines


def cross_validate(
    config: str,
    work_dir: str | None = None,
    folds: Sequence[int] | None = None,
    jobs: int = 1,
    amp: bool = False,
    options: dict | None = None,
) -> None:
    """Run all folds and write the table.

    Args:
        config (str): Config file of one of the folds.
        work_dir (str, optional): Defaults to ``None``,
            work_dirs/cross_validation/NAME_OF_CONFIG.
        folds (Sequence[int], optional): Folds to run. Defaults to ``None``, all folds.
        jobs (int): Number of folds run at the same time, with one thread each if
            several.
        amp (bool): Whether to train with mixed precision.
        options (dict, optional): ``--cfg-options``.

    Raises:
        ConfigError: If a fold does not exist, the config's data sets belong to several
            folds, or a run was started with other settings.
    """
    cfg = load_config(config)
    # settings that only the preparation has do not belong to this config
    parts = prepared(cfg)
    cfg = load_config(
        config,
        {
            key: value
            for key, value in (options or {}).items()
            if key in _OF_ONE_RUN
            or has_setting(cfg, key)
            or not any(has_setting(part, key) for part in parts)
        },
    )
    config = str(Path(config).resolve())
    check_folds(cfg)
    there = folds_of(cfg)
    folds = folds or there
    unknown = sorted(set(folds) - set(there))
    if unknown:
        raise ConfigError(f'--folds {unknown[0]}: no such fold; there are {len(there)}')
    out = Path(
        work_dir or ROOT / 'work_dirs/cross_validation' / Path(config).stem
    ).resolve()
    done = [fold for fold in folds if (out / f'fold_{fold}/result.json').is_file()]
    if done:
        print(f'{out}: fold {", ".join(map(str, done))} of {len(folds)} done before')
    tools = ToolRunner(ROOT, threads=1 if jobs > 1 else None)
    with ThreadPoolExecutor(jobs) as pool:
        list(
            tqdm(
                pool.map(
                    lambda fold: run_fold(
                        config,
                        Fold(cfg, fold, options, amp),
                        out / f'fold_{fold}',
                        tools,
                    ),
                    folds,
                ),
                total=len(folds),
                desc='folds',
                unit='fold',
            )
        )
    results = {}
    for fold in there:
        path = out / f'fold_{fold}/result.json'
        if path.is_file():
            results[fold] = read_json(path)['figures']
    lines = [f'{config}, {len(results)} of {len(there)} folds', '', *table(results)]
    with atomic_path(out / 'cross_validation.md') as temporary:
        temporary.write_text('\n'.join(lines) + '\n', encoding='utf-8')
    write_json(out / 'cross_validation.json', results)
    print('\n'.join(lines))
    print(f'table: {out / "cross_validation.md"}')
