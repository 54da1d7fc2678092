# The task of cdd_cesm_exam.py on ordinary mammograms: INbreast exams of four views.
#     python tools/dataset_converters/inbreast.py RAW_DIR --out data/inbreast
data_set = dict(
    type='INbreast',
    data_root='data/inbreast/',
    labels=dict(field='birads', negative=('1', '2', '3'), positive=('4', '5', '6')),
)
