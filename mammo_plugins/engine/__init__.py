"""Code around MMEngine's runner: checkpoints, hooks, launching."""
