"""What tells patients, studies and files apart, without saying who they are.

Elements that identify are hashed with a key drawn anew in each process, as they are
read, and nothing else of them is kept. The hashes serve to compare files in memory;
they mean nothing in another process and are never written.
"""
import hashlib
import os
from dataclasses import dataclass
from typing import Optional

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
