import subprocess
import sys

import pytest

from takd.errors import ParameterError
from takd.networks.registry import PAPER_FAMILIES, check_builder, is_library, library_of


def test_the_papers_families_name_their_members_largest_first() -> None:
    assert list(PAPER_FAMILIES["plain"]) == ["10", "8", "6", "4", "2"]
    assert list(PAPER_FAMILIES["resnet"]) == ["110", "56", "44", "32", "26", "20", "14", "8"]
    assert PAPER_FAMILIES["resnet"]["110"] == "resnet:110"
    for members in PAPER_FAMILIES.values():
        for builder in members.values():
            check_builder(builder)


@pytest.mark.parametrize(
    "text",
    [
        "plain:10",
        "imagenet:50",
        "resnet:50",
        "torchvision:resnet18",
        "timm:vit_tiny_patch16_224.augreg_in21k",
        "nets:small",
        "my.nets:Small",
        "nets/small.py:net",
        "/somewhere/nets.py:net",
        "a folder/nets.py:net",
    ],
)
def test_a_builder_of_each_form_is_accepted(text: str) -> None:
    check_builder(text)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("", "plain:SIZE"),
        ("resnet18", "did you mean torchvision:resnet18"),
        ("resnet50", "did you mean torchvision:resnet50"),
        ("resnet152", "did you mean torchvision:resnet152"),
        ("resnet20", "did you mean resnet:20"),
        ("plain4", "did you mean plain:4"),
        ("plian:4", "did you mean plain:4"),
        ("plain:4:2", "package.module:function"),
        ("plain", "plain:SIZE"),
        ("nets.py", "plain:SIZE"),
        ("10", "plain:SIZE"),
        (":x", "plain:SIZE"),
        ("plain:", "plain:SIZE"),
        ("plain:3", "10, 8, 6, 4, 2"),
        ("plain:010", "10, 8, 6, 4, 2"),
        ("plain:٤", "10, 8, 6, 4, 2"),
        ("resnet:18", "6 n + 2"),
        ("imagenet:18", "50, 20, 14"),
        ("resnet:2", "6 n + 2"),
        ("torchvision:../resnet", "torchvision:resnet18"),
        ("timm:hf_hub:someone/x", "package.module:function"),
        ("timm:local-dir", "timm:resnet18"),
        ("nets.py:", "plain:SIZE"),
        ("nets.py:a-b", "package.module:function"),
        ("nets\n.py:net", "path/to/file.py:function"),
        ("~/nets.py:net", "path/to/file.py:function"),
        ("my nets:net", "plain:SIZE"),
        ("a..b:net", "plain:SIZE"),
        ("x" * 1000, "plain:SIZE"),
        (10, "plain:SIZE"),
    ],
)
def test_a_malformed_builder_is_refused_in_one_line(text: str, right: str) -> None:
    with pytest.raises(ParameterError) as error:
        check_builder(text)
    assert right in str(error.value) and "\n" not in str(error.value) and len(str(error.value)) < 300


def test_libraries_are_told_from_the_users_code() -> None:
    assert [is_library(each) for each in ("plain:2", "resnet:8", "torchvision:x", "timm:x", "nets:x", "nets.py:x")] == [
        True, True, True, True, False, False
    ]  # fmt: skip
    assert [library_of(each) for each in ("plain:2", "torchvision:x", "timm:x", "nets.py:x")] == [None, "torchvision", "timm", None]


def test_names_and_the_users_files_are_found_without_torch() -> None:
    code = "import sys, takd.networks.registry, takd.networks.own_code; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
