"""DICOM files, decoded: bit-exact, or refused with the cure."""

import numpy as np
import pytest
from dicom_making import lut_item, make_dataset, make_dicom, ramp, save
from pydicom.dataset import Dataset
from pydicom.uid import (
    MPEG2MPML,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from mammo_plugins.io import MammogramError, read_header, read_mammogram


def noise(bits=12, signed=False, shape=(40, 56)):
    low = -(2 ** (bits - 1)) if signed else 0
    values = np.random.default_rng(0).integers(low, low + 2**bits, shape)
    values.flat[:2] = low, low + 2**bits - 1
    return values.astype(np.int16 if signed else np.uint16)


def expected_levels(stored, bits, signed):
    low = -(2 ** (bits - 1)) if signed else 0
    return ((stored.astype(np.float64) - low) / (2**bits - 1)).astype(np.float32)


def test_all_4096_levels_of_a_12_bit_image_arrive(tmp_path):
    path = make_dicom(tmp_path / 'a.dcm', ramp(12))
    mammogram = read_mammogram(path)
    assert mammogram.pixels.dtype == np.float32
    assert mammogram.pixels.shape == (64, 64)
    assert len(np.unique(mammogram.pixels)) == 4096
    assert (mammogram.pixels.min(), mammogram.pixels.max()) == (0, 1)


def test_scaled_by_the_declared_range_not_by_the_image(tmp_path):
    stored = ramp(12) // 4 + 100  # 100 to 1123 of 4095
    mammogram = read_mammogram(make_dicom(tmp_path / 'a.dcm', stored))
    np.testing.assert_allclose(mammogram.pixels, stored / 4095, atol=1e-7)


@pytest.mark.parametrize(
    'syntax',
    [ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian],
)
@pytest.mark.parametrize('signed', [False, True])
def test_native_round_trip(tmp_path, syntax, signed):
    stored = noise(14, signed)
    path = make_dicom(tmp_path / 'a.dcm', stored, bits=14, signed=signed, syntax=syntax)
    np.testing.assert_array_equal(
        read_mammogram(path).pixels, expected_levels(stored, 14, signed)
    )


def test_big_endian_with_a_lut_of_words(tmp_path):
    stored = noise(12)
    item = lut_item([0], 0, 12, descriptor=[4096, 0, 12])
    item.add_new('LUTData', 'OW', np.arange(4096)[::-1].astype('>u2').tobytes())
    ds = make_dataset(
        stored, VOILUTSequence=[item], PixelData=stored.astype('>u2').tobytes()
    )
    ds['PixelData'].VR = 'OW'
    ds.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    np.testing.assert_allclose(
        read_mammogram(save(ds, tmp_path / 'a.dcm')).pixels,
        1 - stored / 4095,
        atol=1e-6,
    )


def test_eight_bits(tmp_path):
    stored = ramp(8).astype(np.uint8)
    pixels = read_mammogram(make_dicom(tmp_path / 'a.dcm', stored, bits=8)).pixels
    np.testing.assert_array_equal(pixels, (stored / 255).astype(np.float32))


@pytest.mark.parametrize('syntax', [RLELossless, JPEG2000Lossless, JPEGLSLossless])
@pytest.mark.parametrize('bits, signed', [(12, False), (16, False), (12, True)])
def test_compressed_round_trip(tmp_path, syntax, bits, signed):
    stored = noise(bits, signed)
    ds = make_dataset(stored, bits=bits, signed=signed)
    if syntax is JPEGLSLossless:
        pytest.importorskip('jpeg_ls', reason='JPEG-LS is encoded by pyjpegls')
    ds.compress(syntax, generate_instance_uid=False)
    mammogram = read_mammogram(save(ds, tmp_path / 'a.dcm'))
    np.testing.assert_array_equal(
        mammogram.pixels, expected_levels(stored, bits, signed)
    )
    assert mammogram.header['transfer_syntax'] == syntax.name


@pytest.mark.parametrize('bits', [12, 16])
def test_jpeg_lossless_round_trip(tmp_path, bits):
    gdcm = pytest.importorskip('gdcm', reason='the encoder is python-gdcm')
    stored = noise(bits)
    source = make_dicom(tmp_path / 'a.dcm', stored, bits=bits)
    reader = gdcm.ImageReader()
    reader.SetFileName(str(source))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(
        gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1)
    )
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(tmp_path / 'b.dcm'))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    mammogram = read_mammogram(tmp_path / 'b.dcm')
    assert 'JPEG Lossless' in mammogram.header['transfer_syntax']
    np.testing.assert_array_equal(
        mammogram.pixels, expected_levels(stored, bits, False)
    )


def test_the_whole_pipeline_in_its_order(tmp_path):
    """Rescale, then SIGMOID window, then inversion, by the formulas."""
    stored = noise(12)
    pixels = read_mammogram(
        make_dicom(
            tmp_path / 'a.dcm',
            stored,
            PhotometricInterpretation='MONOCHROME1',
            PresentationLUTShape='INVERSE',
            RescaleSlope=2,
            RescaleIntercept=-1000,
            WindowCenter=[3000, 1],
            WindowWidth=[2500, 1],
            VOILUTFunction='SIGMOID',
        )
    )
    hounsfield = stored * 2.0 - 1000
    np.testing.assert_allclose(
        pixels.pixels, 1 - 1 / (1 + np.exp(-4 * (hounsfield - 3000) / 2500)), atol=1e-6
    )


def test_enhanced_single_frame_keeps_its_facts_in_functional_groups(tmp_path):
    anatomy, voi, group = Dataset(), Dataset(), Dataset()
    anatomy.FrameLaterality = 'R'
    voi.WindowCenter, voi.WindowWidth = 2000, 1000
    group.FrameAnatomySequence = [anatomy]
    group.FrameVOILUTSequence = [voi]
    stored = noise(12)
    mammogram = read_mammogram(
        make_dicom(
            tmp_path / 'a.dcm',
            stored,
            NumberOfFrames=1,
            SharedFunctionalGroupsSequence=[group],
        )
    )
    assert mammogram.laterality == 'R'
    np.testing.assert_allclose(
        mammogram.pixels, np.clip((stored - 1999.5) / 999 + 0.5, 0, 1), atol=1e-6
    )


def test_wrong_bits_stored_is_told_and_mended(tmp_path):
    stored = noise(12)
    path = make_dicom(tmp_path / 'a.dcm', stored, bits=10)
    with pytest.raises(MammogramError, match='outside the 10 bits of BitsStored'):
        read_mammogram(path)
    mended = read_mammogram(path, bits_stored=12)
    np.testing.assert_array_equal(mended.pixels, expected_levels(stored, 12, False))
    assert mended.header['bits_stored'] == 12


def square_in_the_middle():
    stored = np.zeros((64, 64), np.uint16)
    stored[20:44, 20:44] = 3000 + np.arange(24)
    return stored


REFUSED = {
    'modality': (dict(Modality='CT'), r'Modality \(0008,0060\) is CT, not MG'),
    'no modality, of another kind': (
        dict(drop=('Modality',), SOPClassUID=CTImageStorage),
        r'SOPClassUID.*is CT Image Storage.*Modality.*missing: not a mammogram',
    ),
    'no modality, no breast': (
        dict(drop=('Modality',), stored=square_in_the_middle()),
        'show no breast',
    ),
    'frames': (dict(NumberOfFrames=12), '12 frames.*single-frame'),
    'colour': (dict(PhotometricInterpretation='RGB', SamplesPerPixel=3), 'colour'),
    'palette': (dict(PhotometricInterpretation='PALETTE COLOR'), 'colour'),
    'no pixels': (dict(drop=('PixelData',)), 'no pixel data'),
    'float': (dict(drop=('PixelData',), FloatPixelData=b'\0' * 16384), 'float'),
    'constant': (dict(stored=np.full((8, 8), 7, np.uint16)), 'constant image'),
    'rows': (dict(drop=('Rows',)), r'Rows \(0028,0010\) is missing'),
    'sign': (dict(drop=('PixelRepresentation',)), 'PixelRepresentation.*is missing'),
    'bits': (dict(BitsStored=17), r'BitsStored.*is 17'),
    'size': (dict(Rows=65), 'truncated: 8192 of 8320 bytes'),
}


@pytest.mark.parametrize('case', list(REFUSED))
def test_refused(tmp_path, case):
    kwargs, reason = REFUSED[case]
    path = make_dicom(tmp_path / 'bad.dcm', **dict(kwargs))
    with pytest.raises(MammogramError, match=reason) as caught:
        read_mammogram(path)
    assert str(path) in str(caught.value) and caught.value.path == str(path)
    assert caught.value.reason in str(caught.value)


@pytest.mark.parametrize(
    'case', ['modality', 'frames', 'colour', 'no modality, of another kind']
)
def test_header_alone_refuses_too(tmp_path, case):
    kwargs, reason = REFUSED[case]
    with pytest.raises(MammogramError, match=reason):
        read_header(make_dicom(tmp_path / 'bad.dcm', **kwargs))


@pytest.mark.parametrize(
    'syntax', [ExplicitVRLittleEndian, RLELossless, JPEG2000Lossless]
)
@pytest.mark.filterwarnings('ignore::UserWarning:pydicom')
def test_every_truncation_is_refused(tmp_path, syntax):
    """The last 8 bytes of a compressed file are a delimiter, no pixels."""
    ds = make_dataset(noise())
    if syntax is not ExplicitVRLittleEndian:
        ds.compress(syntax, generate_instance_uid=False)
    whole = save(ds, tmp_path / 'whole.dcm').read_bytes()
    cut = tmp_path / 'cut.dcm'
    for size in list(range(0, len(whole) - 8, len(whole) // 40)) + [len(whole) - 9]:
        cut.write_bytes(whole[:size])
        with pytest.raises(MammogramError) as caught:
            read_mammogram(cut)
    assert 'cut short' in str(caught.value) or 'truncated' in str(caught.value)


def test_unsupported_transfer_syntax(tmp_path):
    ds = make_dataset(noise())
    ds.compress(RLELossless, generate_instance_uid=False)
    ds.file_meta.TransferSyntaxUID = MPEG2MPML
    path = save(ds, tmp_path / 'a.dcm')
    with pytest.raises(MammogramError, match='MPEG2.*not supported; have its source'):
        read_mammogram(path)


@pytest.mark.parametrize(
    'syntax, cure',
    [
        (JPEG2000Lossless, 'pip install pylibjpeg pylibjpeg-openjpeg'),
        (JPEGLSLossless, 'pip install python-gdcm'),
    ],
)
def test_missing_decoder_names_the_cure(tmp_path, monkeypatch, syntax, cure):
    class Absent:
        is_available = False

    monkeypatch.setattr('mammo_plugins.io.dicom.get_decoder', lambda uid: Absent)
    ds = make_dataset(noise())
    ds.compress(RLELossless, generate_instance_uid=False)
    ds.file_meta.TransferSyntaxUID = syntax
    with pytest.raises(MammogramError, match=cure) as caught:
        read_mammogram(save(ds, tmp_path / 'a.dcm'))
    assert syntax.name in str(caught.value)
