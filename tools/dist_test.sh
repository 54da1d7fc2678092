#!/usr/bin/env bash
# Evaluate on N GPUs of this machine, or with N processes where there are none.
# Usage: tools/dist_test.sh CONFIG CHECKPOINT N [options of tools/test.py]
# A free port is taken unless PORT says one.
# Several machines: set NNODES, NODE_RANK, MASTER_ADDR and PORT.
set -euo pipefail
if [ $# -lt 3 ] || [ "$1" = --help ]; then
    sed -n '2,5s/^# //p' "$0"
    echo 'Example: tools/dist_test.sh configs/baselines/faster-rcnn_hrnetv2p-w48_ddsm.py work_dirs/faster-rcnn_hrnetv2p-w48_ddsm/epoch_12.pth 8'
    [ "${1:-}" = --help ] && exit 0 || exit 2
fi
CONFIG=$1
CHECKPOINT=$2
N=$3
TOOLS=$(cd "$(dirname "$0")" && pwd)
RENDEZVOUS=(--standalone)
if [ -n "${PORT:-}" ] || [ "${NNODES:-1}" != 1 ]; then
    RENDEZVOUS=(--nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}"
                --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}")
fi
PYTHONPATH="$TOOLS/..:${PYTHONPATH:-}" exec "${PYTHON:-python}" \
    -m mammo_plugins.engine.launch "${RENDEZVOUS[@]}" \
    --nproc_per_node="$N" \
    "$TOOLS/test.py" "$CONFIG" "$CHECKPOINT" --launcher pytorch "${@:4}"
