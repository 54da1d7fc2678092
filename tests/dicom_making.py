"""Makes small DICOM mammograms for the tests."""

from pathlib import Path

import numpy as np
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    DigitalMammographyXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    generate_uid,
)

IDENTITY = ('Planted', 'Secretname', '19610203', 'PID-7788')


def ramp(bits=12, signed=False, shape=(64, 64)):
    """Return stored values that walk through the whole range."""
    low = -(2 ** (bits - 1)) if signed else 0
    count = shape[0] * shape[1]
    values = low + np.arange(count) * (2**bits - 1) // (count - 1)
    return values.reshape(shape).astype(np.int16 if signed else np.uint16)


def lut_item(entries, first_mapped, bits, vr='US', descriptor=None):
    """Return an item of a modality or VOI LUT sequence."""
    item = Dataset()
    descriptor = descriptor or [len(entries) % 2**16, first_mapped, bits]
    item.add_new('LUTDescriptor', 'SS' if min(descriptor) < 0 else 'US', descriptor)
    if vr == 'OW':
        item.add_new('LUTData', 'OW', np.asarray(entries, '<u2').tobytes())
    else:
        item.add_new('LUTData', 'US', [int(entry) for entry in entries])
    return item


def make_dataset(stored=None, bits=12, signed=False, drop=(), **elements):
    """Return a mammogram with a planted identity.

    Args:
        stored (np.ndarray): (H, W) stored values; a ramp by default.
        bits (int): Bits stored.
        signed (bool): Pixel representation.
        drop (tuple[str]): Keywords to leave out.
        **elements: Keywords and values that replace or add.
    """
    stored = ramp(bits, signed) if stored is None else stored
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = DigitalMammographyXRayImageStorageForPresentation
    ds.SOPInstanceUID = generate_uid(entropy_srcs=['sop'])
    ds.StudyInstanceUID = generate_uid(entropy_srcs=['study'])
    ds.SeriesInstanceUID = generate_uid(entropy_srcs=['series'])
    ds.Modality = 'MG'
    ds.PresentationIntentType = 'FOR PRESENTATION'
    ds.PatientName = 'Secretname^Planted'
    ds.PatientID = 'PID-7788'
    ds.PatientBirthDate = '19610203'
    ds.OtherPatientNames = 'Secretname^Planted'
    ds.StudyDescription = 'for Planted Secretname'
    ds.SeriesDescription = 'PID-7788 born 19610203'
    ds.ImageComments = 'Planted Secretname'
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = 'MONOCHROME2'
    ds.Rows, ds.Columns = stored.shape
    ds.BitsAllocated = stored.dtype.itemsize * 8
    ds.BitsStored, ds.HighBit = bits, bits - 1
    ds.PixelRepresentation = int(signed)
    ds.PixelData = stored.tobytes()
    ds['PixelData'].VR = 'OW'
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    for keyword in drop:
        delattr(ds, keyword)
    return ds


def save(ds, path):
    """Write a data set as a DICOM file and return its path."""
    dcmwrite(path, ds, enforce_file_format=True)
    return Path(path)


def make_dicom(path, stored=None, syntax=ExplicitVRLittleEndian, **kwargs):
    """Write a mammogram; see :func:`make_dataset` for the arguments."""
    ds = make_dataset(stored, **kwargs)
    ds.file_meta.TransferSyntaxUID = syntax
    return save(ds, path)
