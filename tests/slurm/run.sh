#!/usr/bin/env bash
# The toy Table 2 through a real Slurm of this machine (up.sh), then a training that is preempted: make test-slurm.
#
# It works in a copy of the project, in a folder of its own, which is removed where all went well.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap '"$here/down.sh" "$folder/slurm"; echo "failed; all that was written is in $folder" >&2' EXIT
mkdir "$folder/project"
cd "$here/../.."
PATH=$(dirname "$(command -v snakemake)"):$PATH
cp -r Snakefile params.yaml presets profiles paper workflow src "$folder/project"
"$here/up.sh" "$folder/slurm"
. "$folder/slurm/environment"
cd "$folder/project"
export PYTHONPATH=$PWD/src

# A cluster with an accounting database needs none of these but the resources.
send() {
  snakemake --profile profiles/slurm --slurm-no-account --slurm-status-command squeue --slurm-init-seconds-before-status-checks 3 \
    --seconds-between-status-checks 3 --latency-wait 10 --default-resources runtime=5 mem_mb=500 "$@"
}
fail() {
  echo "$1" >&2
  exit 1
}

takd plan results/toy/table2.csv | tail -n 1
send -- results/toy/table2.csv > table.log 2>&1 || { tail -n 40 table.log; fail "the table wasn't made"; }
cat results/toy/table2.md
takd verify results/toy/table2.csv
# First teacher; its answers, three assistants and a student; the assistants' answers and their students; the table.
sent=$(grep -c 'has been submitted with SLURM jobid' table.log)
[ "$sent" -le 8 ] || fail "15 jobs were $sent submissions"
[ -z "$(find .takd/keys -type f -cnewer data/prepared/digits.log)" ] || fail "a job wrote or dated a key"

# Preempted after its first epochs: it goes on from there.
network=digits/plain/2/seed0
log=results/toy/logs/train/$network.log
send --set-resources train:gpu=1 --config 'train={epochs: 40}' -- "results/toy/models/$network/metrics.json" > requeued.log 2>&1 &
running=$!
for _ in $(seq 120); do
  grep -qs '^epoch [3-9]/' "$log" && break
  sleep 0.5
done
job=$(squeue --noheader --format=%i)
scontrol requeue "$job"
until [ "$(squeue --noheader --format=%T)" = PENDING ]; do
  sleep 0.5
done
scontrol update "jobid=$job" StartTime=now # else Slurm waits for two minutes
wait "$running" || { tail -n 40 requeued.log; fail "the training that was preempted didn't end"; }
! grep -q '^epoch 1/' "$log" || fail "the training that was preempted began again"

trap - EXIT
"$here/down.sh" "$folder/slurm"
rm -rf "$folder"
echo "Slurm: as it should be"
