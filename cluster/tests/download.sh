#!/usr/bin/env bash
# colbert download and names of models in the cache, with the real binary, which COLBERT names, against a server that
# behaves like the Hugging Face Hub with its faults (fake-hub.py).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
colbert=$(realpath "${COLBERT:-.build/debug/colbert}")
fixtures=$PWD/Tests/Fixtures
folder=$(mktemp -d -t colbert-download-test.XXXXXX)
hub=
trap '[[ -z $hub ]] || kill "$hub" 2>/dev/null || :; rm -rf "$folder"' EXIT

wrong() { echo "error: $1" && tail -n 30 "$folder"/*.log && exit 1; }

# -- The Hub, with a model in PyLate's layout and things beside it that nobody needs for a ColBERT, and a small model

tiny=$folder/models/tiny
mkdir "$folder/models"
cp -r "$fixtures/tiny-pylate" "$tiny"
cp -r "$fixtures/tiny-bert" "$folder/models/small"
mkdir -p "$tiny"/{onnx,imgs}
cp "$tiny/model.safetensors" "$tiny/pytorch_model.bin"
echo graph >"$tiny/onnx/model.onnx"
echo picture >"$tiny/imgs/it's 1+1 ä.jpg"
requests=$folder/requests.log
python3 cluster/tests/fake-hub.py "$folder/models" "$requests" >"$folder/address" 2>"$folder/hub.log" &
hub=$!
until [[ -s $folder/address ]]; do kill -0 "$hub" 2>/dev/null || wrong "no server" && sleep 0.02; done
commit=5617a9f61b028005a4858fdac845db406aefb181

unset HF_HUB_CACHE HF_HUB_OFFLINE HF_TOKEN_PATH HUGGINGFACE_HUB_CACHE HUGGING_FACE_HUB_TOKEN http_proxy HTTP_PROXY
export HF_HOME=$folder/hf HF_TOKEN='' HF_ENDPOINT no_proxy=127.0.0.1
HF_ENDPOINT=$(<"$folder/address")

# snapshot ORG: where the model of that name is to be.
snapshot() { echo "$HF_HOME/hub/models--$1--model/snapshots/$commit"; }

# download STATUS ORG [OPTION…]: leaves ORG.log, and ORG.out of what it printed.
download() {
  local status=0
  "$colbert" download "$2/model" "${@:3}" >"$folder/$2.out" 2>"$folder/$2.log" || status=$?
  ((status == $1)) || wrong "$2: status $status instead of $1"
}

# fetched ORG [MODEL]: MODEL, or the small one, is all there, and its folder is what was printed.
fetched() {
  [[ $(<"$folder/$1.out") == "$(snapshot "$1")" ]] || wrong "$1: printed another folder"
  diff -r -x onnx -x imgs -x pytorch_model.bin "$folder/models/${2:-small}" "$(snapshot "$1")" || wrong "$1: other files"
  [[ $(cat "$HF_HOME/hub/models--$1--model/refs/main") == "$commit" ]] || wrong "$1: no reference"
  ! compgen -G "$HF_HOME/hub/models--$1--model/blobs/*.incomplete" >/dev/null || wrong "$1: left an incomplete file"
}

says() { grep -qE -- "$2" "$folder/$1.log" || wrong "$1: does not say '$2'"; }

# asked PATTERN: how many requests were of that kind.
asked() { grep -cE -- "$1" "$requests" || :; }

# -- As it should be: layout, selection, token, a second time, options

download 0 tiny
fetched tiny tiny
says tiny "commit $commit, 10 files"
says tiny "left out: 3 files"
says tiny "^fetched .*1_Dense/model.safetensors"
(cd "$(snapshot tiny)" && [[ ! -e onnx && ! -e pytorch_model.bin ]]) || wrong "tiny: fetched too much"
[[ $(readlink "$(snapshot tiny)/1_Dense/config.json") == ../../../blobs/$(git hash-object "$tiny/1_Dense/config.json") ]] ||
  wrong "tiny: the link of a small file"
[[ $(readlink "$(snapshot tiny)/model.safetensors") == ../../blobs/$(sha256sum <"$tiny/model.safetensors" | cut -d' ' -f1) ]] ||
  wrong "tiny: the link of a large file"

before=$(asked .)
HF_TOKEN=hf_right download 0 tiny
fetched tiny tiny
says tiny "all of it is in the cache"
(($(asked .) == before + 1)) || wrong "tiny: a second time makes other requests than for the list of files"

download 0 tiny --include 'img*' --include nothing --revision refs/pr/1
cmp "$tiny/imgs/it's 1+1 ä.jpg" "$(snapshot tiny)/imgs/it's 1+1 ä.jpg" || wrong "tiny: --include"
says tiny "warning: --include nothing"
[[ -e $HF_HOME/hub/models--tiny--model/refs/refs/pr/1 ]] || wrong "tiny: no reference of another revision"
HF_ENDPOINT=http://127.0.0.1:1 HF_HUB_OFFLINE=1 download 0 tiny
fetched tiny tiny
HF_HUB_OFFLINE=1 download 64 absent
says absent "HF_HUB_OFFLINE is set, and absent/model is not in the cache"

# -- With a token: to the Hub's own host, through its redirections, and to no other; nor into the list of processes

mkdir -p "$HF_HOME" && echo hf_right >"$HF_HOME/token"
download 0 private
fetched private
download 64 private --revision v9
says private "has no revision v9"
download 0 moved
fetched moved
(($(asked '^hub /private/.* token ') == 3)) || wrong "private: no token"
(($(asked '^store /(private|plain)/.* - 200') == 2)) || wrong "private: nothing from the store"
(($(asked '^store .* token ') == 0)) || wrong "the store was shown the token"
rm "$HF_HOME/token"

HF_TOKEN=hf_right "$colbert" download slow/model >"$folder/slow.out" 2>"$folder/slow.log" &
first=$!
blobs=$HF_HOME/hub/models--slow--model/blobs
until compgen -G "$blobs/*.incomplete" >/dev/null; do kill -0 "$first" || wrong "slow: ended early" && sleep 0.02; done
! grep -ls hf_right /proc/[0-9]*/cmdline || wrong "the token is in the list of processes"
# Killed, it is gone on with; two at once fetch each file once.
until [[ -n $(find "$blobs" -name '*.incomplete' -size +60k) ]]; do kill -0 "$first" || wrong "slow: too fast" && sleep 0.02; done
kill -KILL "$first" && wait "$first" 2>/dev/null || :
"$colbert" download slow/model >"$folder/slow2.out" 2>"$folder/slow2.log" &
download 0 slow
wait $! || wrong "slow: the second of two failed"
fetched slow
cmp "$folder/slow.out" "$folder/slow2.out" || wrong "slow: two folders"
grep -qs "another process fetches it" "$folder"/slow*.log || wrong "slow: nobody waited"
(($(asked '^store /slow/model.safetensors.* 206') == 1)) || wrong "slow: not gone on with, or twice"

# -- Faults that pass

jobs=()
for fault in cut norange damaged busy; do
  download 0 "$fault" &
  jobs+=($!)
done
for job in "${jobs[@]}"; do wait "$job" || exit 1; done # it has said why
fetched cut
(($(asked '^store /cut/model.safetensors[^ ]* 50000 - 206') == 1)) || wrong "cut: not gone on where it broke"
fetched norange
(($(asked '^store /norange/model.safetensors') >= 3)) || wrong "norange: not begun anew"
fetched damaged
says damaged "warning: model.safetensors: damaged, and removed: its SHA-256 is .*, the Hub says .*; fetching it once more"
says damaged "warning: vocab.txt: damaged, and removed: its git SHA-1 is"
fetched busy
says busy "warning: busy/model: HTTP 503; again in 0.5 s"

# -- Faults that do not

download 65 rotten
says rotten "error: .*damaged twice on its way, and removed"
[[ -z $(find "$HF_HOME/hub/models--rotten--model" -size +99k) ]] || wrong "rotten: kept the damaged file"
[[ ! -e $HF_HOME/hub/models--rotten--model/refs/main ]] || wrong "rotten: has a reference"
download 64 private --include 'x*'
says private "error: .*HTTP 401.*Check the spelling.*HF_TOKEN"
HF_TOKEN=hf_wrong download 64 private
says private "error: .*does not know the token"
download 64 gated
says gated "error: .*HTTP 403.*accept the model's terms on $HF_ENDPOINT/gated/model"
download 64 absent
says absent "error: .*no such model or revision \(HTTP 404\); check the spelling"
download 70 escaping
says escaping "a file is named \.\./\.\./"
[[ -z $(find "$folder" -name escaped) ]] || wrong "escaping: wrote outside of the cache"
PATH=$folder download 70 tiny
says tiny "there is no curl on the PATH.*apt-get install curl"

# -- A name in the cache is a model: the commit is in config.yaml, and the same for all ranks

cat >"$folder/task.yaml" <<TEXT
model: {path: tiny/model}
data: {train: [$fixtures/pylate-train.jsonl], negatives_per_query: 1}
batch: {queries: 4}
run: {directory: $folder/run, steps: 1}
TEXT
if ((EUID == 0)); then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
# Only rank 0 has the environment that says where the cache is, as on many a cluster.
cache=$HF_HOME
unset HF_HOME
mpirun --oversubscribe --bind-to none -n 1 env HF_HOME="$cache" "$colbert" train "$folder/task.yaml" : \
  -n 1 "$colbert" train "$folder/task.yaml" >"$folder/train.log" 2>&1 || wrong "train: status $?"
export HF_HOME=$cache
grep -q "path: \"tiny/model@$commit\"" "$folder/run/config.yaml" || wrong "train: another model.path in config.yaml"
"$colbert" train "$folder/run/config.yaml" --set "run.directory=$folder/run" >"$folder/again.log" 2>&1 ||
  wrong "its own config.yaml does not go on with a run"
status=0
"$colbert" train "$folder/task.yaml" --set model.path=tiny/other >"$folder/other.log" 2>&1 || status=$?
((status == 64)) || wrong "a model that is nowhere: status $status instead of 64"
says other "error: .*model.path: there is no folder tiny/other in .*, and no model tiny/other in the Hugging Face cache $HF_HOME/hub;.*: colbert download tiny/other"
