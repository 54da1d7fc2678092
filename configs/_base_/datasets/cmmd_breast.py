# DIVF-Net, section 4.1: breasts of CMMD, benign against malignant, 85:15 by patient,
# stratified; 586 + 1,362 breasts in the paper. Without a val part.
#     python tools/dataset_converters/cmmd.py RAW_DIR --out data/cmmd
data_set = dict(
    type='CMMD',
    data_root='data/cmmd/',
    labels=dict(field='pathology', negative=('benign',), positive=('malignant',)),
)
