"""Random damage to the bytes of a file."""

import numpy as np


def damage(data: bytes, rng: np.random.Generator, within: int = 0) -> bytes:
    """Return bytes with one to three faults: flipped, cut, repeated, overwritten.

    Args:
        data (bytes): Of a sound file.
        rng (Generator): Random numbers.
        within (int): The faults lie in the first so many bytes. Defaults to 0, all.
    """
    for _ in range(rng.integers(1, 4)):
        if len(data) < 2:
            break
        end = min(within, len(data)) or len(data)
        at = int(rng.integers(end))
        length = int(rng.integers(1, 1 + min(64, len(data) - at)))
        other = int(rng.integers(len(data)))
        data = [
            lambda: (
                data[:at]
                + bytes([data[at] ^ 1 << int(rng.integers(8))])
                + data[at + 1 :]
            ),
            lambda: data[:at] + bytes([int(rng.integers(256))]) + data[at + 1 :],
            lambda: data[:at],
            lambda: data[:at] + data[at + length :],
            lambda: data[:at] + data[other : other + length] + data[at:],
            lambda: data[:at] + b'\xff' * length + data[at + length :],
            lambda: data[:at] + bytes(length) + data[at + length :],
            lambda: data[:at] + rng.bytes(length) + data[at + length :],
            lambda: (
                data[:at]
                + int(2 ** rng.uniform(0, 32)).to_bytes(
                    4, 'little' if rng.integers(2) else 'big'
                )
                + data[at + 4 :]
            ),
        ][rng.integers(9)]()
    return data
