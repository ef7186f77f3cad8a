#!/usr/bin/env bash
# All tests, as `make test` runs them: in two processes beside each other.
#
# Tests of faults wait for the clocks of servers, of systemd and of the daemon most of the time, and nearly all have servers
# of their own. They run beside the others, which need the processors. Their output comes when the others are done; then
# everything that this machine had to skip.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# Live tests that wait, as their names begin.
readonly WAITING=(canary:: faults:: systemd::a_ systemd::the_ told:: health::a_)
readonly THREADS=4

fail() { printf 'suite.sh: %s\n' "$@" >&2; exit 1; }

output=$(mktemp -d)
waiting=''
trap '[[ -z $waiting ]] || kill "$waiting" 2>/dev/null || true; rm -rf "$output"' EXIT

run() { cargo test --locked --features failpoints "$@"; }

run --no-run
live=$(run --test live --no-run 2>&1 | sed -n 's/^ *Executable .*(\(.*\))$/\1/p')
[[ -x $live ]] || fail "cargo does not say where the live tests are."

# What the others leave out must be what is run beside them, and no more.
count() { grep -c ': test$' || true; }
all=$(run --quiet -- --list "${WAITING[@]}" 2>/dev/null | count)
[[ $all -gt 0 && $all == $("$live" --list "${WAITING[@]}" | count) ]] ||
    fail "a test that is not a live one has a name like those of WAITING: choose other beginnings."

"$live" --test-threads="$THREADS" "${WAITING[@]}" >"$output/waiting" 2>&1 &
waiting=$!
skips=()
for part in "${WAITING[@]}"; do skips+=(--skip "$part"); done
status=0
run --no-fail-fast -- "${skips[@]}" 2>&1 | tee "$output/others" || status=$?
wait "$waiting" || status=$?
waiting=''
cat "$output/waiting"
grep -ho 'skipped: .*' "$output/others" "$output/waiting" >"$output/skipped" || true
printf '\nsuite: %s skipped on this machine\n' "$(wc -l <"$output/skipped")"
cat "$output/skipped"
exit "$status"
