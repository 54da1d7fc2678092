"""Lesion banks: kept without loss, read with clear errors, true to their source."""

import json

import numpy as np
import pytest

from mammo_plugins.structures import BankLesion, LesionBank, LesionBankError


def lesion(seed, **facts):
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, 65536, rng.integers(2, 9, 2))
    mask = rng.random(levels.shape) < 0.7
    mask[0, 0] = True
    return BankLesion.of(
        levels.astype(np.float32) / 65535,
        mask,
        **dict(
            dict(
                image_shape=(90.5, 40.0),
                pixel_spacing_mm=(0.05, 0.07),
                file_name='images/a.png',
                box=(1.0, 2.0, 8.0, 9.5),
                pathology='malignant',
                inside=mask | (rng.random(levels.shape) < 0.7),
            ),
            **facts,
        ),
    )


@pytest.fixture
def path(tmp_path):
    bank = LesionBank(
        'INbreast',
        [lesion(0), lesion(1, pixel_spacing_mm=None, pathology=None)],
        'train',
        'a1b2',
    )
    path = tmp_path / 'folder/bank.npz'
    bank.write(path)
    return path


def test_a_file_brings_back_what_was_written(path):
    bank = LesionBank.read(path)
    assert (bank.dataset, bank.split, len(bank)) == ('INbreast', 'train', 2)
    assert bank.generation == 'a1b2'
    for k, expected in enumerate(
        (lesion(0), lesion(1, pixel_spacing_mm=None, pathology=None))
    ):
        np.testing.assert_array_equal(bank[k].levels, expected.levels)
        np.testing.assert_array_equal(bank[k].mask, expected.mask)
        np.testing.assert_array_equal(bank[k].inside, expected.inside)
        assert bank[k].facts() == expected.facts()
        assert bank[k].pixels.dtype == np.float32
    assert bank[0].pixel_spacing_mm == (0.05, 0.07)
    assert bank[1].pathology is None
    assert [p.name for p in path.parent.iterdir()] == ['bank.npz']


def test_pixels_keep_sixteen_bits():
    levels = np.arange(65536).reshape(256, 256)
    pixels = levels.astype(np.float32) / 65535
    kept = BankLesion.of(pixels, **lesion(0).facts())
    np.testing.assert_array_equal(kept.levels, levels)
    np.testing.assert_array_equal(kept.pixels, pixels)


def test_the_same_bank_gives_the_same_bytes(path, tmp_path):
    LesionBank.read(path).write(tmp_path / 'again.npz')
    assert (tmp_path / 'again.npz').read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    'bank, dataset, same',
    [
        ('INbreast', 'inbreast', True),
        ('ddsm', 'CBIS-DDSM', True),
        ('CBIS-DDSM', 'CBIS-DDSM', True),
        ('ddsm', 'synthetic, of DDSM', True),
        ('synthetic, of inbreast', 'inbreast', True),
        ('ddsm', 'inbreast', False),
        ('VinDr-Mammo', 'CMMD', False),
    ],
)
def test_same_source(bank, dataset, same):
    assert LesionBank(bank, [lesion(0)]).is_from(dataset) is same
    assert LesionBank(dataset, [lesion(0)]).is_from(bank) is same


def test_simulated_sets_of_one_name():
    """They are the same only if made alike, or where one does not say how."""
    bank = LesionBank('phantom', [lesion(0)], generation='aa')
    assert bank.is_from('phantom', 'aa') and bank.is_from('phantom')
    assert not bank.is_from('phantom', 'bb') and not bank.is_from('ddsm', 'aa')
    assert LesionBank('phantom', [lesion(0)]).is_from('phantom', 'bb')


def rewritten(path, **arrays):
    with np.load(path) as file:
        arrays = {**file, **arrays}
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})


def damage(path, how):
    """Spoil a bank in one way."""
    content = path.read_bytes()
    if how == 'short':
        path.write_bytes(content[: len(content) // 2])
    elif how == 'empty':
        path.write_bytes(b'')
    elif how == 'text':
        path.write_text('lesions')
    elif how == 'array':
        with open(path, 'wb') as file:
            np.save(file, np.zeros(3))
    elif how == 'no facts':
        rewritten(path, bank=None)
    elif how == 'lesion lost':
        rewritten(path, lesion_1=None)
    elif how == 'floats':
        rewritten(path, lesion_1=np.zeros((3, 3)))
    elif how == 'bits':
        place = content.index(b'lesion_0.npy') + 60
        path.write_bytes(content[:place] + bytes(20) + content[place + 20 :])
    elif how == 'other facts':
        rewritten(
            path,
            bank=np.array(
                json.dumps(dict(dataset='x', split=None, lesions=[dict(colour='red')]))
            ),
        )
    elif how == 'no lesions':
        rewritten(
            path, bank=np.array(json.dumps(dict(dataset='x', split=None, lesions=[])))
        )


@pytest.mark.parametrize(
    'how',
    [
        'short',
        'empty',
        'text',
        'array',
        'no facts',
        'lesion lost',
        'floats',
        'bits',
        'other facts',
        'no lesions',
    ],
)
def test_damaged_files_are_named(path, how):
    damage(path, how)
    with pytest.raises(LesionBankError, match='bank.npz: not a lesion bank'):
        LesionBank.read(path)


def test_missing_file(tmp_path):
    with pytest.raises(LesionBankError, match='none.npz: no such.*mammo lesion-bank'):
        LesionBank.read(tmp_path / 'none.npz')


def test_a_bank_holds_lesions():
    with pytest.raises(LesionBankError, match='without lesions'):
        LesionBank('inbreast', [])
