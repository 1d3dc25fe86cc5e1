#!/usr/bin/env bash
# End the Slurm that up.sh FOLDER started, and its jobs. What it wrote stays in FOLDER.
set -euo pipefail
folder=$1
export PATH=$PATH:/usr/sbin SLURM_CONF=$folder/slurm.conf
scancel --user="$(id -un)" 2> /dev/null || true
for daemon in slurmd slurmctld munged; do
  if [ -s "$folder/$daemon.pid" ]; then
    pid=$(cat "$folder/$daemon.pid")
    kill "$pid" 2> /dev/null || continue
    for _ in $(seq 20); do # its last files are written by then
      [ -e "$folder/$daemon.pid" ] || break
      sleep 0.5
    done
  fi
done
