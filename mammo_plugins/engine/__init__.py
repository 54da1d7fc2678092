"""What touches MMEngine's runner: checkpoints, hooks, launching."""
