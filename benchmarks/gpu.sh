#!/bin/sh
# All that a GPU is asked which is lent for minutes, in one call that ends by itself:
#   benchmarks/gpu.sh FOLDER [SECONDS] [PART …]
# runs the tests that need a GPU, then the parts of benchmarks/gpu.py (all, if none is named), and leaves FOLDER/gpu.tar:
# tests.log, gpu.json, gpu.md, bench.log. SECONDS, 540 unless given, are for all of it. With TESTS=no the tests are left out.
# What isn't installed, takd's own metadata among it, may lie in a folder that PYTHONPATH names.
# Without a GPU: DEVICE=cpu tries the script itself.
set -u
cd "$(dirname "$0")/.." || exit 1
out=$1
seconds=${2:-540}
device=${DEVICE:-cuda}
[ $# -gt 2 ] && shift 2 || shift $#
began=$(date +%s)
mkdir -p "$out/gpu"
export PYTHONPATH="$PWD/src${PYTHONPATH:+:$PYTHONPATH}" TAKD_TEST_DEVICE="$device"

if [ "${TESTS:-yes}" = yes ]; then
    timeout -s INT -k 10 "$((seconds * 2 / 5))" python3 -m pytest -m gpu tests/gpu -q -W default --durations=5 -p no:cacheprovider >"$out/gpu/tests.log" 2>&1
    echo "tests ended with $?: $(tail -1 "$out/gpu/tests.log")"
fi

[ -f benchmarks/gpu.json ] && [ $# -gt 0 ] && cp benchmarks/gpu.json "$out/gpu/"
parts=$(for part in "$@"; do printf ' --only %s' "$part"; done)
left=$((seconds - 60 - $(date +%s) + began)) # what is measured last may take a minute
# shellcheck disable=SC2086
timeout -s INT -k 10 "$((left + 50))" python3 -m benchmarks.gpu --device "$device" --seconds "$left" --output "$out/gpu/gpu.json" $parts >"$out/gpu/bench.log" 2>&1
echo "benchmarks ended with $?"
tail -40 "$out/gpu/bench.log"
tar -cf "$out/gpu.tar" -C "$out/gpu" .
