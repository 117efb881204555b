"""Fingerprints: template formats -> minutiae -> binary cylinders -> exact comparison."""
