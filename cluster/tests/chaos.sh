#!/usr/bin/env bash
# Kills a rank of a run at random instants, also inside saves, and lets it go on each time. In the end the model, the
# metrics and the last checkpoint must be those of an undisturbed run, bit for bit. COLBERT names the binary.
#
#   cluster/tests/chaos.sh [KILLS]      default: 12, half a minute; the long form: 60
#
# CHAOS_SEED=N repeats a choice of instants; how far the run has come by then, no one can repeat.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
fixtures=$PWD/Tests/Fixtures
colbert=$(realpath "${COLBERT:-.build/debug/colbert}")
kills=${1:-12} ranks=2
seed=${CHAOS_SEED:-$RANDOM}
RANDOM=$seed
steps=$((60 * kills + 200)) # more than the kills leave time for
folder=$(mktemp -d -t colbert-chaos.XXXXXX)
job=
trap '[[ -z $job ]] || kill -TERM "$job" 2>/dev/null || :; rm -rf "$folder"' EXIT

# The same number of threads on every machine: it is part of what makes two runs the same bits. mpirun gives the ranks
# that are left no time: a host that loses its power does not either.
export COLBERT_THREADS=1 OMPI_MCA_odls_base_sigkill_timeout=0
if ((EUID == 0)); then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi

wrong() { echo "error: $1 (CHAOS_SEED=$seed)" && tail -n 30 "$folder"/*.log && exit 1; }
echo "CHAOS_SEED=$seed"

# start NAME: a run in the folder NAME; leaves `job`.
start() {
  cat >"$folder/$1.yaml" <<TEXT
model: {path: $fixtures/tiny-bert, dimension: 16, dropout: 0.1}
data: {train: [$fixtures/tiny-bert-train.jsonl], negatives_per_query: 1}
batch: {queries: 4}
optimizer: {learning_rate: 1e-6, schedule: constant}
run: {directory: run, steps: $steps, checkpoint_every: 1}
TEXT
  mkdir -p "$folder/$1"
  (cd "$folder/$1" && exec mpirun -n "$ranks" --oversubscribe --bind-to none "$colbert" train "../$1.yaml") \
    >"$folder/$1.log" 2>&1 </dev/null &
  job=$!
}

# Whether the job goes on; one that has ended and is not waited for yet is a zombie.
is_running() { [[ -e /proc/$job/stat && $(cut -d' ' -f3 "/proc/$job/stat" 2>/dev/null) != Z ]]; }

# The ranks that are alive, if they are: what mpirun has started.
ranks_alive() {
  local child state
  for child in $(cat /proc/"$job"/task/*/children 2>/dev/null); do
    state=$(sed 's/.*) //; s/ .*//' "/proc/$child/stat" 2>/dev/null) || continue
    if [[ $state != Z ]]; then echo "$child"; fi
  done
}

# await SECONDS: leaves the job's `status`. Whatever was done to it, it must end by then. Open MPI 4.1's mpirun may lock
# itself up (in PMIx_server_finalize) when all its ranks are gone: that is counted, and no fault of theirs.
await() {
  local end=$((SECONDS + $1))
  while is_running; do
    if ((SECONDS > end)); then
      [[ -z $(ranks_alive) ]] || wrong "the ranks go on after $1 s"
      kill -KILL "$job" && stuck=$((stuck + 1))
      break
    fi
    sleep 0.02
  done
  status=0
  wait "$job" 2>/dev/null || status=$?
  job=
}

# The newest finished checkpoint's step, 0 without one.
newest() {
  local file step last=0
  for file in "$folder/disturbed/run/checkpoints"/step-*/manifest.json; do
    file=${file%/manifest.json} step=${file##*/step-}
    if [[ $step != '*' ]] && ((step > last)); then last=$step; fi
  done
  echo "$last"
}

# Whether a checkpoint was begun and not finished: the kill fell inside a save, or inside the removal of an old one.
is_half_saved() {
  local path
  for path in "$folder/disturbed/run/checkpoints"/step-*; do
    if [[ -d $path && ! -e $path/manifest.json ]]; then return 0; fi
  done
  return 1
}

# Waits until the job has made some steps, or for a while that may end before the first, and then kills a rank.
disturb() {
  local last=$1 children milliseconds
  if ((RANDOM % 5 == 0)); then
    milliseconds=$((RANDOM % 500))
  else
    local goal=$((last + 1 + RANDOM % 4))
    while is_running && (($(newest) < goal)); do sleep 0.01; done
    milliseconds=$((RANDOM % 60))
  fi
  sleep "$(printf '%d.%03d' $((milliseconds / 1000)) $((milliseconds % 1000)))"
  children=()
  while ((${#children[@]} == 0)); do
    is_running || return 1
    read -r -a children <<<"$(ranks_alive | tr '\n' ' ')" || :
  done
  kill -KILL "${children[RANDOM % ${#children[@]}]}" 2>/dev/null
}

stuck=0
start undisturbed
await 600
((status == 0)) || wrong "the undisturbed run ended with status $status"

killed=0 half_saved=0 before_steps=0
while ((killed < kills)); do
  last=$(newest)
  start disturbed
  hit=yes
  disturb "$last" || hit=
  await 10
  if ((last > 0)) && grep -q '^error' "$folder/disturbed.log"; then wrong "a resumed run complained"; fi
  if ((status == 0)); then wrong "the run was over after $killed kills"; fi
  # 128 and the signal; a process that mpirun had not made a rank yet is no rank of its, and it says 1.
  if [[ -z $hit ]] || ((status != 137 && status != 1)); then wrong "status $status after a kill"; fi
  now=$(newest)
  ((now >= last)) || wrong "the checkpoint of step $last is lost, the newest is that of $now"
  killed=$((killed + 1))
  if ((now == last)); then before_steps=$((before_steps + 1)); fi
  if is_half_saved; then half_saved=$((half_saved + 1)); fi
done
last=$(newest)
start disturbed
await 600
((status == 0)) || wrong "the last run ended with status $status"
((last == 0)) || grep -q "^continuing after step $last from " "$folder/disturbed.log" ||
  wrong "it did not go on from step $last"

# metrics NAME: its lines without what a clock says.
metrics() { sed -E 's/"(queries|tokens)_per_second":[^,}]*//g; s/"seconds":[{][^}]*[}]//' "$folder/$1/run/metrics.jsonl"; }

diff -r "$folder"/{undisturbed,disturbed}/run/model || wrong "another model"
diff -r "$folder"/{undisturbed,disturbed}/run/checkpoints/step-"$steps" || wrong "another last checkpoint"
diff <(metrics undisturbed) <(metrics disturbed) || wrong "other metrics"
(cd "$folder/disturbed" && "$colbert" checkpoint verify run >"$folder/verify.log" 2>&1) || wrong "a damaged checkpoint"
echo "$killed kills of $ranks ranks, $half_saved inside a save or a removal, $before_steps before a new checkpoint;\
 $steps steps, the same bits as undisturbed$( ((stuck == 0)) || echo "; mpirun locked itself up $stuck times")"
