#!/bin/sh
# Starts a command in the container of the service: passwords come from files, and a Ray cluster is joined first.
set -eu

if [ -n "${SPARSEARCH_DATABASE_PASSWORD_FILE:-}" ]; then
    # in the environment of this container alone; the URL of the database stays free of it
    PGPASSWORD="$(cat "$SPARSEARCH_DATABASE_PASSWORD_FILE")"
    export PGPASSWORD
fi

if [ -n "${RAY_ADDRESS:-}" ]; then
    # whoever submits work needs a node of the cluster beside it; this one evaluates nothing itself
    ray start --address="$RAY_ADDRESS" --num-cpus=0 --num-gpus=0 --disable-usage-stats
fi

exec "$@"
