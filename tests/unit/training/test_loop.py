import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from takd.data import prepared
from takd.data.prepared import PreparedData
from takd.data.splits import Split
from takd.data.views import Normalisation, Views
from takd.errors import DivergenceError
from takd.records.metrics import Epoch
from takd.study.names import Name
from takd.study.recipe import Recipe
from takd.training import averages
from takd.training.checkpoint import Progress
from takd.training.device import used_precision
from takd.training.inference import share_correct, still, top1_accuracy
from takd.training.loop import chosen_images, initialised, train
from takd.training.optimiser import SGD
from takd.training.steps import in_batches, order_of_epoch
from takd.training.teaching import ByEpoch
from tests.conftest import mutual, recipe, taught
from tests.unit.training.conftest import CPU, MadeUp, Stop, part, same, stop_after, weights

ALONE = Name.parse("digits/plain/2/seed0")
STUDENT = Name.parse("digits/plain/4-2/seed3")
MUTUAL = Name.parse("digits/resnet/14-8+mutual/seed0")
MOBILE = "torchvision:mobilenet_v3_small"


def test_a_network_learns(digits: Path) -> None:
    trained = train(Name.parse("digits/plain/4/seed0"), recipe(), prepared.load(digits), None, device=CPU)
    assert [epoch.epoch for epoch in trained.history] == [1, 2]
    assert trained.history[-1].accuracy > 90  # chance is 10 %
    assert trained.history[1].loss < min(trained.history[0].loss, math.log(10))


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
@pytest.mark.parametrize(("builder", "augmentation"), [("plain:4", "none"), ("resnet:8", "crop_flip")])
def test_the_same_training_ends_in_the_same_bits(fewer: PreparedData, builder: str, augmentation: str, precision: str) -> None:
    how = recipe(builder=builder, augmentation=augmentation, precision=precision)
    first = train(ALONE, how, fewer, None, device=CPU)
    torch.rand(5)  # the state of torch's own generator doesn't matter
    second = train(ALONE, how, fewer, None, device=CPU)
    assert same(weights(first.network), weights(second.network))
    other_seed = train(ALONE.with_seed(1), how, fewer, None, device=CPU)
    assert not same(weights(first.network), weights(other_seed.network))


@pytest.mark.parametrize("interrupted_after", [1, 2])
@pytest.mark.parametrize(
    ("name", "how"),
    [
        (ALONE, recipe(builder="resnet:8", epochs=3, augmentation="crop_flip")),
        # after the separate epoch, and after the first one together
        (MUTUAL, mutual(builder="plain:2", peer="resnet:8", epochs=2, separate_epochs=1, augmentation="crop_flip")),
        (STUDENT, taught(builder="plain:2", epochs=3, augmentation="resized_crop_flip")),
        (ALONE, recipe(builder="plain:2", epochs=3, momentum=0, nesterov=False)),
        (STUDENT, taught(builder="plain:2", epochs=3, augmentation="crop_flip", training_share=0.3, unlabelled="rest")),
        (STUDENT, taught(builder="resnet:8", epochs=3, optimiser="adamw", learning_rate=1e-3, clip_norm=1, label_smoothing=0.1)),
        (MUTUAL, mutual(builder="plain:2", peer="plain:4", optimiser="adamw", learning_rate=1e-3, clip_norm=1)),
        (ALONE, recipe(builder="resnet:8", epochs=3, ema_decay=0.8, batch_size=30, select="best_test")),
        (MUTUAL, mutual(builder="plain:2", peer="plain:4", ema_decay=0.8)),
        (
            ALONE,
            recipe(builder="plain:2", epochs=3, sampling="balanced", policy="randaugment", erasing=0.5, augmentation="crop_flip"),
        ),
    ],
    ids=[
        "alone",
        "mutual",
        "taught",
        "without momentum",
        "taught without labels",
        "by AdamW",
        "mutual by AdamW",
        "averaged",
        "averaged mutual",
        "by a policy",
    ],
)
def test_an_interrupted_training_ends_in_the_same_bits(
    fewer: PreparedData, tmp_path: Path, name: Name, how: Recipe, interrupted_after: int
) -> None:
    answers = MadeUp(100, epochs=3) if name.is_distilled else None
    whole = train(name, how, fewer, answers, device=CPU)
    progress = Progress(tmp_path / "resume.safetensors", key="this training")
    with pytest.raises(Stop):
        train(name, how, fewer, answers, device=CPU, progress=progress, on_epoch=stop_after(interrupted_after))
    epochs: list[Epoch] = []
    resumed = train(name, how, fewer, answers, device=CPU, progress=progress, on_epoch=epochs.append)
    assert [epoch.epoch for epoch in epochs] == list(range(interrupted_after + 1, 4))
    assert same(weights(whole.network), weights(resumed.network))
    assert without_seconds(whole.history) == without_seconds(resumed.history)


def without_seconds(history: list[Epoch]) -> list[dict[str, object]]:
    return [epoch.model_dump(exclude={"seconds"}) for epoch in history]


def test_a_network_of_torchvision_with_dropout_ends_in_the_same_bits(fewer: PreparedData, tmp_path: Path) -> None:
    """Twice, and once interrupted: what is dropped depends on (seed, epoch, step) and not on what was drawn before."""
    how = recipe(builder=MOBILE, augmentation="crop_flip", batch_size=50)
    first = train(ALONE, how, fewer, None, device=CPU)
    torch.rand(5)
    assert same(weights(first.network), weights(train(ALONE, how, fewer, None, device=CPU).network))
    progress = Progress(tmp_path / "resume.safetensors", key="this training")
    with pytest.raises(Stop):
        train(ALONE, how, fewer, None, device=CPU, progress=progress, on_epoch=stop_after(1))
    torch.rand(5)
    resumed = train(ALONE, how, fewer, None, device=CPU, progress=progress)
    assert same(weights(first.network), weights(resumed.network))
    assert first.history[1].loss < first.history[0].loss


def test_what_is_dropped_differs_from_step_to_step(few: PreparedData) -> None:
    drawn: list[Tensor] = []

    class Watched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dropout, self.linear = nn.Dropout(0.5), nn.Linear(3 * 32 * 32, 10)

        def forward(self, images: Tensor) -> Tensor:
            if self.training:
                drawn.append(self.dropout(torch.ones(100)))
            return self.linear(images.flatten(1))  # type: ignore[no-any-return]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("takd.training.loop.build", lambda *_, **__: Watched())
        train(ALONE, recipe(batch_size=100), few, None, device=CPU)
    assert len(drawn) == 6 and len({tuple(each.tolist()) for each in drawn}) == 6


def test_the_state_of_another_training_is_not_taken(few: PreparedData, tmp_path: Path) -> None:
    path, how = tmp_path / "resume.safetensors", recipe(builder="plain:2")
    train(ALONE, how, few, None, device=CPU, progress=Progress(path, key="one"))
    epochs: list[Epoch] = []
    train(ALONE, how, few, None, device=CPU, progress=Progress(path, key="other"), on_epoch=epochs.append)
    assert len(epochs) == 2


def test_methods_start_from_the_same_weights() -> None:
    first, again, other = (initialised("plain:2", 10, seed, 32) for seed in (3, 3, 4))
    assert same(weights(first), weights(again))
    assert not same(weights(first), weights(other))


def test_a_training_begins_from_the_weights_that_it_is_given(few: PreparedData) -> None:
    how = recipe(builder="plain:2", learning_rate=1e-6)  # so small that nothing is learnt
    given = initialised("plain:2", 10, 99, 32)
    trained = train(ALONE, how, few, None, device=CPU, start=given.state_dict())
    torch.testing.assert_close(trained.network.get_parameter("0.0.weight"), given.get_parameter("0.0.weight"), rtol=0, atol=1e-4)


class Labels(ByEpoch):
    """A teacher that is sure of the labels that it is made with."""

    def __init__(self, labels: Tensor) -> None:
        self.teacher, self.teacher_key, self.teacher_digest = STUDENT.teacher(), "", ""
        self.logits = 20 * nn.functional.one_hot(labels, 10).half()

    def of_epoch(self, epoch: int) -> Tensor:
        return self.logits


def test_a_student_whose_teacher_has_no_weight_is_a_network_alone(few: PreparedData) -> None:
    student = train(STUDENT, taught(builder="plain:2", trade_off=0), few, MadeUp(300, 2), device=CPU)
    alone = train(ALONE.with_seed(3), recipe(builder="plain:2"), few, None, device=CPU)
    assert same(weights(student.network), weights(alone.network))


def test_a_student_learns_what_its_teacher_says_and_not_the_labels(few: PreparedData) -> None:
    teacher = Labels(few.train.labels)
    wrong = replace(few, train=Split(few.train.images, (few.train.labels + 1) % 10))
    how = taught(builder="plain:2", trade_off=1, epochs=8)
    student = train(STUDENT, how, wrong, teacher, device=CPU)
    assert same(weights(student.network), weights(train(STUDENT, how, few, teacher, device=CPU).network))
    assert student.history[-1].accuracy > 50


def test_a_student_reads_the_answers_of_each_epoch(few: PreparedData) -> None:
    how = taught(builder="plain:2", epochs=3, augmentation="crop_flip", trade_off=1)
    answers, reordered = MadeUp(300, 3), MadeUp(300, 3)
    reordered.logits = reordered.logits.flip(0)
    first = train(STUDENT, how, few, answers, device=CPU)
    assert not same(weights(first.network), weights(train(STUDENT, how, few, reordered, device=CPU).network))


@pytest.mark.parametrize(("augmentation", "precision"), [("none", "float32"), ("crop_flip", "bfloat16")])
def test_separate_epochs_are_those_of_either_network_alone(fewer: PreparedData, augmentation: str, precision: str) -> None:
    """Student and peer, after the separate epochs, against trainings from labels alone: the same bits."""
    how: dict[str, Any] = {"schedule": "constant", "augmentation": augmentation, "precision": precision, "batch_size": 40}
    apart: list[dict[str, Tensor]] = []

    class Separate(Progress):
        def save(self, model: nn.Module, *_: object) -> None:
            apart.append(weights(model))

    together = mutual(builder="resnet:8", peer="resnet:14", epochs=1, separate_epochs=2, **how)
    trained = train(MUTUAL, together, fewer, None, device=CPU, progress=Separate(Path("none"), key=""))
    for part_of_pair, size in (("student.", 8), ("peer.", 14)):
        alone = train(ALONE, recipe(builder=f"resnet:{size}", epochs=2, **how), fewer, None, device=CPU)
        mine = {name.removeprefix(part_of_pair): tensor for name, tensor in apart[1].items() if name.startswith(part_of_pair)}
        assert same(mine, weights(alone.network))
    student = {name.removeprefix("student."): tensor for name, tensor in apart[1].items() if name.startswith("student.")}
    assert not same(weights(trained.network), student)
    assert [epoch.epoch for epoch in trained.history] == [1, 2, 3]


def test_peers_learn_from_each_other(few: PreparedData) -> None:
    how = mutual(builder="plain:2", peer="plain:4", separate_epochs=0)
    first, again = (train(MUTUAL, how, few, None, device=CPU) for _ in range(2))
    alone = train(ALONE, recipe(builder="plain:2"), few, None, device=CPU)
    assert same(weights(first.network), weights(again.network))
    assert weights(first.network).keys() == weights(alone.network).keys()
    assert not same(weights(first.network), weights(alone.network))


def test_a_step_of_mutual_learning_is_one_of_each_network_on_its_own_loss(few: PreparedData) -> None:
    """One step of the loop against two networks with an optimiser each, both predictions made before either step."""
    step = replace(few, train=part(few.train, 64))
    how = mutual(
        builder="resnet:8", peer="resnet:14", epochs=1, separate_epochs=0, schedule="constant", batch_size=64,
        precision="float32", weight_decay=0.5,
    )  # fmt: skip
    trained = train(MUTUAL, how, step, None, device=CPU)
    student, peer = (initialised(f"resnet:{size}", 10, 0, 32).to(memory_format=torch.channels_last) for size in (8, 14))
    images = step.train.images.permute(0, 3, 1, 2) / 127.5 - 1
    own, other = student(images), peer(images).detach()
    divergence = (other.softmax(1) * (other.log_softmax(1) - own.log_softmax(1))).sum(1).mean()
    loss = cross_entropy(own, step.train.labels) + divergence
    optimiser = torch.optim.SGD(student.parameters(), lr=0.02, momentum=0.9, nesterov=True, weight_decay=0.5)
    loss.backward()
    optimiser.step()
    for name, parameter in student.named_parameters():
        torch.testing.assert_close(trained.network.get_parameter(name), parameter, rtol=1e-3, atol=2e-4)  # sums in another order


def test_a_gradient_is_clipped_for_each_network_by_itself(fewer: PreparedData) -> None:
    """One step along the gradient itself: as long as is allowed, alone and in a pair; a larger norm changes nothing."""
    plain: dict[str, Any] = {"momentum": 0, "nesterov": False, "schedule": "constant", "weight_decay": 0, "precision": "float32"}
    plain |= {"builder": "plain:2", "epochs": 1, "learning_rate": 1}
    before = weights(initialised("plain:2", 10, 0, 32))
    clipped = train(ALONE, recipe(**plain, clip_norm=0.01), fewer, None, device=CPU)
    moved = [(tensor - before[name]).square().sum() for name, tensor in clipped.network.named_parameters()]
    torch.testing.assert_close(torch.stack(moved).sum().sqrt(), torch.tensor(0.01), rtol=1e-3, atol=0)
    pairs: list[dict[str, Tensor]] = []

    class Kept(Progress):
        def save(self, model: nn.Module, *_: object) -> None:
            pairs.append(weights(model))

    how = mutual(**plain, peer="plain:4", separate_epochs=1, clip_norm=0.01)
    train(MUTUAL, how, fewer, None, device=CPU, progress=Kept(Path("none"), key=""))
    assert all(torch.equal(pairs[0]["student." + name], tensor) for name, tensor in weights(clipped.network).items())
    free = train(ALONE, recipe(**plain), fewer, None, device=CPU)
    assert same(weights(free.network), weights(train(ALONE, recipe(**plain, clip_norm=1e5), fewer, None, device=CPU).network))


def test_averaged_weights_are_the_formula_and_are_judged_and_kept(fewer: PreparedData, monkeypatch: pytest.MonkeyPatch) -> None:
    """average ← 0.7 average + 0.3 weights after each step, from the weights after the first one; running statistics too."""
    seen: list[dict[str, Tensor]] = []
    step = SGD.step

    def watched(optimiser: SGD, rate: float) -> None:
        step(optimiser, rate)
        seen.append({name: tensor.clone() for name, tensor in zip(names, optimiser.parameters, strict=True)})

    names = [name for name, _ in initialised("plain:2", 10, 0, 32).named_parameters()]
    monkeypatch.setattr(SGD, "step", watched)
    how: dict[str, Any] = {"builder": "plain:2", "batch_size": 30, "precision": "float32", "learning_rate": 0.1}
    free = train(ALONE, recipe(**how), fewer, None, device=CPU)
    seen.clear()
    averaged = train(ALONE, recipe(**how, ema_decay=0.7), fewer, None, device=CPU)
    assert len(seen) == 8 and torch.equal(seen[-1][names[0]], free.network.get_parameter(names[0]))  # what is trained is the same
    expected = {name: tensor.double() for name, tensor in seen[0].items()}
    for weights_then in seen[1:]:
        expected = {name: 0.7 * expected[name] + 0.3 * weights_then[name].double() for name in names}
    for name in names:
        torch.testing.assert_close(averaged.network.get_parameter(name).double(), expected[name], rtol=1e-4, atol=1e-6)
    images = Views(fewer.test, Normalisation.of(fewer.train, "paper"), augmentation="none")
    judged = top1_accuracy(still(averaged.network, torch.float32, images), images, fewer.test.labels)
    assert averaged.history[-1].accuracy == judged == share_correct(averaged.answers, fewer.test.labels)
    assert weights(averaged.network).keys() == weights(free.network).keys()


@pytest.mark.parametrize("interrupted_after", [None, 2, 4])
def test_training_ends_where_patience_does(
    fewer: PreparedData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interrupted_after: int | None
) -> None:
    """The second epoch is the best, the third as good; after two without a better one it ends, also where it was interrupted."""
    judged = iter([50.0, 70.0, 70.0, 60.0, 99.0, 99.0])
    monkeypatch.setattr("takd.training.loop.share_correct", lambda *_: next(judged))
    how: dict[str, Any] = {"builder": "plain:2", "validation_share": 0.2, "select": "best_held_out", "schedule": "constant"}
    progress, patient = Progress(tmp_path / "resume.safetensors", key=""), recipe(**how, epochs=6, patience=2)
    if interrupted_after is not None:
        with pytest.raises(Stop):
            train(ALONE, patient, fewer, None, device=CPU, progress=progress, on_epoch=stop_after(interrupted_after))
    trained = train(ALONE, patient, fewer, None, device=CPU, progress=progress)
    assert [epoch.accuracy for epoch in trained.history] == [50, 70, 70, 60]
    judged = iter([50.0, 70.0])
    assert same(weights(trained.network), weights(train(ALONE, recipe(**how, epochs=2), fewer, None, device=CPU).network))


@pytest.mark.parametrize("how", [recipe, taught])
def test_smoothed_labels_are_torchs(fewer: PreparedData, monkeypatch: pytest.MonkeyPatch, how: Any) -> None:
    name, answers = (STUDENT, MadeUp(100, 2)) if how is taught else (ALONE, None)
    ours = train(name, how(builder="plain:2", label_smoothing=0.2), fewer, answers, device=CPU)

    def smoothed(logits: Tensor, labels: Tensor) -> Tensor:
        return cross_entropy(logits, labels, label_smoothing=0.2)

    monkeypatch.setattr("takd.objectives.batch.F.cross_entropy", smoothed)
    torchs = train(name, how(builder="plain:2"), fewer, answers, device=CPU)
    assert ours.history[-1].loss == pytest.approx(torchs.history[-1].loss, rel=1e-3)
    for key, tensor in weights(ours.network).items():
        torch.testing.assert_close(tensor, weights(torchs.network)[key], rtol=1e-2, atol=1e-3)


def test_a_peer_that_diverges_ends_the_training(few: PreparedData) -> None:
    how = mutual(builder="plain:2", peer="plain:4", separate_epochs=9, learning_rate=100, weight_decay=10, precision="float32")
    with pytest.raises(DivergenceError, match=r"digits/resnet/14-8\+mutual/seed0: the loss became"):
        train(MUTUAL, how, few, None, device=CPU)


def test_held_out_images_are_judged_and_not_learnt_from_and_test_images_never_read(few: PreparedData) -> None:
    how = recipe(builder="plain:2", epochs=6, validation_share=0.2)
    unreadable = replace(few, test=None)  # type: ignore[arg-type]
    trained = train(ALONE, how, unreadable, None, device=CPU)
    _, held_out = chosen_images(few.train.labels, how.views, ALONE.seed)
    images = few.train.images.clone()
    images[held_out] = 255 - images[held_out]
    inverted = train(ALONE, how, replace(unreadable, train=Split(images, few.train.labels)), None, device=CPU)
    assert same(weights(trained.network), weights(inverted.network))
    assert trained.history[-1].accuracy > inverted.history[-1].accuracy + 20


def test_a_share_of_the_images_is_learnt_from_and_the_others_not(few: PreparedData) -> None:
    how = recipe(builder="plain:2", training_share=0.5)
    chosen, _ = chosen_images(few.train.labels, how.views, ALONE.seed)
    images = few.train.images.clone()
    left_out = torch.ones(300, dtype=torch.bool).index_fill(0, chosen, False)
    images[left_out] = 0
    one, other = (train(ALONE, how, data, None, device=CPU) for data in (few, replace(few, train=Split(images, few.train.labels))))
    assert 140 <= len(chosen) <= 160 and same(weights(one.network), weights(other.network))


def test_a_loss_that_is_not_finite_ends_the_training(few: PreparedData) -> None:
    how = recipe(builder="plain:2", learning_rate=100, weight_decay=10, precision="float32", epochs=10, schedule="constant")
    with pytest.raises(
        DivergenceError, match=r"digits/plain/2/seed0: the loss became (nan|inf) in epoch \d+, step \d of 3"
    ) as raised:
        train(ALONE, how, few, None, device=CPU)
    assert "try a learning rate below 100" in str(raised.value)


@pytest.mark.parametrize("interrupted_after", [None, 1, 2, 3])
@pytest.mark.parametrize("share", [0.0, 0.2])
def test_the_weights_of_the_best_epoch_are_kept(
    few: PreparedData, tmp_path: Path, interrupted_after: int | None, share: float
) -> None:
    """Where the last epoch isn't the best, on test images or on held-out ones; interrupted before the best epoch, and after it."""
    how: dict[str, Any] = {"builder": "plain:2", "epochs": 4, "learning_rate": 0.5, "schedule": "constant", "precision": "float32"}
    how |= {"validation_share": share}
    accuracies = [epoch.accuracy for epoch in train(ALONE, recipe(**how), few, None, device=CPU).history]
    assert accuracies.index(max(accuracies)) < 3, "the case must be one in which the last epoch isn't the best"
    chosen = recipe(**how, select="best_held_out" if share else "best_test")
    progress = Progress(tmp_path / "resume.safetensors", key="this training")
    if interrupted_after is not None:
        with pytest.raises(Stop):
            train(ALONE, chosen, few, None, device=CPU, progress=progress, on_epoch=stop_after(interrupted_after))
    kept = train(ALONE, chosen, few, None, device=CPU, progress=progress)
    judged = few.train.subset(chosen_images(few.train.labels, chosen.views, 0)[1]) if share else few.test
    images = Views(judged, Normalisation.of(few.train, "paper"), augmentation="none")
    accuracy = top1_accuracy(still(kept.network, used_precision("float32", CPU), images), images, judged.labels)
    assert accuracy == max(accuracies) == share_correct(kept.answers, judged.labels)
    assert [epoch.accuracy for epoch in kept.history] == accuracies


def test_of_two_epochs_that_are_as_good_the_earlier_ones_weights_are_kept(
    few: PreparedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("takd.training.loop.share_correct", lambda *_: 50.0)
    how: dict[str, Any] = {"builder": "plain:2", "schedule": "constant"}
    kept = train(ALONE, recipe(**how, epochs=3, select="best_test"), few, None, device=CPU)
    first = train(ALONE, recipe(**how, epochs=1), few, None, device=CPU)
    assert same(weights(kept.network), weights(first.network))


def test_balanced_sampling_draws_each_class_as_often_as_another() -> None:
    """Of 1,000 images of one class and 10 of another: half and half, each image of a class as often as the others of it."""
    labels = torch.cat((torch.zeros(1000, dtype=torch.long), torch.ones(10, dtype=torch.long), torch.full((50,), 2)))
    positions = torch.arange(1010)  # those of the third class are held out
    order = torch.cat([order_of_epoch(positions, labels, "balanced", 0, epoch) for epoch in range(10)])
    assert len(order) == 10_100 and int(order.max()) < 1010
    counts = torch.bincount(order, minlength=1010).double()
    assert 4800 < counts[:1000].sum() < 5300
    assert counts[1000:].min() > 400 and counts[:1000].max() < 25
    assert torch.equal(order_of_epoch(positions, labels, "balanced", 1, 2), order_of_epoch(positions, labels, "balanced", 1, 2))
    assert not torch.equal(order[:1010], order[1010:2020])
    assert torch.equal(order_of_epoch(positions, labels, "each", 1, 2).sort().values, positions)


@pytest.mark.parametrize(
    ("images", "size", "sizes"), [(129, 128, [129]), (257, 128, [128, 129]), (130, 128, [128, 2]), (1, 9, [1])]
)
def test_a_single_image_that_is_left_joins_the_step_before(images: int, size: int, sizes: list[int]) -> None:
    batches = in_batches(torch.arange(images), size)
    assert [len(batch) for batch in batches] == sizes
    assert torch.equal(torch.cat(batches), torch.arange(images))


def test_batch_norm_of_single_pixels_is_never_shown_one_image(few: PreparedData) -> None:
    """At 32x32, mobilenet_v3's last batch norms see 1x1 pixels: of one image they would have one value."""
    trained = train(ALONE, recipe(builder=MOBILE, epochs=1), replace(few, train=part(few.train, 129)), None, device=CPU)
    assert math.isfinite(trained.history[0].loss)


@pytest.mark.parametrize("decay", [0.9, 0.9999])
def test_places_in_a_table_are_not_averaged(decay: float) -> None:
    """As a Swin transformer's `relative_position_index`; averaged in float32 and cut, some would point to their neighbours."""
    network, places, statistics = nn.Linear(2, 2), torch.arange(3000), torch.zeros(2)
    network.register_buffer("places", places)
    network.register_buffer("statistics", statistics)
    average = averages.averaged(network, decay)
    averages.add(average, network)
    places += 1
    statistics += 1
    for _ in range(3):
        averages.add(average, network)
    assert average is not None
    kept = dict(average.named_buffers())
    assert torch.equal(kept["module.places"], places) and 0 < kept["module.statistics"][0] < 1
