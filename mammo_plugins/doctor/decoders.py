"""DICOM decoders."""

from .check import Check

SYNTAXES = (
    ('uncompressed', 'ExplicitVRLittleEndian', ()),
    ('deflated', 'DeflatedExplicitVRLittleEndian', ()),
    ('RLE', 'RLELossless', ('pylibjpeg', 'pylibjpeg-rle')),
    ('JPEG baseline', 'JPEGBaseline8Bit', ('python-gdcm',)),
    ('JPEG extended', 'JPEGExtended12Bit', ('python-gdcm',)),
    ('JPEG lossless', 'JPEGLossless', ('python-gdcm',)),
    ('JPEG lossless SV1', 'JPEGLosslessSV1', ('python-gdcm',)),
    ('JPEG-LS lossless', 'JPEGLSLossless', ('python-gdcm',)),
    ('JPEG-LS near-lossless', 'JPEGLSNearLossless', ('python-gdcm',)),
    ('JPEG 2000 lossless', 'JPEG2000Lossless', ('pylibjpeg', 'pylibjpeg-openjpeg')),
    ('JPEG 2000', 'JPEG2000', ('pylibjpeg', 'pylibjpeg-openjpeg')),
    ('HTJ2K lossless', 'HTJ2KLossless', ('pylibjpeg', 'pylibjpeg-openjpeg')),
)
"""Label, name in pydicom.uid, and what to install for a decoder."""


def decoder_checks() -> list[Check]:
    """Check the DICOM decoders by transfer syntax."""
    try:
        from pydicom import uid
        from pydicom.pixels import get_decoder
    except ImportError:
        return [Check('DICOM decoders', 'pydicom >=3 does not import', 'not checked')]
    checks = []
    for label, syntax, dists in SYNTAXES:
        decoder = get_decoder(getattr(uid, syntax))
        plugins = list(decoder.available_plugins)
        if syntax == 'JPEGExtended12Bit' and 'pillow' in plugins:
            plugins.remove('pillow')  # it decodes only 8 bits
        name = f'DICOM {label}'
        if plugins:
            checks.append(Check(name, ', '.join(plugins)))
        elif decoder.is_available and not dists:
            checks.append(Check(name, 'pydicom'))
        else:
            checks.append(
                Check(
                    name,
                    'no decoder: such files cannot be read',
                    'problem',
                    f'pip install {" ".join(dists)}',
                )
            )
    return checks
