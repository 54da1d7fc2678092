"""Packaging of mammo_plugins; what it is and needs stands in pyproject.toml."""

from pathlib import Path

from setuptools import setup
from setuptools.command.egg_info import egg_info

MIM = Path(__file__).parent / 'mammo_plugins/.mim'  # where MIM and MMEngine look
if not (MIM / 'configs').is_dir():
    raise SystemExit(
        f'{MIM / "configs"}: expected a link to the folder of configs; get '
        'the repository with git clone -c core.symlinks=true'
    )


class PackageFirst(egg_info):
    """MMEngine takes the first name of top_level.txt for the package's folder."""

    def run(self) -> None:
        """Write the metadata, and that file with ``mammo_plugins`` before others."""
        super().run()
        path = Path(self.egg_info, 'top_level.txt')
        names = path.read_text(encoding='utf-8').split()
        names.sort(key=lambda name: name != 'mammo_plugins')
        path.write_text('\n'.join(names) + '\n', encoding='utf-8')


setup(cmdclass=dict(egg_info=PackageFirst))
