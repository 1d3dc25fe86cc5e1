import pytest

from takd.chain import Network
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
        ("cifar10/plain/10", "expected dataset/family/chain/seedN"),
        ("cifar10/plain/10/seed01", "expected dataset/family/chain/seedN"),
        ("cifar10/plain/10/seed0\n", "expected dataset/family/chain/seedN"),
    ],
)
def test_what_is_no_network_is_refused(name: str, what_is_said: str) -> None:
    with pytest.raises(NetworkNameError, match=what_is_said) as raised:
        Network.parse(name)
    assert "\n" not in str(raised.value)
