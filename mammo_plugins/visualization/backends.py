"""MMEngine's backends without loss or unintended publication of data."""

import logging
import os
import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.visualization import vis_backend as theirs

from mammo_plugins.registry import VISBACKENDS

_MOST_PARAMS = 100  # per call, the limit of MLflow's servers
_NO_NAME = re.compile(r'[^\w./ -]')  # characters that MLflow does not allow in names


@VISBACKENDS.register_module()
class MLflowVisBackend(theirs.MLflowVisBackend):
    """MMEngine's MLflow backend with settings and metrics that MLflow always accepts.

    Names that MLflow rejects, such as ``recall@0.5``, are written as ``recall_at_0.5``;
    because of a single one, MMEngine would drop all metrics of a validation. Pictures
    of all steps are kept. Files of the work dir are only uploaded on request. The
    environment variable ``MLFLOW_TRACKING_URI`` is used if ``tracking_uri`` is not
    given. Without both, MLflow's files are in the work dir.

    Args:
        save_dir (str): As in MMEngine's.
        artifact_suffix (str | tuple[str]): Suffixes of the files in the work dir to
            upload at the end of the run. Note that logs may contain names of image
            files. Defaults to (), none.
        **kwargs: As in MMEngine's.
    """

    def __init__(
        self, save_dir: str, artifact_suffix: str | tuple[str, ...] = (), **kwargs
    ) -> None:
        kwargs.setdefault('tracking_uri', os.environ.get('MLFLOW_TRACKING_URI'))
        super().__init__(save_dir, artifact_suffix=artifact_suffix, **kwargs)

    def _init_env(self) -> None:
        # MLflow 3 has no other store that works without a database
        os.environ.setdefault('MLFLOW_ALLOW_FILE_STORE', 'true')
        super()._init_env()

    def add_config(self, config: Config, **kwargs) -> None:
        """Record the config as parameters and as a file."""
        self.cfg = config
        keys = self._tracked_config_keys or list(config)
        whole = config.to_dict()
        params = [(_allowed(name), value) for name, value in _flat(whole, keys)]
        for start in range(0, len(params), _MOST_PARAMS):
            self.experiment.log_params(dict(params[start : start + _MOST_PARAMS]))
        self.experiment.log_text(config.pretty_text, 'config.py')

    def add_image(self, name: str, image: np.ndarray, step: int = 0, **kwargs) -> None:
        """Record a picture as ``<name>/<step>.png``."""
        super().add_image(f'{name}/{step:06d}.png', image, step, **kwargs)

    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs) -> None:
        """Record a number."""
        self.add_scalars({name: value}, step)

    def add_scalars(
        self,
        scalar_dict: dict[str, Any],
        step: int = 0,
        file_path: str | None = None,
        **kwargs,
    ) -> None:
        """Record numbers; other values are left out, with a warning."""
        numbers, others = {}, []
        for name, value in scalar_dict.items():
            try:
                numbers[_allowed(name)] = float(value)
            except (TypeError, ValueError):
                others.append(name)
        if others:
            print_log(
                f'MLflow takes numbers alone; not logged: {", ".join(others)}',
                'current',
                logging.WARNING,
            )
        super().add_scalars(numbers, step, file_path, **kwargs)


def _flat(part: Any, keys: Iterable, before: str = '') -> Iterator[tuple[str, Any]]:
    """Yield (dotted setting, value) of a config, with lists of components expanded."""
    for key in keys:
        value, name = part[key], f'{before}{key}'
        if isinstance(value, dict):
            yield from _flat(value, value, f'{name}.')
        elif isinstance(value, (list, tuple)) and any(
            isinstance(item, (dict, list, tuple)) for item in value
        ):
            yield from _flat(value, range(len(value)), f'{name}.')
        else:
            yield name, value


def _allowed(name: str) -> str:
    return _NO_NAME.sub('_', name.replace('@', '_at_'))


@VISBACKENDS.register_module()
class WandbVisBackend(theirs.WandbVisBackend):
    """MMEngine's backend that uploads code and console output only on request.

    Pictures are logged with the metrics of their validation, not as separate steps.

    Args:
        save_dir (str): As in MMEngine's.
        log_code_name (str, optional): Name under which all Python files below the
            current folder are uploaded. Defaults to ``None``: no upload.
        **kwargs: As in MMEngine's. ``init_kwargs=dict(settings=...)`` can enable upload
            of the console, which may contain names of image files.
    """

    def _init_env(self) -> None:
        self._init_kwargs = dict(
            dict(settings=dict(console='off', save_code=False)),
            **(self._init_kwargs or {}),
        )
        super()._init_env()

    def add_config(self, config: Config, **kwargs) -> None:
        """Record the config."""
        if self._log_code_name is not None:
            super().add_config(config, **kwargs)
            return
        self.experiment.config.update(
            config.to_dict(),
            allow_val_change=(self._init_kwargs or {}).get('allow_val_change', False),
        )

    def add_image(self, name: str, image: np.ndarray, step: int = 0, **kwargs) -> None:
        """Record a picture together with the next numbers."""
        shown = self.experiment.Image(image, caption=f'{name}, step {step}')
        self.experiment.log({name: shown}, commit=False)
