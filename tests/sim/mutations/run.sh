#!/usr/bin/env bash
# Shows that the deterministic cluster test finds faults: each patch of this folder is a plausible slip in
# the code as it is. Applies one at a time in a copy of the tree, builds drover-sim there (ccache has most
# objects) and runs seeds 1, 2, 3 … until one breaks.
#   tests/sim/mutations/run.sh [--check] [NUMBER...]     all patches, or those whose name begins with NUMBER
#     --check   only whether each still applies
# A patch begins with what it does and two lines that are held to:
#   Caught by: the invariant whose checker must speak      Within: so many seeds
# Exit code 0: all were caught as stated. 1: one was not. 77: git is missing.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.." || exit
folder=tests/sim/mutations
hours=0.5
jobs=${JOBS:-$(nproc)}
check=
[[ ${1:-} != --check ]] || { check=1; shift; }
command -v git >/dev/null || { echo "run.sh: git is missing"; exit 77; }

patches=()
for patch in "$folder"/[0-9]*.patch; do
  name=$(basename "$patch" .patch)
  if (($# == 0)) || [[ " $* " == *" ${name%%-*} "* ]]; then
    patches+=("$patch")
  fi
done
((${#patches[@]})) || { echo "run.sh: no such patch"; exit 1; }

if [[ $check ]]; then
  failed=0
  for patch in "${patches[@]}"; do
    out=$(git apply --check -p1 "$patch" 2>&1) || { echo "$(basename "$patch") does not apply any more: $out"; failed=1; }
  done
  ((failed)) || echo "${#patches[@]} patches apply"
  exit $failed
fi

tree=$PWD/build/mutations/tree
# Files that did not change keep their times, so that little is built anew.
git ls-files -co --exclude-standard | while IFS= read -r file; do
  [[ -f $file ]] && ! cmp -s "$file" "$tree/$file" && install -D -m "$(stat -c %a "$file")" "$file" "$tree/$file"
done

build() {
  (cd "$tree" && cmake --preset release && cmake --build --preset release --target drover-sim -- -j"$jobs") >build/mutations/build.log 2>&1 ||
    { tail -n 20 build/mutations/build.log; return 1; }
}

failed=0
caught=0
for patch in "${patches[@]}"; do
  name=$(basename "$patch" .patch)
  want=$(sed -n 's/^Caught by: *//p' "$patch")
  within=$(sed -n 's/^Within: *\([0-9]*\).*/\1/p' "$patch")
  (cd "$tree" && GIT_DIR=/dev/null git apply -p1 "$OLDPWD/$patch") || { failed=1; continue; }
  if build; then
    out=build/mutations/$name.txt
    "$tree/build/release/bin/drover-sim" --seeds "1..$within" --hours "$hours" --jobs "$jobs" >"$out" 2>&1
    line=$(grep -m1 '^BROKEN' "$out")
    seed=$(sed -n 's/.*seed \([0-9]*\).*/\1/p' <<<"$line")
    by=$(sed -n 's/.*invariant \(.*\)$/\1/p' <<<"$line")
    if [[ $line && " ${by%% (*} " == *" $want "* ]]; then
      caught=$((caught + 1))
      printf '%-20s caught by %s, seeds needed: %s of %s\n' "$name" "$by" "$seed" "$within"
    else
      failed=1
      printf '%-20s NOT caught as stated (by %s within %s seeds): %s\n' "$name" "$want" "$within" "${line:-nothing broke}"
    fi
  else
    failed=1
    echo "$name does not build"
  fi
  (cd "$tree" && GIT_DIR=/dev/null git apply -R -p1 "$OLDPWD/$patch")
done
echo "$caught of ${#patches[@]} mutations caught"
exit $failed
