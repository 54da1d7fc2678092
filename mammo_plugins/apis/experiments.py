"""Training runs started by a tool, each in its own process with a log."""

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

ROOT = repository() or Path.cwd()  # base of relative paths in configs


def is_config(word: str) -> bool:
    """Return whether a word of a command is a config of the repository."""
    return word.startswith('configs/') and word.endswith('.py')


def config_file(config: str, root: Path) -> Path:
    """Return the file of a config that another config names.

    Args:
        config (str): Path relative to the repository, such as 'configs/mamminet_v2.py';
            outside it, configs shipped with the package are also found.
        root (Path): The repository, or the base folder of relative paths.
    """
    path = root / config
    if path.is_file() or not is_config(config):
        return path
    return config_path(f'{PREFIX}{config.removeprefix("configs/")}')


def check_settings(folder: Path, settings: dict, mend: str) -> None:
    """Store a run's settings in its folder, or compare them with those stored.

    Args:
        folder (Path): The run's folder; ``settings.json`` is written into it.
        settings (dict): Settings in types that JSON supports.
        mend (str): The remedy, for the message.

    Raises:
        ConfigError: If the run was started with other settings and has output.
        JsonError: If the settings file is damaged.
    """
    path = folder / 'settings.json'
    # a run that failed early has left only logs
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
    """Return the checkpoint of a finished training that is to be tested.

    Args:
        cfg (Config): If its checkpoint hook, or its last stage, has ``save_best``, the
            best weights are tested, otherwise the last ones.
        folder (Path): The work directory.

    Raises:
        ConfigError: If best weights are expected but missing.
    """
    stages = stages_of(cfg)
    hook = cfg.get('default_hooks', {}).get('checkpoint') or {}
    metric = stages[-1].save_best if stages else hook.get('save_best')
    if metric is None:
        return Path(latest_checkpoint(folder))
    best = list(folder.glob(f'best_{metric.replace("/", "_")}_*.pth'))
    if not best:
        raise ConfigError(
            f'{folder}: no best_{metric.replace("/", "_")}_*.pth, which save_best '
            'asks for; did the validation compute it?'
        )
    return max(best, key=lambda path: path.stat().st_mtime)


class ToolRunner:
    """Runs the repository's tools, or the equivalent commands of an installed package.

    Args:
        root (str | Path): The repository, or the base folder of relative paths.
        threads (int, optional): Threads per process, if several run at the same time.
            Defaults to ``None``, PyTorch's default.
    """

    def __init__(self, root: str | Path, threads: int | None = None) -> None:
        self.root = Path(root)
        self.threads = threads

    def call(self, words: Sequence[str], log: Path) -> None:
        """Run a tool and append its output to a log.

        Args:
            words (Sequence[str]): The tool, relative to the repository, and its
                arguments, among which :func:`config_file` finds configs.
            log (Path): The log.

        Raises:
            ConfigError: If it fails; quotes the last line of the log.
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
        """Train and test; resume an interrupted training.

        The tested checkpoint, see :func:`checkpoint_to_test`, is also available as
        ``trained.pth``; test results are in ``test/``.

        Args:
            config (str): The config file.
            folder (Path): The work directory.
            options (list[str]): Further arguments for both tools.
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
