"""The base class of all converters."""

from abc import ABC, abstractmethod
from argparse import Namespace
from pathlib import Path

import numpy as np

from .outlines import read_mask
from .records import Catalogue, RawView


class Converter(ABC):
    """Base class that reads the tables of one data set.

    A subclass finds the views and reports what is known about them;
    :func:`~mammo_plugins.converters.conversion.convert` does the rest. It must be
    picklable because views are processed in several processes.

    Attributes:
        name (str): Name of the data set in the output.
        categories (tuple[str]): Lesion categories, in the order of their ids.
        refuses_lost_lesions (bool): Whether it is an error if no lesion can be used.
        official_split (bool): Whether ``RawView.part`` is known.
        ratios (dict[str, float]): Default shares of the parts.
    """

    name: str = ''
    categories: tuple[str, ...] = ('mass',)
    refuses_lost_lesions: bool = False
    official_split: bool = False
    ratios: dict[str, float] = dict(train=0.8, val=0.1, test=0.1)

    def configure(self, args: Namespace) -> None:
        """Apply the options that only this converter has.

        ``official_split`` may be set here. ``mammo_cli/commands/convert.py`` defines
        the options.

        Args:
            args (Namespace): All parsed options.

        Raises:
            ConversionError: If a value cannot be used.
        """

    @abstractmethod
    def catalogue(self, raw: Path) -> Catalogue:
        """Find all views and what the tables state about them, without reading pixels.

        Args:
            raw (Path): The raw folder.

        Raises:
            ConversionError: If the folder does not contain this data set.
        """

    def prepare(self, raw: Path, view: RawView, out: Path) -> Path:
        """Return a file that ``read_mammogram`` reads.

        Args:
            raw (Path): The raw folder.
            view (RawView): The view.
            out (Path): The data root, for files that have to be created.

        Returns:
            Path: Relative to ``out``; by default the raw file, through the link
            ``out/raw``.

        Raises:
            MammogramError: If the raw file cannot be used.
        """
        return Path('raw') / view.file

    def read_mask(self, path: Path, height: int, width: int) -> np.ndarray:
        """Read a lesion's mask, by default from a picture or a DICOM file.

        Args:
            path (Path): ``RawLesion.mask_file`` including its folder.
            height (int), width (int): Size of the image that :meth:`prepare` returns.

        Returns:
            np.ndarray: (height, width) uint8, 0 or 1.

        Raises:
            MammogramError: If it cannot be read.
        """
        return read_mask(path, height, width)
