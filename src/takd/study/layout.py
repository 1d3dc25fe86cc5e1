"""Where files lie. Nothing else spells a path below results/ or data/; the rules call the same with `NETWORK` as the name.

    data/prepared/{dataset}.safetensors
    {results}/models/{name}/model.safetensors, metrics.json
    {results}/soft_targets/{name}/{views}.safetensors
    {results}/surfaces/{name}.csv
    {results}/exports/{name}.onnx, .int8.onnx, .fp16.onnx; .md, a card of each; .json, its record; .latency.json
    {results}/{artifact}.csv, .md, .png, .svg; accuracy.csv, curves.csv, metrics.json, claims.csv, report.html
    {results}/made/{what}.json              the key and the digests of those
    {results}/resume/{name}.safetensors     a training under way
    {results}/logs/…                        what jobs said; neither DVC nor `takd verify` looks there
    {results}/variants/{variant}/…          the same again
    {results}/decided/{claim}.csv, .md; .json, their record: students until a claim is decided
    {results}/search/…                      the same again, without the images that a search's trials are judged on
    {results}/search/{dataset}/{family}/{chain}.csv, .md, .history.png, .importance.png, .yaml; .json, their record;
        .journal; {chain}/trial0/… its networks
    {results}/path/…                        the same again, without the images that decide which path is best
    {results}/best_path.csv, .md            that path

`results` is results/ for params.yaml, results/NAME for presets/NAME.yaml. A name is dataset/family/chain/seedN.
"""

NETWORK = "{dataset}/{family}/{chain}/seed{seed}"
SEARCHED = "{dataset}/{family}/{chain}"  # of what a search is
PREPARED = "data/prepared"
RAW = "data/raw"
VARIANTS = "/variants/"
LOOKS = ".takd/looks"  # that the networks of a look are there: said by one job to another, within a run
STEPS = ".takd/path"
UNKNOWN_KEY = "unknown"  # what a file says in the place of a key that can't be told yet
BEST_PATH = "best_path"  # what a search for a path comes to
KEYS = ".takd/keys"  # the keys that files should have, as the workflow was last read
RESERVED = (
    *("decided", "exports", "logs", "made", "models", "path", "published"),
    *("resume", "search", "soft_targets", "surfaces", "variants"),
)  # fmt: skip  # folders of params.yaml's own results, which no preset may be called


def prepared(dataset: object) -> str:
    """A prepared data set."""
    return f"{PREPARED}/{dataset}.safetensors"


def network_folder(results: object, name: object) -> str:
    """The folder of a trained network."""
    return f"{results}/models/{name}"


def model(results: object, name: object) -> str:
    """A trained network's weights."""
    return f"{network_folder(results, name)}/model.safetensors"


def metrics(results: object, name: object) -> str:
    """What a training measured."""
    return f"{network_folder(results, name)}/metrics.json"


def resume(results: object, name: object) -> str:
    """The state of a training under way."""
    return f"{results}/resume/{name}.safetensors"


def soft_targets(results: object, name: object, views: object) -> str:
    """A teacher's answers to the views of a name."""
    return f"{results}/soft_targets/{name}/{views}.safetensors"


def surface(results: object, name: object) -> str:
    """The loss around a trained network."""
    return f"{results}/surfaces/{name}.csv"


def export(results: object, name: object, kind: object, suffix: str) -> str:
    """A network as ONNX, or what lies beside it. kind: `.int8` or `.fp16`; empty in float32."""
    return f"{results}/exports/{name}{kind}.{suffix}"


def latency(results: object, name: object, kind: object) -> str:
    """How long an exported network took. kind: as `export` has it."""
    return export(results, name, kind, "latency.json")


def shown(results: object, artifact: object, suffix: str) -> str:
    """A table, a figure, or another file of results for people."""
    return f"{results}/{artifact}.{suffix}"


def made(results: object, what: object) -> str:
    """The record of what is shown: its key, and the digests of its files."""
    return f"{results}/made/{what}.json"


def search_folder(results: object) -> str:
    """The folder of results whose networks a search's trials learn from."""
    return f"{results}/search"


def searched_folder(results: str) -> str | None:
    """The folder of results whose search folder `results` is; None where it isn't one."""
    above = results.removesuffix("/search")
    return above if results == search_folder(above) else None


def search_result(results: object, network: str, suffix: str) -> str:
    """What a search for a network came to. network: dataset/family/chain."""
    return f"{search_folder(results)}/{network}.{suffix}"


def search_network(results: object, network: str, which: str) -> str:
    """The folder of a network that a search trained. network: dataset/family/chain. which: as in trial7, or seed3."""
    return f"{search_folder(results)}/{network}/{which}"


def decided(results: object, claim: object, suffix: str) -> str:
    """What became of a claim by adding students until it is decided."""
    return f"{results}/decided/{claim}.{suffix}"


def look(results: object, claim: object, students: object) -> str:
    """That a claim's networks are there for a look at so many students a chain."""
    return f"{LOOKS}/{results}/{claim}/{students}"


def path_folder(results: object) -> str:
    """The folder of results whose networks a search for the best path trains."""
    return f"{results}/path"


def path_step(results: object, step: object) -> str:
    """What says that a step of such a search was done in this run; nothing reads it but Snakemake."""
    return f"{STEPS}/{results}/{step}"


def log(results: object, what: object) -> str:
    """What a job said."""
    return f"{results}/logs/{what}.log"


def folder_of(results: str, variant: str) -> str:
    """The folder of a variant of those results; without one, theirs."""
    return f"{results}{VARIANTS}{variant}" if variant else results


def key_file(product: str) -> str:
    """The small file with the key that a product should have."""
    return f"{KEYS}/{product}/key"  # a folder each: Snakemake lists one once, before another file is written there
