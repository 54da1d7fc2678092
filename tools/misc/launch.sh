# Sourced by tools/dist_*.sh and tools/slurm_*.sh.

# Usage: needs LEAST EXAMPLE [arguments]; with fewer arguments, or with --help, it prints
# the usage comment at the top of the script.
needs() {
    local least=$1 example=$2
    shift 2
    if [ $# -lt "$least" ] || [ "$1" = --help ]; then
        sed -n '2,/^[^#]/s/^# //p' "$0"
        echo "Example: $example"
        [ "${1:-}" = --help ] && exit 0 || exit 2
    fi
}

# Usage: processes N SCRIPT [arguments]
processes() {
    local tools rendezvous=(--standalone)
    tools=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    if [ -n "${PORT:-}" ] || [ "${NNODES:-1}" != 1 ]; then
        rendezvous=(--nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}"
                    --master_addr="${MASTER_ADDR:-127.0.0.1}"
                    --master_port="${PORT:-29500}")
    fi
    PYTHONPATH="$tools/..:${PYTHONPATH:-}" exec "${PYTHON:-python}" \
        -m mammo_plugins.engine.launch "${rendezvous[@]}" --nproc_per_node="$1" \
        "$tools/$2" "${@:3}"
}

# Usage: slurm PARTITION JOB_NAME SCRIPT [arguments]
slurm() {
    local partition=$1 job_name=$2 gpus=${GPUS:-8} tools
    local per_node=${GPUS_PER_NODE:-$((gpus < 8 ? gpus : 8))}
    tools=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    # jobs that share a node need different ports
    export MASTER_PORT=${PORT:-$((20000 + RANDOM % 20000))}
    # shellcheck disable=SC2086  # SRUN_ARGS holds several words
    PYTHONPATH="$tools/..:${PYTHONPATH:-}" exec srun -p "$partition" \
        --job-name="$job_name" --gres="gpu:$per_node" --ntasks="$gpus" \
        --ntasks-per-node="$per_node" --cpus-per-task="${CPUS_PER_TASK:-5}" \
        --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
        "${PYTHON:-python}" -u "$tools/$3" "${@:4}"
}
