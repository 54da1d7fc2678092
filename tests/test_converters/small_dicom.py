"""Small DICOM mammograms for the fixtures of raw data sets."""

import numpy as np
from pydicom import Sequence, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    DigitalMammographyXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    generate_uid,
)

# DICOM PS3.16 CID 4014, SNOMED CT
VIEW_CODES = dict(CC='399162004', MLO='399368009', ML='399260004')


def write_dicom(path, side, bits=12, code=None, drop=(), **elements):
    """Write a half-ellipse of tissue on its chest wall, 96 x 64.

    Args:
        path (Path): The file.
        side (str): 'L' or 'R', of the picture; 'L' has its chest wall left.
        bits (int): 8 or 12.
        code (str, optional): View for ViewCodeSequence.
        drop (tuple[str]): Keywords to leave out.
        **elements: Keywords and values that replace or add.
    """
    y, x = np.mgrid[:96, :64]
    inside = ((x / 45) ** 2 + ((y - 48) / 43) ** 2) < 1
    texture = 20 * np.sin(x / 3.0) * np.cos(y / 5.0)
    pixels = np.where(inside, 2 ** (bits - 1) + texture, 1).astype(
        np.uint8 if bits == 8 else np.uint16
    )
    pixels = pixels if side == 'L' else pixels[:, ::-1].copy()
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = DigitalMammographyXRayImageStorageForPresentation
    ds.SOPInstanceUID = generate_uid()
    ds.StudyInstanceUID = generate_uid(entropy_srcs=[str(path.parent)])
    ds.Modality = 'MG'
    ds.PatientName, ds.PatientID = 'Secretname^Planted', 'PID-7788'
    ds.PhotometricInterpretation = 'MONOCHROME2'
    ds.SamplesPerPixel, ds.PixelRepresentation = 1, 0
    ds.BitsAllocated = 8 * pixels.itemsize
    ds.BitsStored, ds.HighBit = bits, bits - 1
    ds.Rows, ds.Columns = pixels.shape
    ds.PixelData = pixels.tobytes()
    ds['PixelData'].VR = 'OB' if bits == 8 else 'OW'
    if code is not None:
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator = VIEW_CODES[code], 'SCT'
        ds.ViewCodeSequence = Sequence([item])
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    for keyword in drop:
        delattr(ds, keyword)
    path.parent.mkdir(parents=True, exist_ok=True)
    dcmwrite(path, ds, enforce_file_format=True)
