"""Lesions cut out of mammograms and stored in a file (DisAsymNet, section 2.3)."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mammo_plugins.io import read_arrays, write_arrays

from .coco_exam import AnnotationError
from .exam import PATHOLOGIES
from .fields import is_number

_ARRAYS = 'lesion', 'mask', 'inside'  # of each lesion in the file
_FULL_SCALE = 65535  # grey value 1.0 in the file
_SYNTHETIC = 'synthetic, of '  # prefix of data sets by mammo synthesize
_PART_OF = {'cbis-ddsm': 'ddsm'}  # the same films under another name


class LesionBankError(AnnotationError):
    """A lesion file that cannot be used."""


@dataclass(frozen=True, eq=False)
class BankLesion:
    """One lesion in a bank.

    Attributes:
        levels (np.ndarray): (h, w) uint16, 65535 for grey value 1; breasts face as
            in :class:`~mammo_plugins.anatomy.CanonicalFrame`.
        image_shape (tuple[float]): (H, W) of the source mammogram, cropped to the
            breast, in pixels of ``levels``.
        pixel_spacing_mm (tuple[float], optional): (row, column).
        file_name (str): The mammogram's path relative to the data root.
        box (tuple[float]): (x1, y1, x2, y2) in pixels of that file.
        pathology (str, optional): 'malignant' or 'benign'.
        mask (np.ndarray): (h, w) bool, the lesion's outline, or its box if no outline
            is known.
        inside (np.ndarray): (h, w) bool, pixels inside the breast; the rest, beyond the
            skin, is air.
    """

    levels: np.ndarray
    image_shape: tuple[float, float]
    pixel_spacing_mm: tuple[float, float] | None
    file_name: str
    box: tuple[float, float, float, float]
    pathology: str | None
    mask: np.ndarray
    inside: np.ndarray

    @classmethod
    def of(
        cls,
        pixels: np.ndarray,
        mask: np.ndarray | None = None,
        pathology: str | None = None,
        inside: np.ndarray | None = None,
        **facts: Any,
    ) -> 'BankLesion':
        """Create one from (h, w) float pixels in [0, 1] and the other attributes.

        Without a mask the whole patch is lesion; without ``inside`` all of it is
        breast.
        """
        return cls(
            np.rint(pixels * _FULL_SCALE).astype(np.uint16),
            mask=np.ones(pixels.shape, bool) if mask is None else mask,
            inside=np.ones(pixels.shape, bool) if inside is None else inside,
            pathology=pathology,
            **facts,
        )

    @property
    def pixels(self) -> np.ndarray:
        """np.ndarray: (h, w) float32 in [0, 1]."""
        return self.levels.astype(np.float32) / _FULL_SCALE

    def facts(self) -> dict[str, Any]:
        """Return everything except pixels and masks, JSON-serializable."""
        return dict(
            image_shape=self.image_shape,
            pixel_spacing_mm=self.pixel_spacing_mm,
            file_name=self.file_name,
            box=self.box,
            pathology=self.pathology,
        )


class LesionBank:
    """Lesions of one data set.

    Args:
        dataset (str): Name of the data set, ``info.dataset`` of its annotation.
        lesions (list[BankLesion]): At least one.
        split (str, optional): 'train', 'val' or 'test', if the annotation states it.
        generation (str, optional): :func:`generation_of` its ``info``.
        path (str | Path, optional): The file from which it was read.

    Raises:
        LesionBankError: If there are no lesions.
    """

    def __init__(
        self,
        dataset: str,
        lesions: list[BankLesion],
        split: str | None = None,
        generation: str | None = None,
        path: str | Path | None = None,
    ) -> None:
        if not lesions:
            raise LesionBankError(
                f'a bank of {dataset} without lesions; give an '
                'annotation file with boxes'
            )
        self.dataset = dataset
        self.lesions = lesions
        self.split = split
        self.generation = generation
        self.path = None if path is None else Path(path)

    def __len__(self) -> int:
        return len(self.lesions)

    def __getitem__(self, index: int) -> BankLesion:
        return self.lesions[index]

    def is_from(self, dataset: str, generation: str | None = None) -> bool:
        """Return whether the lesions come from the same images as a data set.

        Names are compared ignoring case. Data sets that ``mammo synthesize`` derives
        from another count as that one, and CBIS-DDSM counts as DDSM. Simulated data
        sets share a name and differ if they were generated differently.

        Args:
            dataset (str): ``info.dataset`` of its annotation.
            generation (str, optional): :func:`generation_of` its ``info``.
        """
        if source_dataset(self.dataset) != source_dataset(dataset):
            return False
        return None in (self.generation, generation) or self.generation == generation

    def files_outside(self, images: Iterable[dict]) -> list[str]:
        """Return the lesions' mammograms that a data set does not contain.

        Args:
            images (Iterable[dict]): ``images`` of its annotation.
        """
        names = {image['file_name'] for image in images}
        names |= {Path(name).name for name in names if Path(name).is_absolute()}
        return sorted({lesion.file_name for lesion in self.lesions} - names)

    @classmethod
    def read(cls, path: str | Path) -> 'LesionBank':
        """Read a file written by :meth:`write`.

        Raises:
            LesionBankError: If it does not exist, is damaged or is not a lesion bank.
        """
        try:
            file = read_arrays(path, ['bank'])
            facts = json.loads(str(file['bank']))
            lesions = [
                _lesion([file[f'{name}_{k}'] for name in _ARRAYS], entry)
                for k, entry in enumerate(facts['lesions'])
            ]
            dataset, split = facts['dataset'], facts['split']
            if not isinstance(dataset, str) or not isinstance(split, (str, type(None))):
                raise ValueError(f'dataset {dataset!r}, split {split!r}')
            return cls(dataset, lesions, split, facts['generation'], path)
        except FileNotFoundError:
            raise LesionBankError(
                f'{path}: no such lesion bank; make it with '
                'mammo lesion-bank ANN_FILE --out FILE'
            ) from None
        except Exception as error:  # zipfile and zlib raise nearly any error on damage
            raise LesionBankError(
                f'{path}: not a lesion bank or damaged ({type(error).__name__}: '
                f'{error}); create it again with mammo lesion-bank'
            ) from None

    def write(self, path: str | Path) -> None:
        """Write everything to one ``.npz`` file, atomically."""
        facts = dict(
            dataset=self.dataset,
            split=self.split,
            generation=self.generation,
            lesions=[lesion.facts() for lesion in self.lesions],
        )
        arrays = {}
        for k, lesion in enumerate(self.lesions):
            arrays.update(
                {
                    f'{name}_{k}': array
                    for name, array in zip(
                        _ARRAYS, (lesion.levels, lesion.mask, lesion.inside)
                    )
                }
            )
        write_arrays(path, dict(bank=json.dumps(facts), **arrays))


def _lesion(arrays: Sequence[np.ndarray], facts: dict[str, Any]) -> BankLesion:
    """Restore a lesion from the file."""
    levels, mask, inside = arrays
    if levels.ndim != 2 or levels.dtype != np.uint16 or not levels.size:
        raise ValueError(
            f'a lesion of {levels.dtype} and shape {levels.shape}; '
            'expected uint16 (h, w)'
        )
    if mask.dtype != bool or mask.shape != levels.shape or not mask.any():
        raise ValueError(
            f'a mask of {mask.dtype} and shape {mask.shape}; expected '
            f'bool {levels.shape}, true somewhere'
        )
    if inside.dtype != bool or inside.shape != mask.shape or (mask & ~inside).any():
        raise ValueError(
            f'a breast of {inside.dtype} and shape {inside.shape}; '
            f'expected bool {levels.shape}, true where the lesion is'
        )
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in facts.items()
    }
    lesion = BankLesion(levels, mask=mask, inside=inside, **values)
    spacing = lesion.pixel_spacing_mm
    if not (
        _are_numbers(lesion.image_shape, 2)
        and min(lesion.image_shape) > 0
        and _are_numbers(lesion.box, 4)
        and isinstance(lesion.file_name, str)
        and (spacing is None or _are_numbers(spacing, 2) and min(spacing) > 0)
        and lesion.pathology in (None, *PATHOLOGIES)
    ):
        raise ValueError(
            'facts of a lesion that are none, in ' + ', '.join(sorted(facts))
        )
    return lesion


def _are_numbers(values: Any, count: int) -> bool:
    return (
        isinstance(values, tuple)
        and len(values) == count
        and all(map(is_number, values))
    )


def source_dataset(dataset: str) -> str:
    """Return the common name of data sets with the same images.

    Args:
        dataset (str): ``info.dataset`` of an annotation.
    """
    name = dataset.strip().lower()
    while name.startswith(_SYNTHETIC):
        name = name[len(_SYNTHETIC) :]
    return _PART_OF.get(name, name)


def generation_of(info: dict[str, Any]) -> str | None:
    """Return what distinguishes simulated data sets of one name, ``None`` for others.

    The images of an exam depend on the seed and the phantom's parameters, not on the
    number of exams or their split into parts.

    Args:
        info (dict): ``info`` of an annotation; its ``generation`` states how images
            were simulated, including the seed.
    """
    generation = info.get('generation')
    if generation is None:
        return None
    if isinstance(generation, dict):
        generation = {
            key: value
            for key, value in generation.items()
            if key not in ('exams', 'split', 'missing_views')
        }
    made = json.dumps(generation, sort_keys=True)
    return hashlib.sha256(made.encode()).hexdigest()[:16]
