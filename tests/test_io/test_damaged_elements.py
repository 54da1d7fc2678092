"""Elements of another form than their VR, in byte orders and groups of all kinds."""

import numpy as np
import pytest
from dicom_making import IDENTITY, lut_item, make_dataset, make_dicom, ramp, save
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRBigEndian, MediaStorageDirectoryStorage

from mammo_plugins.io import MammogramError, read_header, read_mammogram


def kinds(mammogram):
    return [warning.kind for warning in mammogram.warnings]


def save_raw(ds, holder, tag, vr, data, path):
    """Save a data set with bytes in an element of ``holder`` that its VR does not allow.

    Pydicom would not write them: a private element of the same length is replaced.
    """
    tag = Tag(tag)
    marker = b'\xab' * (len(data) - 4)  # the header of OB is four bytes longer
    holder.add_new(0x00191001, 'OB', marker)
    written = save(ds, path).read_bytes()
    old = b'\x19\0\x01\x10OB\0\0' + len(marker).to_bytes(4, 'little') + marker
    assert written.count(old) == 1
    path.write_bytes(
        written.replace(
            old,
            tag.group.to_bytes(2, 'little')
            + tag.element.to_bytes(2, 'little')
            + vr.encode()
            + len(data).to_bytes(2, 'little')
            + data,
        )
    )
    return path


def grouped(**macros):
    """Return the functional groups of an enhanced object."""
    group = Dataset()
    for keyword, item in macros.items():
        setattr(group, keyword, [item])
    return dict(SharedFunctionalGroupsSequence=[group], NumberOfFrames=1)


@pytest.mark.parametrize(
    'tag, vr, data',
    [
        ('PixelSpacing', 'FD', b'PID-7788abc '),
        ('ImagerPixelSpacing', 'UL', b'123456'),
        ('WindowCenter', 'UL', b'123456'),
        ('RescaleSlope', 'FL', b'123456'),
        ('ViewCodeSequence', 'UL', b'123456'),
        ('FrameLaterality', 'UL', b'123456'),
        ('ViewPosition', 'FD', b'CC1234'),
        ('ImageType', 'UL', b'123456'),
        ('VOILUTSequence', 'DS', b'abcdef'),
        ('PatientOrientation', 'UL', b'123456'),
        ('PixelPaddingValue', 'UL', b'123456'),
        ('EstimatedRadiographicMagnificationFactor', 'FD', b'123456'),
    ],
)
@pytest.mark.parametrize('enhanced', [False, True])
def test_bytes_that_are_no_value_cost_only_their_element(
    tmp_path, tag, vr, data, enhanced
):
    item = Dataset()
    ds = make_dataset(**grouped(PixelMeasuresSequence=item) if enhanced else {})
    path = save_raw(ds, item if enhanced else ds, tag, vr, data, tmp_path / 'a.dcm')
    mammogram = read_mammogram(path)
    np.testing.assert_allclose(mammogram.pixels, ramp() / 4095, atol=1e-6)
    assert mammogram.warnings or tag in ('PixelPaddingValue', 'FrameLaterality')
    shown = repr(mammogram) + str(mammogram.warnings) + repr(read_header(path))
    assert not any(word in shown for word in IDENTITY)


@pytest.mark.parametrize(
    'tag, vr, data',
    [
        ('NumberOfFrames', 'IS', b'abcdef'),
        ('NumberOfFrames', 'IS', b'1,0   '),
        ('PlanarConfiguration', 'UL', b'123456'),
        (0x60000102, 'UL', b'123456'),
        (0x60020102, 'DS', b'abcdef'),
    ],
)
def test_so_do_elements_of_the_pixels_that_say_nothing_new(tmp_path, tag, vr, data):
    ds = make_dataset()
    path = save_raw(ds, ds, tag, vr, data, tmp_path / 'a.dcm')
    np.testing.assert_allclose(read_mammogram(path).pixels, ramp() / 4095, atol=1e-6)


@pytest.mark.parametrize(
    'elements, expected',
    [
        (dict(PixelSpacing=''), (0.07, 0.07)),
        (dict(), (0.07, 0.07)),
        (dict(PixelSpacing=[0.05, 0.05]), (0.05, 0.05)),
    ],
)
def test_a_functional_group_fills_what_is_absent_or_empty(tmp_path, elements, expected):
    item = Dataset()
    item.PixelSpacing = [0.07, 0.07]
    path = make_dicom(
        tmp_path / 'a.dcm', **elements, **grouped(PixelMeasuresSequence=item)
    )
    assert read_header(path).pixel_spacing_mm == expected


def test_magnification_in_a_functional_group(tmp_path):
    item = Dataset()
    item.EstimatedRadiographicMagnificationFactor = '1.8'
    path = make_dicom(tmp_path / 'a.dcm', **grouped(XRayGeometrySequence=item))
    assert read_header(path).header['image_kind'] == 'magnification'


@pytest.mark.parametrize(
    'keyword, data, check',
    [
        ('Modality', b'MG', lambda m: m.header['modality'] == 'MG'),
        (
            'ImageType',
            b'DERIVED\\PRIMARY\\TOMO ',
            lambda m: m.header['image_kind'] == 'tomosynthesis slice',
        ),
        ('ViewPosition', b'MLO ', lambda m: m.view == 'MLO'),
        ('PixelSpacing', b'0.07\\0.07 ', lambda m: m.pixel_spacing_mm == (0.07, 0.07)),
    ],
)
@pytest.mark.parametrize('vr', ['OB', 'UN'])
def test_text_under_the_vr_of_bytes_is_text(tmp_path, keyword, data, check, vr):
    ds = make_dataset()
    ds.add_new(keyword, vr, data)
    assert check(read_mammogram(save(ds, tmp_path / 'a.dcm')))


def big_endian(words, path, **elements):
    ds = make_dataset(ramp(), **elements)
    ds.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    ds.PixelData = words.astype('>u2').tobytes()
    ds['PixelData'].VR = 'OW'
    return ds


def test_big_endian_pixels_in_the_upper_bits(tmp_path):
    ds = big_endian(ramp() << 4, tmp_path, HighBit=15)
    mammogram = read_mammogram(save(ds, tmp_path / 'a.dcm'))
    np.testing.assert_allclose(mammogram.pixels, ramp() / 4095, atol=1e-6)
    assert kinds(mammogram) == ['pixels in the upper bits']


@pytest.mark.parametrize('position', [12, 15])
def test_big_endian_overlay(tmp_path, position):
    words = ramp() | (np.arange(4096).reshape(64, 64) % 2 << position).astype(np.uint16)
    ds = big_endian(words, tmp_path)
    ds.add_new(0x60000102, 'US', position)
    mammogram = read_mammogram(save(ds, tmp_path / 'a.dcm'))
    np.testing.assert_allclose(mammogram.pixels, ramp() / 4095, atol=1e-6)


@pytest.mark.parametrize('bits, step', [(12, 16), (14, 4)])
def test_coarse_pixels_with_a_wrong_high_bit_stay_where_they_are(tmp_path, bits, step):
    stored = ramp(bits) // step * step
    mammogram = read_mammogram(
        make_dicom(tmp_path / 'a.dcm', stored, bits=bits, HighBit=15)
    )
    np.testing.assert_allclose(mammogram.pixels, stored / (2**bits - 1), atol=1e-6)
    assert kinds(mammogram) == ['HighBit that disagrees with the pixels']


@pytest.mark.parametrize(
    'elements, kind',
    [
        (
            dict(PixelPaddingValue=0, PixelPaddingRangeLimit=4095),
            'padding that covers the image',
        ),
        (
            dict(ModalityLUTSequence=[lut_item([1, 2, 3], 50000, 12)]),
            'LUT that cannot be used',
        ),
        (dict(WindowCenter=2048, WindowWidth=1e12), 'window that cannot be used'),
        (dict(WindowCenter=2048, WindowWidth=2**20), 'window that cannot be used'),
    ],
)
def test_what_would_make_the_image_flat_is_not_used(tmp_path, elements, kind):
    mammogram = read_mammogram(make_dicom(tmp_path / 'a.dcm', **elements))
    np.testing.assert_allclose(mammogram.pixels, ramp() / 4095, atol=1e-6)
    assert kind in kinds(mammogram)
    assert mammogram.header['voi_lut'] is None


@pytest.mark.parametrize('photometric', ['monochrome2', 'MONOCHROME2 '])
def test_photometric_interpretation_of_another_spelling(tmp_path, photometric):
    ds = make_dataset()
    ds.add_new('PhotometricInterpretation', 'LO', photometric)
    np.testing.assert_allclose(
        read_mammogram(save(ds, tmp_path / 'a.dcm')).pixels, ramp() / 4095, atol=1e-6
    )


@pytest.mark.parametrize(
    'elements, reason',
    [
        (dict(PixelRepresentation=2), 'PixelRepresentation.*neither 0 nor 1'),
        (dict(drop=('PhotometricInterpretation',)), 'is missing: the header'),
        (
            dict(stored=np.tile(ramp(), (2, 1)), Rows=64),
            '16384 bytes of pixel data, 8192',
        ),
    ],
)
def test_refused_with_the_right_reason(tmp_path, elements, reason):
    with pytest.raises(MammogramError, match=reason):
        read_mammogram(make_dicom(tmp_path / 'a.dcm', **elements))


def test_a_dicomdir_is_named(tmp_path):
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = '1.2.840.10008.1.2.1'
    ds.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    ds.file_meta.MediaStorageSOPInstanceUID = '1.2.3'
    ds.FileSetID = 'CD'
    ds.save_as(tmp_path / 'DICOMDIR', enforce_file_format=True)
    with pytest.raises(MammogramError, match='a DICOMDIR.* read it with mammo index'):
        read_header(tmp_path / 'DICOMDIR')


@pytest.mark.parametrize(
    'keyword, text',
    [
        ('ViewPosition', 'SECRETNAME'),
        ('ViewPosition', 'PID-7788'),
        ('ImageLaterality', 'PLANTED '),
        ('PixelSpacing', '19610203\\1'),
        ('PatientOrientation', 'SECRETNAME\\A'),
        ('Manufacturer', 'Planted Secretname'),
        ('ImageType', 'PID-7788\\PRIMARY'),
        ('VOILUTFunction', 'SECRETNAME'),
    ],
)
def test_what_is_the_patients_is_not_quoted(tmp_path, keyword, text):
    """Where elements are shifted in a damaged file, any may hold the name."""
    ds = make_dataset(WindowCenter=2048, WindowWidth=4096)
    vr = dict(PixelSpacing='DS').get(keyword, 'CS')
    path = save_raw(ds, ds, keyword, vr, text.encode(), tmp_path / 'a.dcm')
    found = read_mammogram(path)
    shown = (repr(found) + str(found.header) + str(found.warnings)).upper()
    assert not any(word.upper() in shown for word in IDENTITY)


@pytest.mark.parametrize('keyword', ['Modality', 'PhotometricInterpretation'])
def test_refusals_do_not_quote_the_patient(tmp_path, keyword):
    path = make_dicom(tmp_path / 'a.dcm', **{keyword: 'SECRETNAME'})
    with pytest.raises(MammogramError) as caught:
        read_header(path)
    assert 'SECRETNAME' not in str(caught.value)


def test_a_first_value_within_the_range_is_taken_as_it_is(tmp_path):
    """A negative intercept makes input values signed, but 40000 is among them."""
    entries = np.arange(20000) * 4095 // 19999
    item = lut_item(entries, 0, 12, descriptor=[20000, 40000, 12])
    stored = ramp(16)
    mammogram = read_mammogram(
        make_dicom(
            tmp_path / 'a.dcm',
            stored,
            bits=16,
            RescaleSlope=1,
            RescaleIntercept=-1,
            VOILUTSequence=[item],
        )
    )
    expected = entries[np.clip(stored.astype(int) - 1 - 40000, 0, 19999)] / 4095
    np.testing.assert_allclose(mammogram.pixels, expected, atol=1e-6)
    assert not mammogram.warnings


def test_a_sound_lut_of_signed_pixels_is_not_warned_of_beside_another_fault(tmp_path):
    item = lut_item(np.arange(4096), -2048, 12)
    mammogram = read_mammogram(
        make_dicom(
            tmp_path / 'a.dcm',
            signed=True,
            ModalityLUTSequence=[item],
            ImagerPixelSpacing=[0, 0],
        )
    )
    np.testing.assert_allclose(
        mammogram.pixels, (ramp(signed=True) + 2048) / 4095, atol=1e-6
    )
    assert kinds(mammogram) == ['pixel spacing that makes no sense']
