import subprocess
import sys

import pytest

from takd.errors import NetworkNameError
from takd.networks.registry import PAPER_FAMILIES
from takd.study.names import Hop, Name, check_members, hops_of


def network(chain: str, seed: int = 0) -> Name:
    return Name.parse(f"cifar10/plain/{chain}/seed{seed}")


@pytest.mark.parametrize(
    "text", ["cifar100/resnet/110-20-8/seed31", "pets/pets/resnet34-mobilenet_v3_small/seed0", "a/b.c/y-x+mutual/seed7"]
)
def test_a_name_and_its_text_say_the_same(text: str) -> None:
    assert str(Name.parse(text)) == text


def test_the_parts_of_a_name() -> None:
    assert Name.parse("cifar100/resnet/110-8/seed31") == Name("cifar100", "resnet", (Hop("110"), Hop("8")), 31)
    assert Name.parse("pets/pets/resnet34-resnet18/seed1").member == "resnet18"


@pytest.mark.parametrize(("chain", "method"), [("2", "NOKD"), ("10-2", "BLKD"), ("10-4-2", "TAKD"), ("10-8-6-4-2", "TAKD")])
def test_method_follows_from_the_number_of_hops(chain: str, method: str) -> None:
    assert network(chain).method == method


def test_a_hop_says_its_objective_where_it_is_another_one() -> None:
    parsed = Name.parse("cifar10/resnet/26-8+mutual/seed1")
    assert (str(parsed), parsed.member, parsed.members) == ("cifar10/resnet/26-8+mutual/seed1", "8", ("26", "8"))
    assert parsed.method == "MUTUAL" and parsed.objective.name == "mutual"
    assert parsed != Name.parse("cifar10/resnet/26-8/seed1")


def test_a_peer_is_the_member_before_and_no_teacher() -> None:
    student = network("10-4+mutual", seed=3)
    assert student.peer == "10" and not student.is_distilled
    with pytest.raises(ValueError, match="no teacher"):
        student.teacher()
    assert [network(chain).peer for chain in ("10", "10-4", "10-4+mutual-2")] == [None, None, None]


def test_a_network_from_mutual_learning_can_teach() -> None:
    student = network("10-4+mutual-2")
    assert student.is_distilled and student.method == "TAKD"
    assert student.teacher(5) == network("10-4+mutual", seed=5)
    assert student.teacher().peer == "10"


@pytest.mark.parametrize(
    ("chain", "objectives"),
    [("10", ("",)), ("10-4", ("", "")), ("10-4+mutual", ("", "mutual")), ("10-4+mutual-2", ("", "mutual", ""))],
)
def test_a_chain_is_taken_apart_and_put_together(chain: str, objectives: tuple[str, ...]) -> None:
    assert tuple(hop.objective for hop in hops_of(chain)) == objectives
    assert network(chain).chain == chain


def test_names_are_read_without_torch() -> None:
    code = "from takd.study.names import Name; Name.parse('digits/plain/10-2+mutual/seed0')"
    code = f"import sys; {code}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_teacher_is_the_chain_less_its_last_hop() -> None:
    assert network("10-4-2", seed=3).teacher() == network("10-4", seed=3)
    assert network("10-4-2", seed=3).teacher(0) == network("10-4", seed=0)
    assert network("10-4-2").with_seed(4) == network("10-4-2", seed=4)
    with pytest.raises(ValueError, match="no teacher"):
        network("10").teacher()


EXPECTED = "expected dataset/family/chain/seedN"


@pytest.mark.parametrize(
    ("name", "what_is_said"),
    [
        ("cifar10/plain/10-2+magic/seed0", "unknown objective 'magic'; there are mutual"),
        ("cifar10/plain/10+mutual-2/seed0", "10 comes first, so it is trained from labels alone"),
        ("cifar10/plain/10+mutual/seed0", "10 comes first"),
        ("cifar10/plain/10-4-2+mutual/seed0", r"two networks from nothing, so it takes two members, as in 4-2\+mutual"),
        ("cifar10/plain/10--2/seed0", EXPECTED),
        ("cifar10/plain/10-/seed0", EXPECTED),
        ("cifar10/plain/10-2+/seed0", "a hop takes one method"),
        ("cifar10/plain/10-2+mutual+mutual/seed0", "a hop takes one method"),
        ("cifar10/plain/10", EXPECTED),
        ("cifar10/plain/10/seed01", EXPECTED),
        ("cifar10/plain/10/seed-1", EXPECTED),
        ("cifar10/plain/10/seed0\n", EXPECTED),
        ("cifar10/plain/10/seed0/", EXPECTED),
        ("../plain/10/seed0/x", EXPECTED),
        ("digits/plain/1٠/seed0", EXPECTED),  # an Arabic zero
        ("digits/plain/10/seed０", EXPECTED),  # a full-width one
        ("digits/plain/10-²/seed0", EXPECTED),
        ("dіgits/plain/10/seed0", EXPECTED),  # a Cyrillic і
        ("digits/plain/10/seed" + "1" * 5000, EXPECTED),
        ("digits/plain/10/seed9999999", EXPECTED),
        ("digits/plain/" + "-".join(["10"] * 17) + "/seed0", "17 hops; the longest has 16"),
        ("digits/plain/\x1b[31m10/seed0", EXPECTED),
        ("x" * 300_000, EXPECTED),
        ("", EXPECTED),
    ],
)
def test_what_is_no_network_is_refused(name: str, what_is_said: str) -> None:
    with pytest.raises(NetworkNameError, match=what_is_said) as raised:
        Name.parse(name)
    assert "\n" not in str(raised.value) and "\x1b" not in str(raised.value) and len(str(raised.value)) < 400


@pytest.mark.parametrize(
    ("chain", "what_is_said"),
    [
        ("12", "plain has no member 12; it has 10, 8, 6, 4, 2"),
        ("010", "plain has no member 010"),
        ("ten", "plain has no member ten"),
        ("2-10", "must shrink from teacher to student, but 10 follows 2"),
        ("10-10", "must shrink"),
        ("10-4-6+mutual", "takes two members"),
    ],
)
def test_a_chain_shrinks_through_the_members_of_its_family(chain: str, what_is_said: str) -> None:
    with pytest.raises(NetworkNameError, match=what_is_said):
        check_members(chain, "plain", list(PAPER_FAMILIES["plain"]))


def test_a_chain_too_long_for_a_folder_is_shown_without_its_escapes() -> None:
    with pytest.raises(NetworkNameError, match=r"^chain \\u001b\[31m9+…: 5005 characters; a folder's name has at most 240$"):
        hops_of("\x1b[31m" + "9" * 5000)


@pytest.mark.parametrize(
    ("chain", "says"),
    [
        ("26-8+at+dkd", "a hop takes one method, not '+at+dkd'; there are mutual, dkd"),
        ("26-8+AT", "unknown objective 'AT'; did you mean +at? there are mutual, dkd"),
        ("26-8+", "a hop takes one method, not '+'; there are mutual, dkd"),
        ("26-8+fitnets", "unknown objective 'fitnets'; did you mean +fitnet? there are mutual, dkd"),
        ("26-14+mutual-8+dgkd", "+dgkd takes two teachers at least"),
    ],
)
def test_what_a_hop_says_wrongly_is_told(chain: str, says: str) -> None:
    for ask in (lambda: hops_of(chain), lambda: Name.parse(f"cifar10/resnet/{chain}/seed0")):
        with pytest.raises(NetworkNameError) as raised:
            ask()
        assert says in str(raised.value)
