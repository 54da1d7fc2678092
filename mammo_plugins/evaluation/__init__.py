"""Evaluation protocols: functions on arrays and the registered metrics.

``functional`` is numpy alone; ``metrics`` wraps it for MMEngine's evaluator.
"""
