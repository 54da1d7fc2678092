"""Trainings that a tool starts: each in a process of its own, with a log."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config

from mammo_plugins.engine.loops.stages import stages_of
from mammo_plugins.engine.work_dir import latest_checkpoint
from mammo_plugins.io import atomic_path, read_json, write_json
from mammo_plugins.shipped import PREFIX, config_path, repository
from mammo_plugins.stopping import run_child

from .config_loading import ConfigError, load_config

ROOT = repository() or Path.cwd()  # what paths in configs start from


def is_config(word: str) -> bool:
    """Tell whether a word of a command is a config of the repository."""
    return word.startswith('configs/') and word.endswith('.py')


def config_file(config: str, root: Path) -> Path:
    """Return the file of a config that another config names.

    Args:
        config (str): Relative to the repository, such as 'configs/mamminet_v2.py'; away
            from it one that the package ships is found too.
        root (Path): The repository, or the folder that paths start from.
    """
    path = root / config
    if path.is_file() or not is_config(config):
        return path
    return config_path(f'{PREFIX}{config.removeprefix("configs/")}')


def check_settings(folder: Path, settings: dict, mend: str) -> None:
    """Keep what a run depends on in its folder, or compare with what is there.

    Args:
        folder (Path): Of the run; ``settings.json`` is written into it.
        settings (dict): What JSON can hold.
        mend (str): What to do, for the message.

    Raises:
        ConfigError: If the run was begun with other settings and has made something.
        JsonError: If the file of settings is damaged.
    """
    path = folder / 'settings.json'
    # a run that failed before it had anything to keep has left logs at most
    begun = any(
        file != path
        and file.suffix not in ('.log', '.py')
        and not re.fullmatch(r'\d{8}_\d{6}', file.name)
        for file in folder.glob('*')
    )
    if not (begun and path.is_file()):
        write_json(path, settings)
    elif read_json(path) != json.loads(json.dumps(settings)):
        raise ConfigError(
            f'{folder}: begun with other settings than the configs and '
            f'options have now; {mend}'
        )


def checkpoint_to_test(cfg: Config, folder: Path) -> Path:
    """Return the checkpoint of a finished training that its test is of.

    Args:
        cfg (Config): Where the checkpoint hook, or the last stage, has ``save_best``,
            the weights that were best by it are tested, otherwise the last ones.
        folder (Path): The work directory.

    Raises:
        ConfigError: If there should be best weights and are none.
    """
    stages = stages_of(cfg)
    hook = cfg.get('default_hooks', {}).get('checkpoint') or {}
    metric = stages[-1].save_best if stages else hook.get('save_best')
    if metric is None:
        return Path(latest_checkpoint(folder))
    best = list(folder.glob(f'best_{metric.replace("/", "_")}_*.pth'))
    if not best:
        raise ConfigError(
            f'{folder}: no best_{metric.replace("/", "_")}_*.pth, which '
            'save_best asks for; was there a validation with it?'
        )
    return max(best, key=lambda path: path.stat().st_mtime)


class ToolRunner:
    """Runs the repository's tools, of an installed package the commands that they are.

    Args:
        root (str | Path): The repository, or the folder that paths start from.
        threads (int, optional): Of each process, for several at a time. Defaults to
            ``None``, PyTorch's choice.
    """

    def __init__(self, root: str | Path, threads: int | None = None) -> None:
        self.root = Path(root)
        self.threads = threads

    def call(self, words: Sequence[str], log: Path) -> None:
        """Run a tool, its output appended to a log.

        Args:
            words (Sequence[str]): The tool, relative to the repository, and its
                arguments, among which :func:`config_file` finds configs.
            log (Path): The log.

        Raises:
            ConfigError: If it fails; with the log's last line.
        """
        environment = dict(os.environ)
        if self.threads:
            environment['OMP_NUM_THREADS'] = str(self.threads)
        log.parent.mkdir(parents=True, exist_ok=True)
        words = [
            word
            if (self.root / word).is_file() or not is_config(word)
            else str(config_file(word, self.root))
            for word in words
        ]
        script = (self.root / words[0]).is_file()
        by = [sys.executable, *([] if script else ['-m', 'mammo_cli'])]
        with open(log, 'a') as out:
            status = run_child(
                [*by, *words],
                cwd=self.root,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=environment,
            )
        if status:
            tail = log.read_text(errors='replace').strip().splitlines()[-1:]
            raise ConfigError(
                f'{Path(words[0]).stem} {" ".join(words[1:2])} ended with status '
                f'{status}: {"".join(tail)}; all of it is in '
                f'{log}'
            )

    def train_and_test(
        self, config: str, folder: Path, options: list[str], log: Path
    ) -> None:
        """Train, going on where an earlier call was interrupted, and test.

        What is tested, see :func:`checkpoint_to_test`, gets the name ``trained.pth``
        too; results of the test are in ``test/``.

        Args:
            config (str): The config file.
            folder (Path): The work directory.
            options (list[str]): Further arguments of both tools.
            log (Path): The log.
        """
        self.call(
            ['tools/train.py', config, '--work-dir', str(folder), '--resume', *options],
            log,
        )
        checkpoint = folder / 'trained.pth'
        with atomic_path(checkpoint) as temporary:
            os.link(
                checkpoint_to_test(
                    load_config(str(config_file(config, self.root))), folder
                ),
                temporary,
            )
        self.call(
            [
                'tools/test.py',
                config,
                str(checkpoint),
                '--work-dir',
                str(folder),
                *options,
            ],
            log,
        )
