"""Writing phantom images as DICOM mammograms with the variety of vendors' formats.

Every file is 'For Presentation'. Vendors differ in the stored scale and in the
VOI transform that undoes it, in the photometric interpretation and in which
optional attributes they fill in; the displayed image is the same.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DigitalMammographyXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    generate_uid,
)

from mammo_plugins.io import atomic_path
from mammo_plugins.phantom.physics import WHITE
from mammo_plugins.structures import other_laterality

VOI_KINDS = ('LINEAR', 'LINEAR_EXACT', 'SIGMOID', 'LUT', None)
# (value, SRT and SCT codes, meaning) of DICOM CID 4014
_VIEW_CODES = {
    'CC': ('R-10242', '399162004', 'cranio-caudal'),
    'MLO': ('R-10226', '399368009', 'medio-lateral oblique'),
}
_MODALITY_TEXT = {'FFDM': None, 'CEM-LE': 'LOW_ENERGY', 'CEM-RC': 'RECOMBINED'}


@dataclass(frozen=True)
class Vendor:
    """The DICOM habits of the unit that acquired an exam.

    Args:
        inverted: Store MONOCHROME1.
        voi: One of ``VOI_KINDS``; None leaves the VOI out.
        view_position: Fill in ViewPosition.
        view_code: Fill in ViewCodeSequence; never False with the former.
        orientation: Fill in PatientOrientation.
        lut_shape: Fill in PresentationLUTShape.
        spacing: Fill in PixelSpacing in addition to ImagerPixelSpacing.
        sct: Use SNOMED CT codes rather than SNOMED-RT.
    """

    inverted: bool
    voi: str | None
    view_position: bool
    view_code: bool
    orientation: bool
    lut_shape: bool
    spacing: bool
    sct: bool


def sample_vendor(rng: np.random.Generator) -> Vendor:
    """Draw habits such that laterality and view can always be determined."""
    chance = rng.random(7)
    code_only = bool(chance[1] < 0.2)
    return Vendor(
        inverted=bool(chance[0] < 0.3),
        voi=VOI_KINDS[rng.integers(len(VOI_KINDS))],
        view_position=not code_only,
        view_code=code_only or bool(chance[2] < 0.7),
        orientation=bool(chance[3] < 0.8),
        lut_shape=bool(chance[4] < 0.7),
        spacing=bool(chance[5] < 0.5),
        sct=bool(chance[6] < 0.5),
    )


def _encode(pixels: np.ndarray, voi: str | None, ds: Dataset) -> np.ndarray:
    """Return the stored values of displayed ones; add the inverse VOI to ``ds``.

    Args:
        pixels: (H, W) displayed values, 0 to 4095, before any inversion.
        voi: One of ``VOI_KINDS``.
        ds: Receives the VOI attributes.
    """
    values = pixels.astype(np.float64)
    if voi == 'LINEAR':
        ds.WindowCenter, ds.WindowWidth = '2048', '4096'
    elif voi == 'LINEAR_EXACT':
        values = 300 + 0.8 * values
        ds.WindowCenter, ds.WindowWidth = '1938', '3276'
        ds.VOILUTFunction = 'LINEAR_EXACT'
    elif voi == 'SIGMOID':
        # display = 4095 / (1 + exp(-4 (stored - centre) / width))
        share = np.clip(values / WHITE, 0.002, 0.998)
        values = 2048 + 325 * np.log(share / (1 - share))
        ds.WindowCenter, ds.WindowWidth = '2048', '1300'
        ds.VOILUTFunction = 'SIGMOID'
    elif voi == 'LUT':
        values = WHITE * (values / WHITE) ** 0.8
        item = Dataset()
        item.LUTDescriptor = [WHITE + 1, 0, 12]
        item.LUTExplanation = 'NORMAL'
        table = WHITE * (np.arange(WHITE + 1) / WHITE) ** (1 / 0.8)
        item.LUTData = np.rint(table).astype('<u2').tobytes()
        item['LUTData'].VR = 'OW'
        ds.VOILUTSequence = Sequence([item])
    return np.rint(np.clip(values, 0, WHITE)).astype('<u2')


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = scheme
    item.CodeMeaning = meaning
    return item


def _orientation(laterality: str, view: str) -> tuple[str, str]:
    """Return the directions of rows and columns for the standard hanging."""
    across = {'L': 'A', 'R': 'P'}[laterality]
    down = other_laterality(laterality)  # from lateral to medial
    return across, down if view == 'CC' else 'F' + down


def _patient(ds: Dataset, number: int, uid_root: str) -> None:
    ds.PatientName = f'PHANTOM^{number:04d}'
    ds.PatientID = f'PHANTOM-{number:04d}'
    ds.PatientBirthDate = ''
    ds.PatientSex = 'F'
    ds.StudyInstanceUID = generate_uid(entropy_srcs=[uid_root, 'study'])
    ds.StudyID = f'{number}'
    ds.StudyDate, ds.StudyTime = '20000101', '120000'
    ds.ContentDate, ds.ContentTime = ds.StudyDate, ds.StudyTime
    ds.AccessionNumber = ''
    ds.ReferringPhysicianName = ''


def _acquisition(
    ds: Dataset,
    laterality: str,
    view: str,
    modality: str,
    vendor: Vendor,
    pixel_mm: float,
    angle: float,
) -> None:
    ds.Manufacturer = 'mammo_plugins phantom'
    ds.ManufacturerModelName = f'phantom {vendor.voi or "plain"}'
    ds.Modality = 'MG'
    ds.PresentationIntentType = 'FOR PRESENTATION'
    ds.ImageType = ['DERIVED', 'PRIMARY']
    if _MODALITY_TEXT[modality]:
        ds.ImageType = ['DERIVED', 'PRIMARY', '', _MODALITY_TEXT[modality]]
        ds.SeriesDescription = _MODALITY_TEXT[modality]
    ds.BodyPartExamined = 'BREAST'
    ds.ImageLaterality = laterality
    ds.PositionerType = 'MAMMOGRAPHIC'
    ds.PositionerPrimaryAngle = f'{angle:.1f}'
    ds.BreastImplantPresent = 'NO'
    if vendor.view_position:
        ds.ViewPosition = view
    if vendor.view_code:
        srt, sct, meaning = _VIEW_CODES[view]
        item = _code(sct, 'SCT', meaning) if vendor.sct else _code(srt, 'SRT', meaning)
        item.ViewModifierCodeSequence = Sequence([])
        ds.ViewCodeSequence = Sequence([item])
    if vendor.orientation:
        ds.PatientOrientation = list(_orientation(laterality, view))
    spacing = [f'{pixel_mm:.6g}'] * 2
    ds.ImagerPixelSpacing = spacing
    if vendor.spacing:
        ds.PixelSpacing = spacing


def mammogram_dataset(
    pixels: np.ndarray,
    laterality: str,
    view: str,
    modality: str,
    vendor: Vendor,
    pixel_mm: float,
    angle: float,
    number: int,
    uid_root: str,
) -> Dataset:
    """Build a Digital Mammography X-Ray Image – For Presentation.

    Args:
        pixels: (H, W) uint16 displayed values, 12 bits, tissue bright.
        laterality, view, modality: Content of the image.
        vendor: How to store it.
        pixel_mm: Side of a pixel in mm.
        angle: Positioner angle in degrees.
        number: Running number of the (synthetic) patient.
        uid_root: Text from which every UID of the exam is derived.
    """
    ds = Dataset()
    name = f'{laterality}-{view}-{modality}'
    ds.SOPClassUID = DigitalMammographyXRayImageStorageForPresentation
    ds.SOPInstanceUID = generate_uid(entropy_srcs=[uid_root, name])
    ds.SeriesInstanceUID = generate_uid(entropy_srcs=[uid_root, name, 's'])
    ds.SeriesNumber = ds.InstanceNumber = '1'
    _patient(ds, number, uid_root)
    _acquisition(ds, laterality, view, modality, vendor, pixel_mm, angle)
    # the VOI comes before inversion, which is the display's last step
    shown = WHITE - pixels if vendor.inverted else pixels
    stored = _encode(shown, vendor.voi, ds)
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = 'MONOCHROME1' if vendor.inverted else 'MONOCHROME2'
    if vendor.lut_shape:
        ds.PresentationLUTShape = 'INVERSE' if vendor.inverted else 'IDENTITY'
    ds.Rows, ds.Columns = pixels.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 11
    ds.PixelRepresentation = 0
    ds.PixelIntensityRelationship = 'LOG'
    ds.PixelIntensityRelationshipSign = -1 if vendor.inverted else 1
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = '0', '1', 'US'
    ds.BurnedInAnnotation = 'NO'
    ds.LossyImageCompression = '00'
    ds.PixelData = stored.tobytes()
    ds['PixelData'].VR = 'OW'
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds


def write_dicom(path: str | Path, ds: Dataset) -> None:
    """Write a DICOM file atomically."""
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    write_bytes(path, buffer.getvalue())


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a file, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
