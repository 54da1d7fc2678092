"""Reading one mammogram, whatever its file format."""

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mammo_plugins.io.dicom import read_dicom, read_dicom_header
from mammo_plugins.io.dicom_warnings import DicomWarnings
from mammo_plugins.io.errors import Defect, MammogramError, is_panic
from mammo_plugins.io.limits import Budget, ReadingLimits, new_budget
from mammo_plugins.io.mammogram import Mammogram, MammogramHeader
from mammo_plugins.io.meta_image import is_meta_image, read_meta_header, read_meta_image
from mammo_plugins.io.pictures import picture_format, read_picture, read_picture_header
from mammo_plugins.io.regular import IrregularFileError, open_regular


def read_mammogram(
    path: str | Path,
    *,
    bits_stored: int | None = None,
    limits: ReadingLimits | None = None,
) -> Mammogram:
    """Read a mammogram from DICOM, PNG, TIFF, JPEG, PGM or a MetaImage (``.mhd``).

    The format is detected from the file's first bytes, not its name. Pixels are
    processed as in the DICOM standard (:mod:`~mammo_plugins.io.grayscale`) and scaled
    by the range of values that the file declares, never by the values in it.

    Args:
        path (str | Path): The file.
        bits_stored (int, optional): Depth of the pixel values, 1 to 16, if a DICOM
            header is wrong or a 16-bit picture does not state it (see
            :func:`~mammo_plugins.io.pictures.read_picture`). Defaults to ``None``.
        limits (ReadingLimits, optional): Greatest size of a file. Defaults to ``None``,
            the process's limits (:meth:`ReadingLimits.current`).

    Returns:
        Mammogram: (H, W) float32 pixels in [0, 1], bright tissue on a dark
        background, and the facts of the header.

    Raises:
        MammogramError: If the file is not a usable mammogram.
        ValueError: If ``bits_stored`` is not 1 to 16.

    Example:
        >>> mammogram = read_mammogram('exam/left_cc.dcm')
        >>> mammogram.pixels.shape, mammogram.laterality, mammogram.view
        ((3328, 2560), 'L', 'CC')
    """
    if bits_stored is not None and not 1 <= bits_stored <= 16:
        raise ValueError(f'bits_stored is {bits_stored}, but 1 to 16 is expected')
    with guarded(path, limits):
        name = _file_format(Path(path))
        if name == 'DICOM':
            mammogram = read_dicom(path, bits_stored)
        elif name == 'MetaImage':
            mammogram = read_meta_image(Path(path), bits_stored)
        else:
            mammogram = read_picture(Path(path), name, bits_stored)
        pixels = mammogram.pixels
        if not 0 <= pixels.min() <= pixels.max() <= 1:  # False for NaN
            raise Defect('its levels as displayed are not finite; correct the header')
    return mammogram


def read_header(
    path: str | Path, *, limits: ReadingLimits | None = None
) -> MammogramHeader:
    """Read the facts of a mammogram without decoding its pixels.

    This is fast enough to group a folder of files into exams. The facts are those of
    :func:`read_mammogram`, except that the depth of a picture is unknown.

    Args:
        path (str | Path): The file.
        limits (ReadingLimits, optional): As for :func:`read_mammogram`.

    Returns:
        MammogramHeader: Laterality, view, spacing and the white-listed facts.

    Raises:
        MammogramError: If the header shows that the file is not a usable
            mammogram. Faults of the pixel data are not detected.
    """
    with guarded(path, limits):
        name = _file_format(Path(path))
        if name == 'DICOM':
            header = read_dicom_header(path)
        elif name == 'MetaImage':
            header = read_meta_header(Path(path))
        else:
            header = read_picture_header(Path(path), name)
    return header


@contextmanager
def guarded(path: str | Path, limits: ReadingLimits | None = None) -> Iterator[None]:
    """Context to read a file within limits; libraries' warnings lose what they quote.

    Args:
        path (str | Path), limits (ReadingLimits, optional): As for
            :func:`read_mammogram`.

    Raises:
        MammogramError: Instead of whatever reading raises on a faulty file.
    """
    with DicomWarnings(threads=False) as warned, new_budget(limits) as left:
        with _named_errors(path, left):
            yield
    warned.tell(path)


@contextmanager
def _named_errors(path: str | Path, left: Budget) -> Iterator[None]:
    """Turn the reason for refusing a file into an error that names the file.

    Of other errors, which libraries raise on damaged files, only the class is reported,
    since their text may quote the file. Decoders written in Rust raise a
    ``PanicException``, which is not an ``Exception``.
    """
    try:
        yield
        if left.exceeded:
            raise left.exceeded
    except BaseException as error:
        if not isinstance(error, Exception) and not is_panic(error):
            raise
        if left.exceeded or isinstance(error, Defect):
            reason = str(left.exceeded or error)
        elif isinstance(error, MemoryError):
            reason = (
                'needs more memory than available: exclude it, or read it on a '
                'machine with more'
            )
        else:
            reason = (
                f'cannot be read ({type(error).__name__}): the file is damaged; '
                'copy it again from its source'
            )
        raise MammogramError(path, reason) from None


def _file_format(path: Path) -> str:
    """Return 'DICOM', 'PNG', 'TIFF', 'JPEG', 'PGM' or 'MetaImage'."""
    try:
        with open_regular(path) as file:
            # files without a size, such as those in /proc, may block when read
            start = file.read(132) if os.fstat(file.fileno()).st_size else b''
    except FileNotFoundError:
        raise Defect('no such file; check the path') from None
    except IrregularFileError as error:
        raise Defect(f'is {error.kind}, not an image file; leave it out') from None
    except OSError as error:
        raise Defect(
            f'cannot be opened ({error.strerror}); check the path and its permissions'
        ) from None
    except ValueError:  # NUL in its name
        raise Defect('no such file; check the path') from None
    if not start:
        raise Defect('empty file; copy it again from its source')
    name = 'DICOM' if _is_dicom(start) else picture_format(start)
    if name is None and is_meta_image(start):
        name = 'MetaImage'
    if name is None:
        raise Defect(
            'neither DICOM, nor a PNG, TIFF, JPEG or PGM picture, nor a '
            'MetaImage header; leave it out, or copy it again from its source'
        )
    return name


def _is_dicom(start: bytes) -> bool:
    """Detect DICOM by its preamble, or else by a first element of group 2 or 8."""
    if start[128:] == b'DICM' or start[:4] == b'DICM':
        return True
    explicit = start[4:6].isalpha() and start[4:6].isupper()
    for order in '<>':
        group, element = struct.unpack(f'{order}HH', start[:4].ljust(4, b'\xff'))
        (length,) = struct.unpack(f'{order}I', start[4:8].ljust(4, b'\xff'))
        if (
            group in (0x0002, 0x0008)
            and element <= 0x0100
            and (explicit or length < 2**16)
        ):
            return True
    return False
