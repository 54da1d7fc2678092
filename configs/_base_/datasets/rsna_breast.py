# Breasts of the RSNA set of 2022, cancer against no cancer. The latter are breasts
# without a biopsy, whose pathology is unknown, and those with a benign biopsy. About
# one breast in fifty has cancer.
#     python tools/dataset_converters/rsna.py RAW_DIR --out data/rsna
data_set = dict(
    type='RSNA',
    data_root='data/rsna/',
    labels=dict(field='pathology', negative=('benign', None), positive=('malignant',)),
)
