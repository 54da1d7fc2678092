"""Evaluation protocols: functions on arrays and the registered metrics.

``functional`` needs only numpy; ``metrics`` wraps it for MMEngine's evaluator.
"""
