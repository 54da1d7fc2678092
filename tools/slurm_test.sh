#!/usr/bin/env bash
# Evaluate under Slurm.
# Usage: [GPUS=8] [GPUS_PER_NODE=8] [CPUS_PER_TASK=5] [SRUN_ARGS=...]
#     [PORT=...] tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [options of tools/test.py]
set -euo pipefail
. "$(dirname "$0")/misc/launch.sh"
needs 4 'GPUS=8 tools/slurm_test.sh gpu mass configs/baselines/faster-rcnn_hrnetv2p-w48_ddsm.py work_dirs/faster-rcnn_hrnetv2p-w48_ddsm/epoch_12.pth' "$@"
slurm "$1" "$2" test.py "$3" "$4" --launcher slurm "${@:5}"
