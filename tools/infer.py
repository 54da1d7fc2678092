"""Detect lesions or classify breasts, pairs or exams in DICOM files or pictures."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('infer')
