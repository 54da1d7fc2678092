#!/usr/bin/env bash
# Train on N GPUs of this machine, or with N processes if there are none.
# Usage: tools/dist_train.sh CONFIG N [options of tools/train.py]
# A free port is used unless PORT is set.
# Several machines: set NNODES, NODE_RANK, MASTER_ADDR and PORT.
set -euo pipefail
. "$(dirname "$0")/misc/launch.sh"
needs 2 'tools/dist_train.sh configs/baselines/faster-rcnn_hrnetv2p-w48_ddsm.py 8' "$@"
processes "$2" train.py "$1" --launcher pytorch "${@:3}"
