"""Frames, waveforms and documents as what a screen shows. Pure: data sets in, pictures and text out.

One noun a module, in the order of the pipelines (PS3.4 §N.2): `pixels`, `modality`, `voi`, `tone` for grey;
`palette`, `colour` for colour; then `overlay`, `shutter`, `layout`, `marks`. `picture` puts them together:
start there. Imports `storage` and `viewer_api.view`, knows of no request and no store.
"""
