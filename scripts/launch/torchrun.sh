#!/bin/sh
# One process per GPU of this machine, each with a copy of the model: torchrun.sh RECIPE OUT [OPTIONS]
set -eu
recipe=$1
out=$2
shift 2
exec torchrun --standalone --nproc-per-node="${NUM_GPUS:-gpu}" --no-python lineament train "$recipe" --out "$out" "$@"
