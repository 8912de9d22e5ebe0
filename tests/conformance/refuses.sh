#!/usr/bin/env bash
# What drover-conformance says about files that it cannot use, and its exit codes: refuses.sh PROGRAM
set -euo pipefail
program=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
faults=0

# expect EXIT_CODE PATTERN FILE: both streams together must match the pattern.
expect() {
  local code=0 out
  out=$("$program" "$3" 2>&1) || code=$?
  if [[ $code != "$1" ]] || ! grep -qE "$2" <<<"$out"; then
    echo "$(basename "$3"): exit code $code, expected $1 and /$2/ in: $out"
    faults=1
  fi
}

file() { cat >"$dir/$1"; }

file family.json <<<'{"schema_version": 1, "family": "vpa", "cases": []}'
file kind.json <<<'{"schema_version": 1, "family": "kpa", "cases": [{"id": "a", "kind": "guess", "input": {}, "expected": {}}]}'
file syntax.json <<<'{"schema_version": 1,'
file type.json <<<'{"schema_version": 1, "family": "kpa", "cases": [{"id": "a", "kind": "max_window", "input": {"window_s": "5"}, "expected": {}}]}'
file wrong.json <<<'{"schema_version": 1, "family": "kpa", "cases": [{"id": "a", "kind": "max_window", "input": {"window_s": 5, "granularity_s": 1, "records": [{"t_s": 0, "value": 9223372036854775807}]}, "expected": {"current": 9223372036854775806}}]}'

expect 2 'absent.json: cannot be read' "$dir/absent.json"
expect 2 'family.json: family: "vpa" is unknown; write' "$dir/family.json"
expect 2 'kind.json: cases\[0\].kind: "guess" is unknown; write' "$dir/kind.json"
expect 2 'syntax.json: is no JSON: .*line 2' "$dir/syntax.json"
expect 2 'type.json: cases\[0\].input.window_s: is "5"; write a number' "$dir/type.json"
expect 1 '^FAILED kpa a: current 9223372036854775807, expected 9223372036854775806$' "$dir/wrong.json"
exit $faults
