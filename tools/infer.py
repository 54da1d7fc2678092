"""Detect lesions, or judge breasts, pairs or exams: DICOM files or pictures."""

from mammo_cli.main import tool

if __name__ == '__main__':
    tool('infer')
