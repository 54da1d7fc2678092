"""Distinguishing patients and their visits without identifying them.

Identifying elements are hashed as they are read, with a key drawn in each process, and
nothing else of them is kept. The hashes serve to compare files in memory. They are
meaningless in another process, except in its workers, and are never written.
"""

import hashlib
import os
import re
import unicodedata
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.dataset import Dataset

_key = os.urandom(32)

IDENTITY_ELEMENTS = ['PatientID', 'PatientBirthDate', 'PatientName', 'StudyDate']
_DELIMITERS = {ord(each) for each in '^=\\\r\n\t\f'}
# a PatientID of CBIS-DDSM, which numbers images rather than patients
_VIEW_SUFFIX = re.compile(r'[_-](LEFT|RIGHT|L|R)[_-](CC|MLO)(_\d+)?$')


@dataclass(frozen=True, repr=False)
class Identity:
    """Salted hashes of one file; ``None`` where an element is absent or empty.

    Attributes:
        patient_id, birth_date, name, study_date (str, optional): Hashes of PatientID,
            PatientBirthDate, PatientName and StudyDate. IDs and names are compared
            without case, punctuation and a trailing view, dates by their digits.
    """

    patient_id: str | None = None
    birth_date: str | None = None
    name: str | None = None
    study_date: str | None = None


def shared_key() -> bytes:
    """Return the key of this process, for its worker processes."""
    return _key


def use_key(key: bytes) -> None:
    """Hash with the key of the process for which this one reads files.

    Args:
        key (bytes): The other process's :func:`shared_key`; it is never written.
    """
    global _key
    _key = key


def take_identity(ds: Dataset) -> Identity:
    """Hash the identifying elements of a data set and remove them from it.

    Args:
        ds (Dataset): The data set as read, with its elements not yet converted.
    """
    found = {keyword: _text(ds, keyword).upper() for keyword in IDENTITY_ELEMENTS}
    for keyword in IDENTITY_ELEMENTS:
        if keyword in ds:
            del ds[keyword]
    return Identity(
        patient_id=_hash(_letters(_VIEW_SUFFIX.sub('', found['PatientID']))),
        birth_date=_hash(re.sub(r'\D', '', found['PatientBirthDate'])),
        name=_hash(_letters(_VIEW_SUFFIX.sub('', found['PatientName']))),
        study_date=_hash(re.sub(r'\D', '', found['StudyDate'])),
    )


def _letters(text: str) -> str:
    return ''.join(character for character in text if character.isalnum())


def _text(ds: Dataset, keyword: str) -> str:
    """Return an element in its character set, as Latin-1 if that cannot be decoded."""
    element = ds.get_item(keyword)
    if element is None or element.value is None:
        return ''
    raw = element.value
    text = _decoded(raw, ds) if isinstance(raw, bytes) else str(raw)
    return unicodedata.normalize('NFKC', text).strip(' \0')


def _decoded(raw: bytes, ds: Dataset) -> str:
    if raw.isascii() and b'\x1b' not in raw:
        return raw.decode()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # the reader reports it
            terms = ds.get('SpecificCharacterSet') or ''
            return decode_bytes(raw, convert_encodings(terms), _DELIMITERS)
    except Exception:  # an unknown or damaged character set
        return raw.decode('latin-1')


def _hash(text: str) -> str | None:
    if not text:
        return None
    return hashlib.blake2b(text.encode(), key=_key, digest_size=16).hexdigest()


def _differ(one: Sequence[str | None], other: Sequence[str | None]) -> bool:
    """Return whether two (ID, birth date, name) belong to different patients.

    IDs and birth dates decide if both have them, else names do. An absent element
    contradicts nothing.
    """
    known = [(a, b) for a, b in zip(one[:2], other[:2]) if a and b]
    if not known and one[2] and other[2]:
        known = [(one[2], other[2])]
    return any(a != b for a, b in known)


def _named(own: Identity) -> tuple[str | None, ...]:
    return own.patient_id, own.birth_date, own.name


def part_by_patient(
    files: Sequence[Any], identity: Callable[[Any], Identity]
) -> list[list[Any]]:
    """Group files so that no two in a group name different patients.

    Args:
        files (Sequence): Files in any order, which the groups keep.
        identity (callable): Returns the identity of a file.

    Returns:
        list[list]: The groups. A file that states too little and would fit several
        groups is in a group of such files.
    """
    same: dict[tuple[str | None, ...], list[Any]] = {}
    for file in files:
        same.setdefault(_named(identity(file)), []).append(file)
    # files that state more come first, so that the order of files does not matter
    order = sorted(same, key=lambda own: [part is None for part in own])
    parts: list[list[tuple[str | None, ...]]] = []
    for own in order:
        fitting = [
            part for part in parts if not any(_differ(own, other) for other in part)
        ]
        if len(fitting) == 1:
            fitting[0].append(own)
        else:
            parts.append([own])
    place = {own: i for i, part in enumerate(parts) for own in part}
    result: dict[int, list[Any]] = {}
    for file in files:
        result.setdefault(place[_named(identity(file))], []).append(file)
    return list(result.values())


def contradiction(identities: Sequence[Identity]) -> str | None:
    """Return the elements in which files of one exam differ, ``None`` if in none.

    Args:
        identities (Sequence[Identity]): The files' identities.
    """
    elements = dict(
        patient_id='PatientID',
        birth_date='PatientBirthDate',
        name='PatientName',
        study_date='StudyDate',
    )
    found = [
        keyword
        for name, keyword in elements.items()
        if len({getattr(each, name) for each in identities} - {None}) > 1
    ]
    return ', '.join(found) or None
