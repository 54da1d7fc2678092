#!/usr/bin/env bash
# Predict the exams of an index under Slurm, one array task with one GPU per part.
# Usage: [GPUS=8] [CPUS_PER_TASK=5] [SBATCH_ARGS=...] tools/slurm_infer.sh
#     PARTITION JOB_NAME CONFIG CHECKPOINT INDEX OUT [options of tools/infer.py]
# Part I is written to OUT/part_I. Submit the job again to resume. Join the parts with
#     mammo merge OUT/part_* --index INDEX --out OUT/all
set -euo pipefail
. "$(dirname "$0")/misc/launch.sh"
needs 6 'GPUS=8 tools/slurm_infer.sh gpu archive configs/baselines/faster-rcnn_hrnetv2p-w48_ddsm.py work_dirs/faster-rcnn_hrnetv2p-w48_ddsm/epoch_12.pth exams.jsonl results --figures none' "$@"
tools=$(cd "$(dirname "$0")" && pwd)
parts=${GPUS:-8}
mkdir -p "$6"
words=("${PYTHON:-python}" -u "$tools/infer.py" "$3" "$4" --index "$5"
    --num-parts "$parts" --out "$6/part_" "${@:7}")
# each word is quoted for the shell; the part number is that of the array task
line=$(printf '%q ' "${words[@]}")
line=${line/"$(printf '%q' "$6/part_")"/"$(printf '%q' "$6/part_")\$SLURM_ARRAY_TASK_ID --part-id \$SLURM_ARRAY_TASK_ID"}
# shellcheck disable=SC2086  # SBATCH_ARGS holds several words
PYTHONPATH="$tools/..:${PYTHONPATH:-}" exec sbatch -p "$1" --job-name="$2" \
    --array="0-$((parts - 1))" --gres=gpu:1 --cpus-per-task="${CPUS_PER_TASK:-5}" \
    --requeue --open-mode=append --output="$6/part_%a.log" ${SBATCH_ARGS:-} \
    --wrap="$line"
