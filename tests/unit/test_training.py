import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from takd import soft_targets
from takd.chain import Network
from takd.checkpoint import Progress, save_network
from takd.data import prepared
from takd.data.prepared import PreparedData, Split
from takd.data.views import Normalisation, Views, shuffled
from takd.device import used_precision
from takd.errors import DivergenceError
from takd.inference import frozen, share_correct, top1_accuracy
from takd.recipe import Recipe
from takd.soft_targets import SoftTargets
from takd.training import Epoch, Trained, chosen_images, initialised, learning_rate, objective, train
from tests.conftest import mutual, recipe, taught

STUDENT = Network.parse("digits/plain/4-2/seed3")
MUTUAL = Network.parse("digits/resnet/14-8+mutual/seed0")
CPU = torch.device("cpu")


@pytest.fixture
def data(digits: Path) -> PreparedData:
    """A few of the digits: 300 to train on, 60 to test."""
    whole = prepared.load(digits)
    return replace(
        whole,
        train=Split(whole.train.images[:300], whole.train.labels[:300]),
        test=Split(whole.test.images[:60], whole.test.labels[:60]),
    )


def weights(trained: Trained) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in trained.network.state_dict().items()}


def of_each_epoch(data: PreparedData) -> SoftTargets:
    """Made-up soft targets of three epochs' views."""
    logits = torch.randn(3, len(data.train), 10, generator=torch.Generator().manual_seed(0)).half()
    return SoftTargets(logits, STUDENT.teacher(), teacher_digest="")


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_network_learns(digits: Path) -> None:
    trained = train(Network.parse("digits/plain/4/seed0"), recipe(), prepared.load(digits), None, device=CPU)
    assert [epoch.epoch for epoch in trained.history] == [1, 2]
    assert trained.history[-1].accuracy > 90  # chance is 10 %
    assert trained.history[1].loss < min(trained.history[0].loss, math.log(10))


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
@pytest.mark.parametrize(("name", "augmentation"), [("digits/plain/4/seed0", "none"), ("digits/resnet/8/seed0", "crop_flip")])
def test_the_same_training_ends_in_the_same_bits(data: PreparedData, name: str, augmentation: str, precision: str) -> None:
    network, how = Network.parse(name), recipe(augmentation=augmentation, precision=precision)
    first = train(network, how, data, None, device=CPU)
    torch.rand(5)  # the state of torch's own generator doesn't matter
    second = train(network, how, data, None, device=CPU)
    assert same(weights(first), weights(second))
    other_seed = train(replace(network, seed=1), how, data, None, device=CPU)
    assert not same(weights(first), weights(other_seed))


@pytest.mark.parametrize("interrupted_after", [1, 2])
@pytest.mark.parametrize(
    ("network", "how"),
    [
        (Network.parse("digits/resnet/8/seed0"), recipe(epochs=3, augmentation="crop_flip")),
        # after the separate epoch, and after the first one together
        (MUTUAL, mutual(epochs=2, separate_epochs=1, augmentation="crop_flip")),
        (STUDENT, taught(epochs=3, augmentation="crop_flip")),
    ],
)
def test_an_interrupted_training_ends_in_the_same_bits(
    data: PreparedData, tmp_path: Path, network: Network, how: Recipe, interrupted_after: int
) -> None:
    targets = of_each_epoch(data) if network.is_distilled else None
    whole = train(network, how, data, targets, device=CPU)

    class Stop(Exception): ...

    def stop(epoch: Epoch) -> None:
        if epoch.epoch == interrupted_after:
            raise Stop

    progress = Progress(tmp_path / "resume.safetensors", key="this training")
    with pytest.raises(Stop):
        train(network, how, data, targets, device=CPU, progress=progress, on_epoch=stop)
    epochs_run: list[int] = []
    resumed = train(
        network, how, data, targets, device=CPU, progress=progress, on_epoch=lambda epoch: epochs_run.append(epoch.epoch)
    )
    assert epochs_run == list(range(interrupted_after + 1, 4))
    assert same(weights(whole), weights(resumed))
    assert [replace(e, seconds=0) for e in whole.history] == [replace(e, seconds=0) for e in resumed.history]


def test_a_training_without_momentum_goes_on_too(data: PreparedData, tmp_path: Path) -> None:
    network, how = Network.parse("digits/plain/2/seed0"), recipe(momentum=0, nesterov=False)
    whole = train(network, how, data, None, device=CPU)

    def stop(epoch: Epoch) -> None:
        raise KeyboardInterrupt

    progress = Progress(tmp_path / "resume.safetensors", key="this training")
    with pytest.raises(KeyboardInterrupt):
        train(network, how, data, None, device=CPU, progress=progress, on_epoch=stop)
    assert same(weights(whole), weights(train(network, how, data, None, device=CPU, progress=progress)))


def test_the_state_of_another_training_is_not_taken(data: PreparedData, tmp_path: Path) -> None:
    network, path = Network.parse("digits/plain/2/seed0"), tmp_path / "resume.safetensors"
    train(network, recipe(), data, None, device=CPU, progress=Progress(path, key="one"))
    epochs_run: list[Epoch] = []
    train(network, recipe(), data, None, device=CPU, progress=Progress(path, key="other"), on_epoch=epochs_run.append)
    assert len(epochs_run) == 2
    path.write_bytes(path.read_bytes()[:100])
    train(network, recipe(), data, None, device=CPU, progress=Progress(path, key="other"), on_epoch=epochs_run.append)
    assert len(epochs_run) == 4


def test_methods_start_from_the_same_weights() -> None:
    alone, student = (initialised(Network.parse(f"digits/plain/{chain}/seed3"), 10) for chain in ("2", "10-4-2"))
    other = initialised(Network.parse("digits/plain/2/seed4"), 10)
    assert same(alone.state_dict(), student.state_dict())
    assert not same(alone.state_dict(), other.state_dict())


def teach(data: PreparedData, folder: Path) -> soft_targets.SoftTargets:
    teacher = STUDENT.teacher()
    trained = train(teacher, recipe(epochs=12), data, None, device=CPU)
    metadata = {"network": str(teacher), "classes": 10, "data_digest": data.digest, "recipe": recipe().model_dump()}
    save_network(folder / "teacher.safetensors", trained.network, metadata)
    soft_targets.compute(
        folder / "teacher.safetensors", data, folder / "targets.safetensors", views_seed=None, epochs=1, device=CPU
    )
    return soft_targets.load(folder / "targets.safetensors", STUDENT, taught(), data)


def test_a_student_whose_teacher_has_no_weight_is_a_network_alone(data: PreparedData, tmp_path: Path) -> None:
    student = train(STUDENT, taught(trade_off=0), data, teach(data, tmp_path), device=CPU)
    alone = train(replace(STUDENT, sizes=(2,)), recipe(), data, None, device=CPU)
    assert same(weights(student), weights(alone))


def test_a_student_learns_what_its_teacher_says_and_not_the_labels(data: PreparedData, tmp_path: Path) -> None:
    targets = teach(data, tmp_path)
    wrong = replace(data, train=Split(data.train.images, (data.train.labels + 1) % 10))
    how = taught(trade_off=1, epochs=12)
    student = train(STUDENT, how, wrong, targets, device=CPU)
    assert same(weights(student), weights(train(STUDENT, how, data, targets, device=CPU)))
    assert student.history[-1].accuracy > 50


def test_a_student_reads_the_soft_targets_of_each_epoch(data: PreparedData) -> None:
    """One training over three epochs of views, against three trainings of an epoch with the teacher in the loop."""
    how = taught(epochs=3, augmentation="crop_flip", trade_off=1, schedule="cosine", precision="float32", weight_decay=0.5)
    targets = of_each_epoch(data)
    trained = train(STUDENT, how, data, targets, device=CPU)

    student = initialised(STUDENT, 10).to(memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(student.parameters(), lr=math.nan, momentum=0.9, nesterov=True, weight_decay=0.5)
    images = Views(data.train, Normalisation.of(data.train, "paper"), augmented=True)
    for epoch in range(3):
        for step, batch in enumerate(shuffled(torch.arange(300), STUDENT.seed, epoch).split(128)):
            optimiser.param_groups[0]["lr"] = 0.02 * (1 + math.cos(math.pi * (3 * epoch + step) / 9)) / 2
            logits = student(images.batch(batch, images.of_epoch(STUDENT.seed, epoch)))
            soft = (targets.logits[epoch][batch].float() / 4).softmax(1)
            loss = 16 * (soft * (soft.log() - (logits / 4).log_softmax(1))).sum(1).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    for name, parameter in student.named_parameters():
        torch.testing.assert_close(trained.network.get_parameter(name), parameter, rtol=1e-3, atol=1e-3)
    reordered = replace(targets, logits=targets.logits.flip(0))
    assert not same(weights(trained), weights(train(STUDENT, how, data, reordered, device=CPU)))


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
@pytest.mark.parametrize("augmentation", ["none", "crop_flip"])
def test_separate_epochs_are_those_of_either_network_alone(data: PreparedData, augmentation: str, precision: str) -> None:
    """Student and peer, after the separate epochs, against trainings from labels alone: the same bits."""
    how = recipe(epochs=2, schedule="constant", augmentation=augmentation, precision=precision)
    apart: list[dict[str, torch.Tensor]] = []

    class Separate(Progress):
        def save(self, model: torch.nn.Module, *_: object) -> None:
            apart.append({name: tensor.clone() for name, tensor in model.state_dict().items()})

    together = mutual(**how.model_dump(exclude_none=True) | {"epochs": 1, "separate_epochs": 2})
    trained = train(MUTUAL, together, data, None, device=CPU, progress=Separate(Path("none"), key=""))
    for part, size in (("student.", 8), ("peer.", 14)):
        alone = train(Network("digits", "resnet", (size,), seed=0), how, data, None, device=CPU)
        mine = {name.removeprefix(part): tensor for name, tensor in apart[1].items() if name.startswith(part)}
        assert same(mine, weights(alone))
    assert not same(weights(trained), {k.removeprefix("student."): v for k, v in apart[1].items() if k.startswith("student.")})
    assert [epoch.epoch for epoch in trained.history] == [1, 2, 3]


def test_peers_learn_from_each_other(data: PreparedData) -> None:
    """Wrong labels for none: the same start and images, another end than alone, and the same end each time."""
    first, again = (train(MUTUAL, mutual(separate_epochs=0), data, None, device=CPU) for _ in range(2))
    alone = train(replace(MUTUAL, sizes=(8,), objectives=()), recipe(), data, None, device=CPU)
    assert same(weights(first), weights(again)) and weights(first).keys() == weights(alone).keys()
    assert not same(weights(first), weights(alone))


def test_a_step_of_mutual_learning_is_one_of_each_network_on_its_own_loss(data: PreparedData) -> None:
    """One step of the loop against two networks with an optimiser each, both predictions made before either step."""
    few = replace(data, train=Split(data.train.images[:64], data.train.labels[:64]))
    how = mutual(epochs=1, separate_epochs=0, schedule="constant", batch_size=64, precision="float32", weight_decay=0.5)
    trained = train(MUTUAL, how, few, None, device=CPU)

    student, peer = (
        initialised(Network("digits", "resnet", (size,), 0), 10).to(memory_format=torch.channels_last) for size in (8, 14)
    )
    images = few.train.images.permute(0, 3, 1, 2) / 127.5 - 1
    own, other = student(images), peer(images).detach()
    divergence = (other.softmax(1) * (other.log_softmax(1) - own.log_softmax(1))).sum(1).mean()
    loss = torch.nn.functional.cross_entropy(own, few.train.labels) + divergence
    optimiser = torch.optim.SGD(student.parameters(), lr=0.02, momentum=0.9, nesterov=True, weight_decay=0.5)
    loss.backward()
    optimiser.step()
    for name, parameter in student.named_parameters():
        torch.testing.assert_close(trained.network.get_parameter(name), parameter, rtol=1e-3, atol=2e-4)  # sums in another order


def test_a_peer_that_diverges_ends_the_training(data: PreparedData) -> None:
    how = mutual(separate_epochs=2, learning_rate=1e30, precision="float32")
    with pytest.raises(DivergenceError, match=r"digits/resnet/14-8\+mutual/seed0: the loss became"):
        train(MUTUAL, how, data, None, device=CPU)


def test_held_out_images_are_judged_and_not_learnt_from_and_test_images_never_read(data: PreparedData) -> None:
    network, how = Network.parse("digits/plain/2/seed0"), recipe(epochs=6, validation_share=0.2)
    unreadable = replace(data, test=None)  # type: ignore[arg-type]
    trained = train(network, how, unreadable, None, device=CPU)
    _, held_out = chosen_images(data.train.labels, how, network.seed)
    images = data.train.images.clone()
    images[held_out] = 255 - images[held_out]
    inverted = train(network, how, replace(unreadable, train=Split(images, data.train.labels)), None, device=CPU)
    assert same(weights(trained), weights(inverted))
    assert trained.history[-1].accuracy > inverted.history[-1].accuracy + 20


def test_a_loss_that_is_not_finite_ends_the_training(data: PreparedData) -> None:
    with pytest.raises(
        DivergenceError, match=r"digits/plain/2/seed0: the loss became (nan|inf) in epoch 1, step [23] of 3"
    ) as raised:
        train(Network.parse("digits/plain/2/seed0"), recipe(learning_rate=1e30, precision="float32"), data, None, device=CPU)
    assert "1e+30" in str(raised.value)


@pytest.mark.parametrize(
    ("schedule", "epoch", "share", "expected"),
    [
        ("constant", 149, 0.9, 0.1),
        ("step", 0, 0.0, 0.1),
        ("step", 79, 0.99, 0.1),
        ("step", 80, 0.0, 0.01),
        ("step", 119, 0.99, 0.01),
        ("step", 120, 0.0, 0.001),
        ("cosine", 0, 0.0, 0.1),
        ("cosine", 75, 0.0, 0.05),
        ("cosine", 112, 0.5, 0.1 * (1 - math.sqrt(0.5)) / 2),
    ],
)
def test_learning_rate_falls_as_the_schedule_says(schedule: str, epoch: int, share: float, expected: float) -> None:
    how = recipe(epochs=150, learning_rate=0.1, schedule=schedule, learning_rate_drops=(80, 120))
    assert learning_rate(how, epoch, share) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("epoch", "expected"), [(0, 0.1), (39, 0.1), (40, 0.1), (40 + 42, 0.1), (40 + 43, 0.01), (40 + 64, 0.001), (119, 0.001)]
)
def test_the_schedule_begins_after_the_separate_epochs(epoch: int, expected: float) -> None:
    how = mutual(epochs=80, separate_epochs=40, learning_rate=0.1, schedule="step", learning_rate_drops=(43, 64))
    assert how.all_epochs == 120
    assert learning_rate(how, epoch, 0) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("nesterov", [True, False])
def test_a_step_is_stochastic_gradient_descent_with_momentum(data: PreparedData, nesterov: bool) -> None:
    """Two steps of the loop against the update rule written out (Sutskever et al. 2013, as PyTorch documents it)."""
    few = replace(data, train=Split(data.train.images[:64], data.train.labels[:64]))
    network = Network.parse("digits/plain/2/seed0")
    how = recipe(
        schedule="constant", batch_size=64, precision="float32", weight_decay=0.5, nesterov=nesterov, normalisation="dataset"
    )
    trained = train(network, how, few, None, device=CPU)

    model = initialised(network, 10).to(memory_format=torch.channels_last)
    velocity = {name: torch.zeros_like(parameter) for name, parameter in model.named_parameters()}
    pixels = few.train.images.double()
    images = ((pixels - pixels.mean((0, 1, 2))) / pixels.std((0, 1, 2))).float().permute(0, 3, 1, 2)
    for _ in range(2):
        loss = objective(how, model(images), few.train.labels, None)
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        with torch.no_grad():
            for (name, parameter), gradient in zip(model.named_parameters(), gradients, strict=True):
                gradient = gradient + 0.5 * parameter
                velocity[name] = 0.9 * velocity[name] + gradient
                parameter.sub_(0.02 * (gradient + 0.9 * velocity[name] if nesterov else velocity[name]))
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(trained.network.get_parameter(name), parameter, rtol=1e-3, atol=2e-4)  # sums in another order


def test_the_objective_is_that_of_the_recipe() -> None:
    torch.manual_seed(0)
    logits, teacher, labels = torch.randn(8, 10), torch.randn(8, 10), torch.randint(10, (8,))
    for reduction, divisor in (("batchmean", 8), ("elementmean", 80)):
        how = taught(kl_reduction=reduction, trade_off=0.3, temperature=2)
        soft = (teacher / 2).softmax(1)
        divergence = (soft * (soft.log() - (logits / 2).log_softmax(1))).sum() / divisor
        expected = 0.7 * torch.nn.functional.cross_entropy(logits, labels) + 0.3 * 4 * divergence
        torch.testing.assert_close(objective(how, logits, labels, teacher), expected)


def test_the_rate_rises_from_a_tenth_of_what_the_schedule_says() -> None:
    plain, warm = recipe(epochs=4), recipe(epochs=4, warm_up_epochs=2)
    rates = [learning_rate(warm, epoch, share) / learning_rate(plain, epoch, share) for epoch, share in ((0, 0), (0, 0.5), (1, 0))]
    assert rates == pytest.approx([0.1, 0.325, 0.55])
    assert [learning_rate(warm, epoch, 0.5) for epoch in (2, 3)] == [learning_rate(plain, epoch, 0.5) for epoch in (2, 3)]


@pytest.mark.parametrize("interrupted_after", [None, 1, 2, 3])
def test_the_weights_of_the_best_epoch_are_kept(data: PreparedData, tmp_path: Path, interrupted_after: int | None) -> None:
    network = Network.parse("digits/plain/2/seed0")
    how = recipe(epochs=4, learning_rate=0.5, schedule="constant", precision="float32")  # so large that the accuracy falls
    alone = train(network, how, data, None, device=CPU)
    accuracies = [epoch.accuracy for epoch in alone.history]
    best = accuracies.index(max(accuracies)) + 1
    progress = Progress(tmp_path / "resume.safetensors", key="this training")

    def stop(epoch: Epoch) -> None:
        if epoch.epoch == interrupted_after:
            raise KeyboardInterrupt

    chosen = how.model_copy(update={"select": "best_test"})
    if interrupted_after is not None:
        with pytest.raises(KeyboardInterrupt):
            train(network, chosen, data, None, device=CPU, progress=progress, on_epoch=stop)
    kept = train(network, chosen, data, None, device=CPU, progress=progress)
    normalisation = Normalisation.of(data.train, how.normalisation)
    accuracy = top1_accuracy(
        frozen(kept.network, used_precision(how, CPU)), Views(data.test, normalisation, augmented=False), data.test.labels
    )
    assert best < 4, "the case must be one in which the last epoch isn't the best"
    assert accuracy == max(accuracies) == share_correct(kept.answers, data.test.labels)
    assert [epoch.accuracy for epoch in kept.history] == accuracies
