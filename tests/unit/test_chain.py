import subprocess
import sys

import pytest

from takd.chain import Network, hops_of, sizes_of
from takd.errors import NetworkNameError


def network(chain: str, seed: int = 0) -> Network:
    return Network.of("cifar10", "plain", chain, seed)


def test_a_name_and_its_network_say_the_same() -> None:
    parsed = Network.parse("cifar100/resnet/110-20-8/seed31")
    assert parsed == Network("cifar100", "resnet", (110, 20, 8), 31)
    assert str(parsed) == "cifar100/resnet/110-20-8/seed31"
    assert parsed.size == 8


@pytest.mark.parametrize(("chain", "method"), [("2", "NOKD"), ("10-2", "BLKD"), ("10-4-2", "TAKD"), ("10-8-6-4-2", "TAKD")])
def test_method_follows_from_the_number_of_hops(chain: str, method: str) -> None:
    assert network(chain).method == method


def test_a_hop_says_its_objective_where_it_is_another_one() -> None:
    parsed = Network.parse("cifar10/resnet/26-8+mutual/seed1")
    assert (str(parsed), parsed.size, parsed.sizes) == ("cifar10/resnet/26-8+mutual/seed1", 8, (26, 8))
    assert parsed.method == "MUTUAL"
    assert parsed != Network.parse("cifar10/resnet/26-8/seed1")


def test_a_peer_is_the_network_before_under_the_same_seed_and_no_teacher() -> None:
    student = network("10-4+mutual", seed=3)
    assert student.peer == network("10", seed=3) and not student.is_distilled
    with pytest.raises(ValueError, match="no teacher"):
        student.teacher()
    assert [network(chain).peer for chain in ("10", "10-4", "10-4+mutual-2")] == [None, None, None]


def test_a_network_from_mutual_learning_can_teach() -> None:
    student = network("10-4+mutual-2")
    assert student.is_distilled and student.method == "TAKD"
    assert student.teacher(5) == network("10-4+mutual", seed=5)
    assert student.teacher().peer == network("10")


@pytest.mark.parametrize(
    ("chain", "objectives"),
    [("10", ("",)), ("10-4", ("", "")), ("10-4+mutual", ("", "mutual")), ("10-4+mutual-2", ("", "mutual", ""))],
)
def test_a_chain_is_taken_apart(chain: str, objectives: tuple[str, ...]) -> None:
    assert tuple(sizes_of(chain)) == network(chain).sizes
    assert tuple(objective for _, objective in hops_of(chain)) == objectives


def test_names_are_checked_without_torch() -> None:
    code = "import sys, takd.chain; takd.chain.Network.of('digits', 'plain', '10-2+mutual', 0); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_teacher_is_the_chain_less_its_last_hop() -> None:
    assert network("10-4-2", seed=3).teacher() == network("10-4", seed=3)
    assert network("10-4-2", seed=3).teacher(0) == network("10-4", seed=0)
    with pytest.raises(ValueError, match="no teacher"):
        network("10").teacher()


@pytest.mark.parametrize(
    ("name", "what_is_said"),
    [
        ("cifar11/plain/10/seed0", "unknown data set 'cifar11'"),
        ("cifar10/plane/10/seed0", "unknown family 'plane'"),
        ("cifar10/plain/12/seed0", "no size 12; its sizes are 2, 4, 6, 8, 10"),
        ("cifar10/plain/2-10/seed0", "must shrink"),
        ("cifar10/plain/10-10/seed0", "must shrink"),
        ("cifar10/plain/10--2/seed0", "sizes joined by '-'"),
        ("cifar10/plain/10-/seed0", "sizes joined by '-'"),
        ("cifar10/plain/010/seed0", "sizes joined by '-'"),
        ("cifar10/plain/ten/seed0", "sizes joined by '-'"),
        ("cifar10/plain/10-2+magic/seed0", "unknown objective 'magic'; there are mutual"),
        ("cifar10/plain/10+mutual-2/seed0", "10 comes first, so it is trained from labels alone"),
        ("cifar10/plain/10+mutual/seed0", "10 comes first"),
        ("cifar10/plain/10-4-2+mutual/seed0", r"two networks from nothing, so it takes two sizes, as in 4-2\+mutual"),
        ("cifar10/plain/10-2+/seed0", "sizes joined by '-'"),
        ("cifar10/plain/10-2+mutual+mutual/seed0", "sizes joined by '-'"),
        ("cifar10/plain/10", "expected dataset/family/chain/seedN"),
        ("cifar10/plain/10/seed01", "expected dataset/family/chain/seedN"),
        ("cifar10/plain/10/seed0\n", "expected dataset/family/chain/seedN"),
    ],
)
def test_what_is_no_network_is_refused(name: str, what_is_said: str) -> None:
    with pytest.raises(NetworkNameError, match=what_is_said) as raised:
        Network.parse(name)
    assert "\n" not in str(raised.value)
