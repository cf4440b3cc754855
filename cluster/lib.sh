# What the scripts of this folder share: messages, packages, the build, and how ranks are started on one machine.
# A script sets `script` to its own name and sources this; the working directory becomes the project's folder.

cd "$(dirname "${BASH_SOURCE[0]}")/.."
export LC_ALL=C.UTF-8
exec {messages}>&2  # a signal may come while standard error is a log

say() { printf '%s: %s\n' "$script" "$*"; }

# fail STATUS MESSAGE: the last line of a script that cannot go on.
fail() {
  printf '%s: %s\n' "$script" "$2" >&"$messages"
  trap - EXIT
  exit "$1"
}

# elapsed SECONDS: a duration as people say it.
elapsed() {
  if (($1 < 120)); then printf '%d s' "$1"; else printf '%d min' "$((($1 + 30) / 60))"; fi
}

# Runs a command without standard input and waits such that a signal to the script reaches it at once.
child=
attend() {
  local status=0
  "$@" </dev/null &
  child=$!
  wait "$child" || status=$?
  child=
  return "$status"
}

# on_signal STATUS MESSAGE: ends the command that `attend` waits for, then the script.
on_signal() {
  if [[ -n $child ]]; then { kill -TERM "$child" && wait "$child"; } 2>/dev/null || child=; fi
  fail "$1" "$2"
}

# quietly LOG COMMAND…: the command's output goes to LOG, whose end is shown if the command fails.
quietly() {
  local log=$1 status=0
  shift
  mkdir -p "$(dirname "$log")"
  "$@" >"$log" 2>&1 || status=$?
  if ((status != 0)); then
    printf '%s\n' "--- the last lines of $log:" >&2
    tail -n 40 "$log" >&2
  fi
  return "$status"
}

need_swift() {
  command -v swift >/dev/null || fail 69 "Swift 6.3 or newer is needed and there is no 'swift' on the PATH;\
 https://www.swift.org/install/linux/ says how to get it. Then run this again."
}

is_installed() { [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

# need_packages REASON PACKAGE… [-- REASON PACKAGE…]…
#
# Installs what is missing with apt and says what and why; silent when everything is there.
need_packages() {
  local reason="" argument packages=() wanted=()
  for argument; do
    if [[ $argument == -- ]]; then
      reason=
    elif [[ -z $reason ]]; then
      reason=$argument
    elif ! is_installed "$argument"; then
      packages+=("$argument")
      wanted+=("$argument ($reason)")
    fi
  done
  ((${#packages[@]} > 0)) || return 0

  local list log=.build/apt.log root=()
  list=$(printf ', %s' "${wanted[@]}")
  list=${list:2}
  command -v apt-get >/dev/null || fail 69 "no apt here: install what Debian calls $list, then run this again."
  if ((EUID != 0)); then
    command -v sudo >/dev/null || fail 69 "missing: $list. Neither root nor sudo here:\
 ask an administrator for 'apt-get install ${packages[*]}', then run this again."
    root=(sudo)
  fi
  say "installing with apt${root[0]:+ through sudo}: $list"
  if ((EUID != 0)); then sudo -v || fail 77 "sudo refused; it is for 'apt-get install ${packages[*]}'."; fi
  # A list that cannot be fetched is no reason to stop: the packages may well come from another.
  quietly "$log" attend "${root[@]}" apt-get update || say "apt-get update failed; trying all the same"
  quietly "$log" attend "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install --yes --no-install-recommends "${packages[@]}" ||
    fail 69 "apt could not install ${packages[*]} (see $log)."
}

# What the build and every run need, as `need_packages` wants it.
build_packages=(
  "message passing between ranks" libopenmpi-dev openmpi-bin
  -- "matrix products" libopenblas-dev
  -- "matrix products with AVX-512" libdnnl-dev
  -- "the tokenizer of XLM-R and BGE-M3" libsentencepiece-dev
  -- "finds these libraries for the build" pkg-config
  -- "fetches models from the Hugging Face Hub" curl ca-certificates
)

# The manifest asks which libraries are there; SwiftPM's cache of its answer would outlive an installation.
swift_options=(--manifest-cache none)

# What `colbert --version` will say that the build was made of; nothing outside a git checkout.
COLBERT_COMMIT=$(git describe --always --dirty 2>/dev/null) || COLBERT_COMMIT=
export COLBERT_COMMIT

# Open MPI's own switches for a container or a machine without a cluster around it.
if ((EUID == 0)); then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
# A seccomp filter may forbid one process to read another's memory, which shared-memory transport would try.
if grep -qs '^Seccomp:[[:space:]]*2' /proc/self/status; then
  export OMPI_MCA_btl_vader_single_copy_mechanism=${OMPI_MCA_btl_vader_single_copy_mechanism:-none}
fi

# The cores that this process may use, one line each in the order of NUMA domains: "PROCESSOR NODE SOCKET". Of a core's
# hardware threads the first stands for it. Without the machine's word on NUMA, a socket is a domain.
#
# A container's processor quota (cgroup 2) shortens the list: more threads than it pays for would only be throttled.
topology() {
  local allowed quota period limit
  allowed=" $(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status | tr ',' '\n' |
    while IFS=- read -r first last; do seq "$first" "${last:-$first}"; done | tr '\n' ' ')"
  limit=$(wc -w <<<"$allowed")
  if read -r quota period 2>/dev/null </sys/fs/cgroup/cpu.max && [[ $quota != max ]]; then
    quota=$(((quota + period - 1) / period))
    if ((quota < limit)); then limit=$quota; fi
  fi
  { lscpu -p=CPU,CORE,SOCKET,NODE 2>/dev/null || for cpu in $allowed; do echo "$cpu,$cpu,0,"; done; } |
    awk -F, -v allowed="$allowed" '
      /^#/ || !index(allowed, " " $1 " ") || seen[$2, $3]++ { next }
      { print $1, ($4 == "" ? $3 : $4), $3 }' |
    sort -k2,2n -k3,3n -k1,1n | awk -v limit="$limit" 'NR <= limit'
}

# The first column of that: "0 2 4 6".
cores() { topology | awk '{ printf "%s%s", (NR > 1 ? " " : ""), $1 }'; }

# share RANK COUNT CORE…: the cores of one of COUNT ranks, "0,1". Equal shares, never an empty one.
share() {
  local rank=$1 count=$2 all=("${@:3}") from to
  from=$((rank * ${#all[@]} / count)) to=$(((rank + 1) * ${#all[@]} / count))
  (IFS=,; echo "${all[*]:from:to > from ? to - from : 1}")
}

# shares COUNT CORE…: those of all ranks, for people: "0-3 4-7".
shares() {
  local rank
  for ((rank = 0; rank < $1; rank++)); do share "$rank" "$@"; done | awk -F, '{
    printf "%s", (NR > 1 ? " " : "")
    for (i = first = 1; i <= NF; i++) {
      if (i < NF && $(i + 1) == $i + 1) continue
      printf "%s%s", (first > 1 ? "," : ""), $first
      if (i > first) printf "-%s", $i
      first = i + 1
    }
  }'
}

# Chooses `rank_count` so that all cores work: up to eight ranks; fewer where each would have less than 2 GB of memory.
plan_ranks() {
  local memory
  rank_count=$(cores | wc -w)
  if ((rank_count > 8)); then rank_count=8; fi
  memory=$(awk '/^MemAvailable:/ { print int($2 / 2097152) }' /proc/meminfo)
  if ((rank_count > memory)); then rank_count=$memory; fi
  if ((rank_count < 1)); then rank_count=1; fi
}

# on_all_cores COMMAND…: `rank_count` ranks on this machine, each on its share of the cores.
on_all_cores() { attend mpirun -n "$rank_count" --bind-to none --oversubscribe cluster/rank "$@"; }
