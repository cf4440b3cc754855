#!/usr/bin/env bash
# What Open MPI itself counts on the wire for a training step, with either exchange plan, held against the least that a
# step has to send: trained parameters × 2(N−1)/N, and what the plan's texts and scores come to. Within 5%.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
folder=$(mktemp -d -t colbert-wire-test.XXXXXX)
trap 'rm -rf "$folder"' EXIT
if ((EUID == 0)); then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi

# Without the word table: of it only touched rows travel, so many as the texts have.
cat >"$folder/task.yaml" <<TEXT
model: {path: Tests/Fixtures/tiny-pylate, dropout: 0, train: {top: 2}}
data: {train: [Tests/Fixtures/pylate-train.jsonl], negatives_per_query: 2, shuffle: false}
batch: {queries: 12}
run: {checkpoint_every: 1000}
TEXT

wrong() { echo "error: $1" && tail -n 30 "$folder"/*.log && exit 1; }

# sent RANKS PLAN STEPS: the bytes that all ranks together have sent in a run, by Open MPI's monitoring layer.
sent() {
  local name=$1-$2-$3
  mpirun -n "$1" --oversubscribe --bind-to none \
    --mca pml_monitoring_enable 1 --mca pml_monitoring_enable_output 3 --mca pml_monitoring_filename "$folder/$name" \
    "$COLBERT" train "$folder/task.yaml" --set "negatives.gather=$2" --set "run.steps=$3" \
    --set "run.directory=$folder/run-$name" >"$folder/$name.log" 2>&1 || wrong "$name: status $?"
  awk '/^[EI]\t/ { sum += $4 } END { print sum + 0 }' "$folder/$name".*.prof
}

for plan in documents queries; do
  for ranks in 2 3; do
    # Two runs' difference leaves out how a run begins and ends.
    few=$(sent "$ranks" "$plan" 4) many=$(sent "$ranks" "$plan" 24)
    log=$folder/$ranks-$plan-24.log
    parameters=$(sed -n 's/.*parameters: \([0-9]*\) trained.*/\1/p' "$log")
    exchanged=$(sed -n "s/.*exchange: $plan, \([0-9.]*\) MB.*/\1/p" "$log")
    awk -v few="$few" -v many="$many" -v ranks="$ranks" -v parameters="$parameters" -v exchanged="$exchanged" \
      -v plan="$plan" 'BEGIN {
        step = (many - few) / 20 / ranks
        least = 4 * parameters * 2 * (ranks - 1) / ranks + 1e6 * exchanged
        printf "%s, %d ranks: %d bytes a rank and step, %.3f of the least (%d)\n", plan, ranks, step, step / least, least
        exit !(exchanged > 0 && parameters > 0 && step > 0.98 * least && step < 1.05 * least)
      }' || wrong "$plan, $ranks ranks: more than 5% above the least, or less than the least"
  done
done
