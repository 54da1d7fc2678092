"""An encoder of lossless JPEG, pixel by pixel.

It follows ITU-T T.81, annex H, and, with ``pvrg``, the source of the PVRG codec for
the first line: ``JpegLosslessEncodeScan`` takes type 1 for the first pixel only, and
``ReadLine`` gives half the range for the line above.
"""


def encode_ljpeg(
    image, predictor=7, precision=16, pvrg=True, point_transform=0, restart=0
):
    """Encode a picture; its Huffman table has 17 codes of five bits."""
    x, half, bits = image.astype(int).tolist(), 1 << (precision - 1), []
    for i, line in enumerate(x):
        for j, value in enumerate(line):
            if j == 0:
                predicted = x[i - 1][0] if i else half
            elif i == 0 and not pvrg:
                predicted = line[j - 1]
            else:
                a = line[j - 1]
                b, c = (x[i - 1][j], x[i - 1][j - 1]) if i else (half, half)
                predicted = {
                    1: a,
                    2: b,
                    3: c,
                    4: a + b - c,
                    5: a + (b - c) // 2,
                    6: b + (a - c) // 2,
                    7: (a + b) // 2,
                }[predictor]
            difference = (value - predicted + 32767) % 65536 - 32767
            size = abs(difference).bit_length()
            bits.append(f'{size:05b}')
            if 0 < size < 16:
                if difference < 0:
                    difference += (1 << size) - 1
                bits.append(f'{difference:0{size}b}')
    text = ''.join(bits)
    text += '1' * (-len(text) % 8)
    coded = int(text, 2).to_bytes(len(text) // 8, 'big').replace(b'\xff', b'\xff\x00')
    height, width = image.shape

    def segment(marker, body):
        return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, 'big') + body

    return b''.join(
        [
            b'\xff\xd8',
            segment(
                0xC3,
                bytes(
                    [
                        precision,
                        *divmod(height, 256),
                        *divmod(width, 256),
                        1,
                        1,
                        0x11,
                        0,
                    ]
                ),
            ),
            segment(0xDD, bytes([0, restart])) if restart else b'',
            segment(0xC4, bytes([0, 0, 0, 0, 0, 17, *[0] * 11, *range(17)])),
            segment(0xDA, bytes([1, 1, 0, predictor, 0, point_transform])),
            coded,
            b'\xff\xd9',
        ]
    )
