#!/usr/bin/env bash
# Evaluate on N GPUs of this machine, or with N processes where there are none.
# Usage: tools/dist_test.sh CONFIG CHECKPOINT N [options of tools/test.py]
# Several machines: set NNODES, NODE_RANK, MASTER_ADDR and PORT.
set -euo pipefail
if [ $# -lt 3 ] || [ "$1" = --help ]; then
    sed -n '2,4s/^# //p' "$0"
    echo 'Example: tools/dist_test.sh configs/baselines/faster-rcnn_hrnetv2p-w48_ddsm.py work_dirs/faster-rcnn_hrnetv2p-w48_ddsm/epoch_12.pth 8'
    [ "${1:-}" = --help ] && exit 0 || exit 2
fi
CONFIG=$1
CHECKPOINT=$2
N=$3
TOOLS=$(cd "$(dirname "$0")" && pwd)
PYTHONPATH="$TOOLS/..:${PYTHONPATH:-}" exec "${PYTHON:-python}" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
    --nproc_per_node="$N" \
    "$TOOLS/test.py" "$CONFIG" "$CHECKPOINT" --launcher pytorch "${@:4}"
