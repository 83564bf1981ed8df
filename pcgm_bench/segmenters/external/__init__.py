"""Segmentations made elsewhere: folders of label maps and tables of volumes."""
