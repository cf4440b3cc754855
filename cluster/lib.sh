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
  -- "the tokenizer of XLM-R and BGE-M3" libsentencepiece-dev
  -- "finds these libraries for the build" pkg-config
)

# The manifest asks which libraries are there; SwiftPM's cache of its answer would outlive an installation.
swift_options=(--manifest-cache none)

# Open MPI's own switches for a container or a machine without a cluster around it.
if ((EUID == 0)); then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
# A seccomp filter may forbid one process to read another's memory, which shared-memory transport would try.
if grep -qs '^Seccomp:[[:space:]]*2' /proc/self/status; then
  export OMPI_MCA_btl_vader_single_copy_mechanism=${OMPI_MCA_btl_vader_single_copy_mechanism:-none}
fi

# The processors that this process may use, one for each physical core, in order: "0 2 4 6".
#
# A container's processor quota (cgroup 2) shortens the list: more threads than it pays for would only be throttled.
cores() {
  local allowed quota period limit
  allowed=" $(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status | tr ',' '\n' |
    while IFS=- read -r first last; do seq "$first" "${last:-$first}"; done | tr '\n' ' ')"
  limit=$(wc -w <<<"$allowed")
  if read -r quota period 2>/dev/null </sys/fs/cgroup/cpu.max && [[ $quota != max ]]; then
    quota=$(((quota + period - 1) / period))
    if ((quota < limit)); then limit=$quota; fi
  fi
  { lscpu -p=CPU,CORE,SOCKET 2>/dev/null || for cpu in $allowed; do echo "$cpu,$cpu,0"; done; } |
    awk -F, -v allowed="$allowed" -v limit="$limit" '
      /^#/ || !index(allowed, " " $1 " ") || seen[$2, $3]++ || count == limit { next }
      { printf "%s%s", count++ ? " " : "", $1 }'
}

# Chooses `rank_count` and `rank_processors` ("0,1 2,3": one word a rank) so that all cores work.
#
# Up to eight ranks of equal threads; fewer where each would have less than 2 GB of memory.
plan_ranks() {
  local all memory rank from to
  read -r -a all <<<"$(cores)"
  rank_count=$((${#all[@]} < 8 ? ${#all[@]} : 8))
  if ((rank_count == 0)); then rank_count=1 rank_processors=; return; fi
  memory=$(awk '/^MemAvailable:/ { print int($2 / 2097152) }' /proc/meminfo)
  if ((rank_count > memory)); then rank_count=$((memory > 1 ? memory : 1)); fi
  rank_processors=
  for ((rank = 0; rank < rank_count; rank++)); do
    from=$((rank * ${#all[@]} / rank_count)) to=$(((rank + 1) * ${#all[@]} / rank_count))
    rank_processors+=" $(IFS=,; echo "${all[*]:from:to - from}")"
  done
  rank_processors=${rank_processors# }
  # Where the kernel refuses to pin a process, ranks go unpinned.
  taskset -c "${rank_processors##* }" true 2>/dev/null || rank_processors=
}

# on_all_cores COMMAND…: one rank for each word of `rank_processors`, on those processors.
#
# Not Open MPI's binding: it fails in some containers and looks past this process's own processors.
on_all_cores() {
  # shellcheck disable=SC2016 # the ranks expand it
  local pinned='processors=($RANK_PROCESSORS); exec taskset -c "${processors[OMPI_COMM_WORLD_LOCAL_RANK]}" "$@"'
  if [[ -n $rank_processors ]]; then set -- bash -c "$pinned" colbert "$@"; fi
  RANK_PROCESSORS=$rank_processors attend mpirun -n "$rank_count" --bind-to none --oversubscribe "$@"
}
