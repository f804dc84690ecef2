#!/bin/bash
# Independent processes on one folder of results: submit, and leave.
#
#     sbatch --array=1-16 --time=4:00:00 experiments/cluster/array.sh SPEC.toml OUT
#
# Every task computes cells that no other task holds, until all are there; nothing coordinates them but the
# folder, which all machines must see under the same path. A minute before its time is over a task lets go of
# its cell, whose last snapshot stays, and queues itself again. The same command again computes what is missing.
# For GPUs add --gpus-per-task=1. Options of `jaxstack run` may follow OUT.
#SBATCH --job-name=jaxstack
#SBATCH --cpus-per-task=1
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@60
set -u
spec=$1 out=$2
export JAX_NUM_CPU_DEVICES=${JAX_NUM_CPU_DEVICES:-$SLURM_CPUS_PER_TASK}

jaxstack run "$spec" --out "$out" "${@:3}" &
job=$!
again() {
  kill -TERM "$job"
  wait "$job"
  scontrol requeue "$SLURM_JOB_ID"
}
trap again USR1
wait "$job"
