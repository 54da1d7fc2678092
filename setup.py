"""Packaging of mammo_plugins."""
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent


def version() -> str:
    """Return ``__version__`` without importing the package."""
    scope = {}
    exec((ROOT / 'mammo_plugins' / 'version.py').read_text(), scope)
    return scope['__version__']


# the test suite passes with all of these lower bounds together (Python 3.10)
INSTALL_REQUIRES = [
    'torch>=2.6',
    'torchvision>=0.21',
    'onedl-mmengine>=0.10.12,<0.11',
    'onedl-mmcv>=2.3.6,<2.4',
    'onedl-mmdetection>=3.5.1,<3.6',
    'onedl-mmpretrain>=1.3.6,<1.4',
    'numpy>=1.26',
    'opencv-python>=4.11',
    'scipy>=1.11',
    'scikit-image>=0.22',
    'matplotlib>=3.8',
    'pycocotools>=2.0.7',
    'pillow>=10.1',
    'pydicom>=3.0.2',
    'python-gdcm>=3.0.24',
    'pylibjpeg>=2.0',
    'pylibjpeg-openjpeg>=2.3',
    'pylibjpeg-rle>=2.0',
    'tifffile>=2023.9',
    'python-calamine>=0.2.3',
    'tqdm>=4.66',
]
TESTS_REQUIRE = [
    'pytest>=8',
    'pytest-xdist>=3.5',
    'hypothesis>=6.90',
    'scikit-learn>=1.3',
    'openpyxl>=3.1',
]

setup(
    name='mammo_plugins',
    version=version(),
    description='Published multi-view mammography systems as plug-ins for '
    'MMDetection and MMPretrain',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    author='The mammo_plugins authors',
    license='Apache-2.0',
    packages=find_packages(include=['mammo_plugins', 'mammo_plugins.*']),
    python_requires='>=3.10,<3.13',
    install_requires=INSTALL_REQUIRES,
    extras_require=dict(tests=TESTS_REQUIRE),
    classifiers=[
        'Development Status :: 3 - Alpha',
        'Intended Audience :: Science/Research',
        'License :: OSI Approved :: Apache Software License',
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Topic :: Scientific/Engineering :: Medical Science Apps.',
    ],
)
