#!/bin/bash
# All hosts of a job play each cell together: for cells too large, or too long, for one machine.
#
#     sbatch --nodes=4 --time=4:00:00 experiments/cluster/multihost.sh SPEC.toml OUT
#
# One process per node by default; for GPUs add --ntasks-per-node=4 --gpus-per-task=1. JAX asks Slurm who is
# who. A cell is written when it is finished and has no snapshots: ask for the time of the longest cell.
#SBATCH --job-name=jaxstack
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=1
set -u
export JAX_NUM_CPU_DEVICES=${JAX_NUM_CPU_DEVICES:-$SLURM_CPUS_PER_TASK}

srun --cpus-per-task="$SLURM_CPUS_PER_TASK" --kill-on-bad-exit jaxstack run "$1" --out "$2" --multihost "${@:3}"
