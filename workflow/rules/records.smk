# What lies in results/ without Snakemake's record of how it was made: what was computed from networks is refused, and they
# themselves; a table that came with git stays.

import os
import subprocess
from base64 import urlsafe_b64encode

# Without a record, a file that is there is taken for what params.yaml says now.
# Of a file that an interrupted job may have left, Snakemake says that in the second folder, and makes it anew.
RECORDS = (Path(".snakemake/metadata"), Path(".snakemake/incomplete"))


def has_record(path):
    name = urlsafe_b64encode(str(path).encode()).decode()
    *folders, last = (name[start : start + 254] for start in range(0, len(name), 254))  # as Snakemake parts what is too long
    return any(records.joinpath(*(f"@{part}" for part in folders), last).exists() for records in RECORDS)


def changed_since_commit(folder):
    """The files in git that differ from what git has; none outside of a checkout."""
    try:
        ran = subprocess.run(["git", "ls-files", "--modified", "--", folder], capture_output=True, text=True)
    except OSError:
        return []
    return [Path(line) for line in ran.stdout.splitlines()]


for kind in ("models/**/model.safetensors", "soft_targets/**/*.safetensors", "surfaces/**/*.csv"):
    for path in Path("results").glob(f"**/{kind}"):
        if not has_record(path):
            mistake(
                f"{path} is there, but not Snakemake's record of the recipe that made it (.snakemake/metadata): "
                "it could be taken for what params.yaml says now. Get the record (dvc pull), or move it away."
            )
# git gives each file the time at which it wrote it: of results that came with the repository, some would be older than what they
# are made from, and all networks be trained for that. As they have no record, they get the time of the oldest; what was changed
# since keeps its own, so that what is made from it is made anew.
changed = changed_since_commit("results")
there = [path for results in FOLDERS for path in Path(results).glob("*.*") if path.is_file()]
committed = [path for path in there if not has_record(path) and path not in changed]
oldest = min((path.stat().st_mtime for path in committed), default=0)
for path in committed:
    if path.stat().st_mtime > oldest:
        os.utime(path, (oldest, oldest))

if workflow.is_main_process:
    named = [argument for argument in sys.argv[1:] if argument.startswith("results/")]
    stay = [path for path in named or reported(CHOSEN) if Path(path).is_file() and not has_record(path)]
    if named:
        options = f"{as_typed(typed)} -- " if typed else ""
        for path in stay:
            print(
                f"takd: {path} came with the repository; snakemake --cores 4 --force {options}{path} makes it anew", file=sys.stderr
            )
    elif stay:
        print(
            f"takd: {len(stay)} of {len(reported(CHOSEN))} files that are reported came with the repository and stay as they are, whatever "
            "the parameters say now; --forcerun accuracy collect curves draw_surfaces makes them anew",
            file=sys.stderr,
        )
