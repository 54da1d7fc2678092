"""One line that mmdet and mmpretrain print at import, and need not."""

import functools
import logging
from typing import Any

_LINE = 'Could not import OneDL'


def silence_onedl_notice() -> None:
    """Drop the line 'Could not import OneDL ...'; every other one is printed.

    The forks of mmdet and mmpretrain offer data sets of a service, OneDL, whose client
    hardly anybody has installed. They note its absence at DEBUG level, through
    ``print_log`` without a logger, which prints whatever the level. What
    ``mmengine.logging.print_log`` does is replaced for this line alone, at this level
    alone. Calling this again changes nothing.
    """
    # not above: it is imported with the guard of optional packages in place
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
