"""Suppress two needless lines that mmdet and mmpretrain print at import."""

import functools
import logging
import warnings
from typing import Any

_LINE = 'Could not import OneDL'


def silence_import_notices() -> None:
    """Drop two notices about absent packages; all other lines are printed.

    - 'Could not import OneDL ...': the forks of mmdet and mmpretrain offer data sets of
      a service, OneDL, whose client is rarely installed. They report its absence at
      DEBUG level, through ``print_log`` without a logger, which prints regardless of
      the level. ``mmengine.logging.print_log`` is replaced only for this line at this
      level.
    - 'faster_coco_eval is not installed ...': mmdet warns so whenever its metrics are
      imported, even if no config uses its ``FasterCocoMetric``.

    Repeated calls change nothing.
    """
    warnings.filterwarnings(
        'ignore',
        'faster_coco_eval is not installed',
        UserWarning,
        r'mmdet\.evaluation\.metrics\.faster_coco_metric$',
    )
    # not at the top: must be imported with the guard of optional packages in place
    from mmengine import logging as mmengine_logging

    inner = mmengine_logging.print_log
    if getattr(inner, 'silences_onedl', False):
        return

    @functools.wraps(inner)
    def print_log(msg: Any, logger: Any = None, level: int = logging.INFO) -> None:
        if not (
            logger is None and level == logging.DEBUG and str(msg).startswith(_LINE)
        ):
            inner(msg, logger, level)

    print_log.silences_onedl = True
    mmengine_logging.print_log = print_log
