"""A region to try: trusts, synthetic people and modalities that push real DICOM over the network.

Everybody in it is invented: NHS numbers come from the range kept for tests. Run it with `make demo`;
start reading at `play.py`.
"""
