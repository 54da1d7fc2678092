"""Making MetaImages in the form of those of VICTRE and ITK."""

import numpy as np

TYPES = {
    'f4': 'MET_FLOAT',
    'f8': 'MET_DOUBLE',
    'u1': 'MET_UCHAR',
    'u2': 'MET_USHORT',
    'i2': 'MET_SHORT',
    'i4': 'MET_INT',
}


def write_mhd(path, values, planes=1, data=None, **fields):
    """Write a header and its ``.raw``; ``None`` takes a field out."""
    values = np.asarray(values)
    raw = path.with_suffix('.raw')
    header = dict(
        ObjectType='Image',
        NDims=values.ndim,
        BinaryData='True',
        BinaryDataByteOrderMSB='False',
        CompressedData='False',
        TransformMatrix='1 0 0 0 1 0 0 0 1',
        Offset='0 0 0',
        CenterOfRotation='0 0 0',
        ElementSpacing='0.085 0.085',
        DimSize=' '.join(map(str, values.shape[::-1])),
        AnatomicalOrientation='???',
        ElementType=TYPES.get(values.dtype.str[1:]),
    )
    header.update(fields)
    header.setdefault('ElementDataFile', raw.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        '\n'.join(
            f'{key} = {value}' for key, value in header.items() if value is not None
        )
        + '\n'
    )
    data = values.tobytes() * planes if data is None else data
    if header['ElementDataFile'].upper() == 'LOCAL':
        with path.open('ab') as file:
            file.write(data)
    else:
        raw.write_bytes(data)
    return path
