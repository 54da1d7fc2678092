"""What every converter of a raw data set is."""

from abc import ABC, abstractmethod
from argparse import Namespace
from pathlib import Path

import numpy as np

from .outlines import read_mask
from .records import Catalogue, RawView


class Converter(ABC):
    """Reads the tables of one data set.

    A subclass finds the views and says what is known of them;
    :func:`~mammo_plugins.converters.conversion.convert` does the rest. It must be
    picklable, for views are worked on in several processes.

    Attributes:
        name (str): Of the data set, in the output.
        categories (tuple[str]): Kinds of lesions, in the order of their ids.
        refuses_lost_lesions (bool): Whether it is an error that none of the lesions can
            be used.
        official_split (bool): Whether ``RawView.part`` is known.
        ratios (dict[str, float]): Shares of the parts by default.
    """

    name: str = ''
    categories: tuple[str, ...] = ('mass',)
    refuses_lost_lesions: bool = False
    official_split: bool = False
    ratios: dict[str, float] = dict(train=0.8, val=0.1, test=0.1)

    def configure(self, args: Namespace) -> None:
        """Take the values of options that only this converter has.

        ``official_split`` may be set here. The options are in
        ``mammo_cli/commands/convert.py``.

        Args:
            args (Namespace): All options, as read.

        Raises:
            ConversionError: If a value cannot be used.
        """

    @abstractmethod
    def catalogue(self, raw: Path) -> Catalogue:
        """Find all views and what the tables say of them; reads no pixels.

        Args:
            raw (Path): The raw folder.

        Raises:
            ConversionError: If the folder is not of this data set.
        """

    def prepare(self, raw: Path, view: RawView, out: Path) -> Path:
        """Return a file that ``read_mammogram`` reads.

        Args:
            raw (Path): The raw folder.
            view (RawView): The view.
            out (Path): The data root, for files that have to be made.

        Returns:
            Path: Relative to ``out``; by default the raw file, through the link
            ``out/raw``.

        Raises:
            MammogramError: If the raw file cannot be used.
        """
        return Path('raw') / view.file

    def read_mask(self, path: Path, height: int, width: int) -> np.ndarray:
        """Return a lesion's mask; by default that of a picture or DICOM.

        Args:
            path (Path): ``RawLesion.mask_file``, with its folder.
            height (int), width (int): Of the image that :meth:`prepare` gives.

        Returns:
            np.ndarray: (height, width) uint8, 0 or 1.

        Raises:
            MammogramError: If it cannot be read.
        """
        return read_mask(path, height, width)
