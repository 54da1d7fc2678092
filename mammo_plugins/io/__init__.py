"""Reading mammograms (DICOM or pictures) and writing results."""

from mammo_plugins.io.arrays import read_arrays, write_arrays
from mammo_plugins.io.dicom_warnings import DicomWarnings
from mammo_plugins.io.errors import MammogramError
from mammo_plugins.io.json_files import JsonError, parse_json, read_json
from mammo_plugins.io.json_lines import JsonLines, write_json_lines
from mammo_plugins.io.limits import ReadingLimits, add_limit_argument
from mammo_plugins.io.mammogram import Mammogram, MammogramHeader
from mammo_plugins.io.reading import read_header, read_mammogram
from mammo_plugins.io.regular import (
    IrregularFileError,
    file_sha256,
    irregular_kind,
    open_regular,
)
from mammo_plugins.io.streamed_json import StreamedJson
from mammo_plugins.io.walking import walk_folder
from mammo_plugins.io.writing import (
    Entries,
    atomic_path,
    file_error,
    temporary_folder,
    write_json,
)

__all__ = [
    'DicomWarnings',
    'Entries',
    'IrregularFileError',
    'JsonError',
    'JsonLines',
    'Mammogram',
    'MammogramError',
    'MammogramHeader',
    'ReadingLimits',
    'StreamedJson',
    'add_limit_argument',
    'atomic_path',
    'file_error',
    'file_sha256',
    'irregular_kind',
    'open_regular',
    'parse_json',
    'read_arrays',
    'read_header',
    'read_json',
    'read_mammogram',
    'temporary_folder',
    'walk_folder',
    'write_arrays',
    'write_json',
    'write_json_lines',
]
