#!/usr/bin/env bash
# Evaluate on N GPUs of this machine, or with N processes if there are none.
# Usage: tools/dist_test.sh CONFIG CHECKPOINT N [options of tools/test.py]
# A free port is used unless PORT is set.
# Several machines: set NNODES, NODE_RANK, MASTER_ADDR and PORT.
set -euo pipefail
. "$(dirname "$0")/misc/launch.sh"
needs 3 'tools/dist_test.sh configs/baselines/faster-rcnn_hrnetv2p-w48_ddsm.py work_dirs/faster-rcnn_hrnetv2p-w48_ddsm/epoch_12.pth 8' "$@"
processes "$3" test.py "$1" "$2" --launcher pytorch "${@:4}"
