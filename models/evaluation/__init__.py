"""Measures accuracy on labelled samples, in the terms of ISO/IEC 19795-1, with intervals; fits calibrations."""
