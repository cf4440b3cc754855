#!/usr/bin/env bash
# cluster/train with the real binary, which COLBERT names: statuses come through, a signal stops well, a killed rank
# is followed by a restart; the model is that of an undisturbed run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
folder=$(mktemp -d -t colbert-train-test.XXXXXX)
trap 'rm -rf "$folder"' EXIT

cat >"$folder/task.yaml" <<TEXT
model: {path: Tests/Fixtures/tiny-bert, dimension: 16, dropout: 0.1}
data: {train: [Tests/Fixtures/tiny-bert-train.jsonl], negatives_per_query: 1}
batch: {queries: 4}
run: {steps: 600, checkpoint_every: 20}
TEXT

wrong() { echo "error: $1" && tail -n 30 "$folder"/*.log && exit 1; }

# start NAME [OPTION…]: leaves `job`.
start() {
  cluster/train "$folder/task.yaml" --ranks 2 "${@:2}" -- --set "run.directory=$folder/$1" >>"$folder/$1.log" 2>&1 &
  job=$!
}

ends_with() {
  local status=0
  wait "$job" || status=$?
  ((status == $2)) || wrong "$1: status $status instead of $2"
}

until_checkpoint() {
  local end=$((SECONDS + 120))
  until compgen -G "$folder/$1/checkpoints/step-*/manifest.json" >/dev/null; do
    ((SECONDS <= end)) || wrong "$1: no checkpoint"
    sleep 0.1
  done
}

same_model() {
  cmp "$folder/undisturbed/model/model.safetensors" "$folder/$1/model/model.safetensors" || wrong "$1: another model"
}

# A rank of the run: its program is the binary, whichever of its paths it was started by, and it has the run's folder.
rank_of() {
  local process
  for process in $(pgrep -f "run.directory=$folder/$1"); do
    if [[ /proc/$process/exe -ef $COLBERT ]]; then echo "$process" && return; fi
  done
  return 1
}

cluster/train "$folder/task.yaml" --ranks 2 --dry-run | grep -q 'mpirun -n 2 ' || wrong "dry run: no command"

# -- The undisturbed run

start undisturbed
ends_with undisturbed 0

# -- A configuration that is wrong is said once, and not tried again

status=0
cluster/train "$folder/task.yaml" --restarts 1 -- --set run.stesp=3 >"$folder/bad.log" 2>&1 || status=$?
((status == 64)) || wrong "a wrong key: status $status instead of 64"
[[ $(grep -c 'did you mean run.steps' "$folder/bad.log") == 1 ]] || wrong "a wrong key was not said once"

# -- TERM: a checkpoint, status 75, and on with the same command

start stopped
until_checkpoint stopped
kill -TERM "$job"
ends_with stopped 75
start stopped
ends_with stopped 0
grep -q '^continuing' "$folder/stopped.log" || wrong "stopped: began anew"
same_model stopped

# -- A killed rank

start killed --restarts 1
until_checkpoint killed
rank=$(rank_of killed) || wrong "killed: no rank to kill"
kill -KILL "$rank"
ends_with killed 0
grep -qE '^train: rank [01] on .* signal 9.*; restart 1 of 1' "$folder/killed.log" || wrong "killed: no word of it"
grep -q '^continuing' "$folder/killed.log" || wrong "killed: began anew"
same_model killed
