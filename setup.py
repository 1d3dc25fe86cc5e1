"""What pyproject.toml can't say: the files of a project stand at the top of the repository, and travel inside the package."""

import tomllib
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

ROOT = Path(__file__).parent


def project_files() -> list[str]:
    """The files that pyproject.toml lists under tool.takd."""
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["takd"]["project"]
    return [str(path.relative_to(ROOT)) for pattern in patterns for path in sorted(ROOT.glob(pattern))]


class Wheel(build_py):
    """Puts them into takd/project, for `takd init --project`; an editable installation finds them where they stand."""

    def run(self) -> None:
        """Build the package, then add them."""
        super().run()
        for path in [] if self.editable_mode else project_files():
            target = Path(self.build_lib, "takd", "project", path)
            self.mkpath(str(target.parent))
            self.copy_file(path, str(target))


class Sources(sdist):
    """Puts them where they stand here, so that a wheel can be made of the sdist."""

    def make_distribution(self) -> None:
        """Add them to what setuptools found by itself."""
        self.filelist.extend(project_files())
        super().make_distribution()


setup(cmdclass={"build_py": Wheel, "sdist": Sources})
