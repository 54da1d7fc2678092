#!/usr/bin/env bash
# Train under Slurm. docs/how_to/slurm.md has a job that requeues and resumes by itself.
# Usage: [GPUS=8] [GPUS_PER_NODE=8] [CPUS_PER_TASK=5] [SRUN_ARGS=...]
#     [PORT=...] tools/slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR [options of tools/train.py]
set -euo pipefail
. "$(dirname "$0")/misc/launch.sh"
needs 4 'GPUS=16 tools/slurm_train.sh gpu mass configs/baselines/faster-rcnn_hrnetv2p-w48_ddsm.py work_dirs/mass' "$@"
slurm "$1" "$2" train.py "$3" --work-dir "$4" --launcher slurm "${@:5}"
