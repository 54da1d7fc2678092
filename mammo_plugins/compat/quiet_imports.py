"""Suppress one needless line that mmdet and mmpretrain print at import."""

import functools
import logging
from typing import Any

_LINE = 'Could not import OneDL'


def silence_onedl_notice() -> None:
    """Drop the line 'Could not import OneDL ...'; all other lines are printed.

    The forks of mmdet and mmpretrain offer data sets of a service, OneDL, whose client
    is rarely installed. They report its absence at DEBUG level, through
    ``print_log`` without a logger, which prints regardless of the level.
    ``mmengine.logging.print_log`` is replaced only for this line at this level.
    Repeated calls change nothing.
    """
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
