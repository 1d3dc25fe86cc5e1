#!/usr/bin/env bash
# End the Slurm that up.sh FOLDER started, and its jobs. What it wrote stays in FOLDER.
set -euo pipefail
folder=$1
export PATH=$PATH:/usr/sbin SLURM_CONF=$folder/slurm.conf
scancel --user="$(id -un)" 2> /dev/null || true
for daemon in slurmd slurmctld munged; do
  if [ -s "$folder/$daemon.pid" ]; then
    kill "$(cat "$folder/$daemon.pid")" 2> /dev/null || true
  fi
done
