"""Every threshold and every calibration constant of Crosscheck, each with its source.

A raw similarity means nothing to a partner. `-log10(FMR)` does: 4.0 is one false match in ten thousand comparisons,
whichever modality gave it. Raw similarities therefore never leave `models/`.
"""

from __future__ import annotations

# --- Images: caps checked before anything is decoded -----------------------------------------------------------------

# --- Face: detection, choice of the subject, quality -----------------------------------------------------------------

# --- Fingerprint: cylinders, comparison, quality ---------------------------------------------------------------------

# --- Scores: similarity -> -log10(FMR), fusion, bands, flag threshold ------------------------------------------------
