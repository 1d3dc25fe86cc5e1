#!/usr/bin/env bash
# The toy Table 2 through a real Slurm on this machine: tests/slurm/run.sh [FOLDER]. Needs Debian's slurm-wlm and munge, and takd[slurm].
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(mkdir -p "${1:-$(mktemp -d)}" && cd "${1:-$_}" && pwd)
