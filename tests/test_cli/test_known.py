"""What arguments show without importing the package is what the package has."""

from importlib import import_module
from pkgutil import iter_modules

import pytest

from mammo_cli import known
from mammo_cli.commands.convert import DATA_SETS
from mammo_plugins import converters
from mammo_plugins.apis import (
    acceleration,
    lesion_cutting,
    machine_measurements,
    saliency,
)
from mammo_plugins.converters import Converter, parts
from mammo_plugins.phantom import PhantomConfig
from mammo_plugins.structures import DENSITIES
from mammo_plugins.synthesis import SoftMask


def test_constants():
    assert known.DENSITIES == DENSITIES
    assert known.PHANTOM == {
        name: getattr(PhantomConfig(), name) for name in known.PHANTOM
    }
    assert known.SALIENCY_CLASSES == saliency.CLASSES
    assert known.SIGMA_RANGE == SoftMask().sigma_range
    assert known.SMALLEST_LESION == lesion_cutting.MIN_SIDE
    assert known.MOST_LESIONS_SHOWN == lesion_cutting.MOST_SHOWN
    assert known.SPLITS == parts.SPLITS
    assert known.PRECISIONS == acceleration.PRECISIONS
    assert known.MEASURED_PARTS == tuple(machine_measurements.PARTS)
    assert known.RATIOS == Converter.ratios


def test_every_converter_has_its_command():
    found = {
        f'{info.name}.{name}'
        for info in iter_modules(converters.__path__)
        for name, kind in vars(
            import_module(f'mammo_plugins.converters.{info.name}')
        ).items()
        if isinstance(kind, type)
        and kind.__module__.endswith(f'.{info.name}')
        and issubclass(kind, Converter)
        and kind is not Converter
    }
    assert {one.converter for one in DATA_SETS.values()} == found


@pytest.mark.parametrize('name', DATA_SETS)
def test_commands_of_converters(name):
    one = DATA_SETS[name]
    converter = one.make()
    assert converter.official_split == one.official_split
    assert converter.ratios == (one.ratios or known.RATIOS)
    assert one.converter.startswith(f'{name.replace("-", "_")}.')
