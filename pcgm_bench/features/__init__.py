"""Feature spaces: one image to a vector, and sets of images to a matrix that is kept on disk.

`uncnn` (the default: needs no weights), `segmenter` and `medicalnet` hold the extractors, `cache` the store. All
extractors compute one image at a time on one CPU thread (or on the GPU that is named), so that a feature's bits depend
neither on the other images nor on how many cores there are.
"""
