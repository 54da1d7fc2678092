"""What tells patients, studies and files apart, without saying who they are.

Elements that identify are hashed with a key drawn anew in each process, as they are
read, and nothing else of them is kept. The hashes serve to compare files in memory;
they mean nothing in another process and are never written.
"""
import hashlib
import os
from dataclasses import dataclass
from typing import Any, Callable, List, Optional, Sequence

from pydicom.dataset import Dataset

_KEY = os.urandom(32)

IDENTITY_ELEMENTS = [
    'PatientID', 'PatientBirthDate', 'PatientName', 'StudyInstanceUID', 'StudyDate',
    'SOPInstanceUID'
]
_KEPT = ('StudyInstanceUID', )  # of which header_facts makes the exam's key


@dataclass(frozen=True, repr=False)
class Identity:
    """Salted hashes of one file; ``None`` where an element is absent or empty.

    Attributes:
        patient_id, birth_date, name, study, study_date, instance (str, optional): Of
            PatientID, PatientBirthDate, PatientName, StudyInstanceUID, StudyDate and
            SOPInstanceUID. Names are compared by their letters.
    """
    patient_id: Optional[str] = None
    birth_date: Optional[str] = None
    name: Optional[str] = None
    study: Optional[str] = None
    study_date: Optional[str] = None
    instance: Optional[str] = None


def take_identity(ds: Dataset) -> Identity:
    """Hash the identifying elements of a data set and take them out of it.

    Args:
        ds (Dataset): As read, its elements not converted yet.
    """
    found = {keyword: _text(ds, keyword) for keyword in IDENTITY_ELEMENTS}
    for keyword in IDENTITY_ELEMENTS:
        if keyword not in _KEPT and keyword in ds:
            del ds[keyword]
    name = ''.join(c for c in found['PatientName'].upper() if c.isalnum())
    return Identity(
        patient_id=_hash(found['PatientID']),
        birth_date=_hash(found['PatientBirthDate']),
        name=_hash(name),
        study=_hash(found['StudyInstanceUID']),
        study_date=_hash(found['StudyDate']),
        instance=_hash(found['SOPInstanceUID']))


def _text(ds: Dataset, keyword: str) -> str:
    """Return an element as it is written, whatever it holds."""
    element = ds.get_item(keyword)
    if element is None or element.value is None:
        return ''
    raw = element.value
    text = raw.decode('latin-1') if isinstance(raw, bytes) else str(raw)
    return text.strip(' \0')


def _hash(text: str) -> Optional[str]:
    if not text:
        return None
    return hashlib.blake2b(text.encode(), key=_KEY, digest_size=16).hexdigest()


def differ(one: Identity, other: Identity) -> bool:
    """Tell whether two files name different patients.

    IDs and birth dates decide where both files have them, else the names do. What is
    absent contradicts nothing.
    """
    pairs = [(one.patient_id, other.patient_id), (one.birth_date, other.birth_date)]
    known = [pair for pair in pairs if None not in pair]
    if not known:
        known = [(one.name, other.name)] if one.name and other.name else []
    return any(a != b for a, b in known)


def part_by_patient(files: Sequence[Any],
                    identity: Callable[[Any], Identity]) -> List[List[Any]]:
    """Part files so that no two of a part name different patients.

    Args:
        files (Sequence): In any order; parts keep it.
        identity (callable): Gives the identity of a file.

    Returns:
        list[list]: The parts. A file that would fit into several of them, since it
        says too little, is in one of its own kind.
    """
    parts: List[List[Any]] = []
    vague = []
    for file in files:
        own = identity(file)
        (parts if own.patient_id or own.birth_date else vague).append([file])
    merged: List[List[Any]] = []
    for part in parts + vague:
        fitting = [other for other in merged if not any(
            differ(identity(part[0]), identity(file)) for file in other)]
        if len(fitting) == 1:
            fitting[0].extend(part)
        else:
            merged.append(part)
    order = {id(file): i for i, file in enumerate(files)}
    for part in merged:
        part.sort(key=lambda file: order[id(file)])
    return sorted(merged, key=lambda part: order[id(part[0])])


def contradiction(identities: Sequence[Identity]) -> Optional[str]:
    """Return the elements in which files of one exam differ, ``None`` if in none.

    Args:
        identities (Sequence[Identity]): Of the files.
    """
    elements = dict(patient_id='PatientID', birth_date='PatientBirthDate',
                    name='PatientName', study_date='StudyDate')
    found = [keyword for name, keyword in elements.items()
             if len({getattr(each, name) for each in identities} - {None}) > 1]
    return ', '.join(found) or None
