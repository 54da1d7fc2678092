"""Evaluation protocols: functions on arrays and the registered metrics.

``functional`` is numpy alone; ``metrics`` wraps it for MMEngine's evaluator.
"""
from .metrics import *  # noqa: F401,F403
from .named_evaluator import NamedEvaluator, metrics_of  # noqa: F401
