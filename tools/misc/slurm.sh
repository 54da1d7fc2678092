# Sourced by tools/slurm_train.sh and tools/slurm_test.sh.

# Usage: slurm PARTITION JOB_NAME SCRIPT [arguments]
slurm() {
    local partition=$1 job_name=$2 gpus=${GPUS:-8} tools
    local per_node=${GPUS_PER_NODE:-$((gpus < 8 ? gpus : 8))}
    tools=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    # jobs that share a node need a port each
    export MASTER_PORT=${PORT:-$((20000 + RANDOM % 20000))}
    # shellcheck disable=SC2086  # SRUN_ARGS holds several words
    PYTHONPATH="$tools/..:${PYTHONPATH:-}" exec srun -p "$partition" \
        --job-name="$job_name" --gres="gpu:$per_node" --ntasks="$gpus" \
        --ntasks-per-node="$per_node" --cpus-per-task="${CPUS_PER_TASK:-5}" \
        --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
        "${PYTHON:-python}" -u "$tools/$3" "${@:4}"
}
