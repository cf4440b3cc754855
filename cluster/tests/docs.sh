#!/usr/bin/env bash
# Builds the pages of Sources/colbert/colbert.docc, a warning being an error, and holds them to the sources: every file
# they name is there, and every message that the troubleshooting page explains is one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

catalogue=Sources/colbert/colbert.docc
failures=0
problem() { printf 'problem: %s\n' "$1"; failures=$((failures + 1)); }

# docc comes with Swift's toolchain, beside the compiler or behind a link to it.
docc=$(command -v docc || echo "$(dirname "$(realpath "$(command -v swift)")")/docc")
"$docc" convert "$catalogue" --fallback-display-name colbert --fallback-bundle-identifier colbert \
  --warnings-as-errors --output-path .build/colbert.doccarchive

while IFS=: read -r page path; do
  [[ -e $path ]] || problem "$page names $path, which is not there"
done < <(grep -oE '\b(Sources|Tests|cluster|configs)/[A-Za-z0-9_+./-]*[A-Za-z0-9_]' README.md "$catalogue"/*.md)

while IFS= read -r message; do
  grep -rqF --include='*.swift' -- "$message" Sources || grep -qF -- "$message" cluster/train ||
    problem "no source says: $message"
done < <(sed -n '/^## Building/q; /^### `/p' "$catalogue/Troubleshooting.md" | grep -oE '`[^`]+`' | tr -d '`')

# Told twice, here and in the README: the same figures.
for figure in $(sed -n '/^ndcg@10/,/^recall@100/p' README.md | awk '{ print $2, $3 }'); do
  grep -qF "$figure" "$catalogue/FirstRun.md" || problem "the README's $figure is not in FirstRun.md"
done

exit $((failures > 0))
